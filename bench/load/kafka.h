// Owners of librdkafka's handles, and what both loads do with them. Any refusal ends the program with one
// sentence.
#pragma once

#include <librdkafka/rdkafka.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gregor::bench {

template <auto destroy>
struct Destroy {
    void operator()(auto* handle) const { destroy(handle); }
};
using Kafka = std::unique_ptr<rd_kafka_t, Destroy<rd_kafka_destroy>>;
using Topic = std::unique_ptr<rd_kafka_topic_t, Destroy<rd_kafka_topic_destroy>>;
using Queue = std::unique_ptr<rd_kafka_queue_t, Destroy<rd_kafka_queue_destroy>>;

using Properties = std::vector<std::pair<const char*, std::string>>;
using DeliveryReport = void (*)(rd_kafka_t* kafka, const rd_kafka_message_t* message, void* opaque);

[[noreturn]] void give_up(std::string_view why);

Kafka make_client(rd_kafka_type_t type, const Properties& properties, DeliveryReport report = nullptr,
                  void* opaque = nullptr);
Topic topic_of(const Kafka& kafka, const std::string& name);

// Creates the topic, waits until every partition has a leader, and fails if it exists with another count of
// them.
void ensure_topic(const Kafka& kafka, const std::string& name, int partitions);

}  // namespace gregor::bench
