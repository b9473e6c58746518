#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "load/kafka.h"
#include "load/load.h"
#include "load/process_cpu.h"

namespace gregor::bench {
namespace {

using Clock = std::chrono::steady_clock;
constexpr int k_answer_ms = 30'000;
constexpr std::size_t k_batch = 1000;

std::int64_t records_of(const Kafka& kafka, const Target& target) {
    std::int64_t records = 0;
    for (std::int32_t partition = 0; partition < target.partitions; ++partition) {
        std::int64_t low = 0, high = 0;
        const auto error = rd_kafka_query_watermark_offsets(kafka.get(), target.topic.c_str(), partition,
                                                            &low, &high, k_answer_ms);
        if (error != RD_KAFKA_RESP_ERR_NO_ERROR) give_up(rd_kafka_err2str(error));
        records += high - low;
    }
    return records;
}

void take(rd_kafka_message_t* message, Measured& measured) {
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        ++measured.records;
        measured.bytes += static_cast<std::int64_t>(message->len);
    } else if (message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        give_up(rd_kafka_message_errstr(message));
    }
    rd_kafka_message_destroy(message);
}

// A batch is asked for only as large as what is still to come: the client waits for a whole one.
void take_all(const Queue& queue, std::int64_t wanted, Measured& measured) {
    std::array<rd_kafka_message_t*, k_batch> messages{};
    while (measured.records < wanted) {
        const auto room = std::min<std::size_t>(k_batch, static_cast<std::size_t>(wanted - measured.records));
        const auto count = rd_kafka_consume_batch_queue(queue.get(), k_answer_ms, messages.data(), room);
        if (count <= 0) give_up(fmt::format("{} of {} records came, then nothing", measured.records, wanted));
        for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) take(messages[i], measured);
    }
}

}  // namespace

Measured consume(const Target& target) {
    const auto kafka = make_client(RD_KAFKA_CONSUMER, {{"bootstrap.servers", target.broker}});
    const auto topic = topic_of(kafka, target.topic);
    const Queue queue(rd_kafka_queue_new(kafka.get()));
    const std::int64_t wanted = records_of(kafka, target);

    Measured measured;
    const double cpu_before_s = tree_cpu_s(target.broker_pid);
    const auto started = Clock::now();
    for (std::int32_t partition = 0; partition < target.partitions; ++partition) {
        if (rd_kafka_consume_start_queue(topic.get(), partition, RD_KAFKA_OFFSET_BEGINNING, queue.get()) != 0)
            give_up(rd_kafka_err2str(rd_kafka_last_error()));
    }
    take_all(queue, wanted, measured);
    measured.seconds = std::chrono::duration<double>(Clock::now() - started).count();
    measured.broker_cpu_s = tree_cpu_s(target.broker_pid) - cpu_before_s;
    for (std::int32_t partition = 0; partition < target.partitions; ++partition)
        rd_kafka_consume_stop(topic.get(), partition);
    return measured;
}

}  // namespace gregor::bench
