#include "load/kafka.h"

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>

namespace gregor::bench {
namespace {

using ErrorText = std::array<char, 512>;
constexpr int k_answer_ms = 30'000;
constexpr int k_look_again_ms = 50;

using NewTopic = std::unique_ptr<rd_kafka_NewTopic_t, Destroy<rd_kafka_NewTopic_destroy>>;
using Event = std::unique_ptr<rd_kafka_event_t, Destroy<rd_kafka_event_destroy>>;
using Metadata = std::unique_ptr<const rd_kafka_metadata_t, Destroy<rd_kafka_metadata_destroy>>;

void create_topic(const Kafka& kafka, const std::string& name, int partitions) {
    ErrorText text{};
    const NewTopic topic(rd_kafka_NewTopic_new(name.c_str(), partitions, 1, text.data(), text.size()));
    if (!topic) give_up(text.data());
    const Queue queue(rd_kafka_queue_new(kafka.get()));
    std::array topics{topic.get()};
    rd_kafka_CreateTopics(kafka.get(), topics.data(), topics.size(), nullptr, queue.get());
    const Event event(rd_kafka_queue_poll(queue.get(), k_answer_ms));
    if (!event) give_up("no answer to CreateTopics");
    if (rd_kafka_event_error(event.get())) give_up(rd_kafka_event_error_string(event.get()));
    std::size_t count = 0;
    const auto* results =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event.get()), &count);
    for (std::size_t i = 0; i < count; ++i) {
        const auto error = rd_kafka_topic_result_error(results[i]);
        if (error != RD_KAFKA_RESP_ERR_NO_ERROR && error != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
            give_up(fmt::format("topic {}: {}", name, rd_kafka_err2str(error)));
    }
}

int partitions_with_leader(const Kafka& kafka, const Topic& topic) {
    const rd_kafka_metadata_t* found = nullptr;
    const auto error = rd_kafka_metadata(kafka.get(), 0, topic.get(), &found, k_answer_ms);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) give_up(rd_kafka_err2str(error));
    const Metadata metadata(found);
    int led = 0;
    for (int i = 0; i < found->topics[0].partition_cnt; ++i)
        led += found->topics[0].partitions[i].leader >= 0;
    return led;
}

}  // namespace

void give_up(std::string_view why) {
    fmt::print(stderr, "load_bench: {}\n", why);
    std::_Exit(1);
}

Kafka make_client(rd_kafka_type_t type, const Properties& properties, DeliveryReport report, void* opaque) {
    ErrorText text{};
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    for (const auto& [key, value] : properties) {
        if (rd_kafka_conf_set(conf, key, value.c_str(), text.data(), text.size()) != RD_KAFKA_CONF_OK)
            give_up(text.data());
    }
    if (report != nullptr) rd_kafka_conf_set_dr_msg_cb(conf, report);
    rd_kafka_conf_set_opaque(conf, opaque);
    Kafka kafka(rd_kafka_new(type, conf, text.data(), text.size()));  // the client owns conf from here
    if (!kafka) give_up(text.data());
    return kafka;
}

Topic topic_of(const Kafka& kafka, const std::string& name) {
    Topic topic(rd_kafka_topic_new(kafka.get(), name.c_str(), nullptr));
    if (!topic) give_up(fmt::format("topic {}: {}", name, rd_kafka_err2str(rd_kafka_last_error())));
    return topic;
}

void ensure_topic(const Kafka& kafka, const std::string& name, int partitions) {
    create_topic(kafka, name, partitions);
    const auto topic = topic_of(kafka, name);
    for (int waited_ms = 0; waited_ms < k_answer_ms; waited_ms += k_look_again_ms) {
        const int led = partitions_with_leader(kafka, topic);
        if (led == partitions) return;
        if (led > partitions)
            give_up(fmt::format("topic {} has {} partitions, not {}", name, led, partitions));
        std::this_thread::sleep_for(std::chrono::milliseconds(k_look_again_ms));
    }
    give_up(fmt::format("topic {} has not {} partitions with a leader", name, partitions));
}

}  // namespace gregor::bench
