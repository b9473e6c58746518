#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <random>
#include <thread>

#include "load/kafka.h"
#include "load/load.h"
#include "load/process_cpu.h"

namespace gregor::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t k_pool_bytes = 1 << 20;
constexpr int k_poll_ms = 50;
constexpr auto k_queue_full_pause = std::chrono::microseconds(500);

std::int64_t now_us() {
    return std::chrono::duration_cast<std::chrono::microseconds>(Clock::now().time_since_epoch()).count();
}

// Letters of four bits each: a codec finds something to do, and not everything.
std::string payload_pool(std::size_t bytes) {
    std::minstd_rand random(1);
    std::string pool(bytes, ' ');
    for (auto& letter : pool) letter = static_cast<char>('a' + (random() >> 8) % 16);
    return pool;
}

// One client with its connection, a thread that hands records over and one that takes the reports.
class Producer {
public:
    Producer(const Target& target, const ProduceLoad& load, std::int64_t records, const std::string& pool)
        : target_(target),
          load_(load),
          records_(records),
          pool_(pool),
          kafka_(make_client(RD_KAFKA_PRODUCER,
                             {{"bootstrap.servers", target.broker},
                              {"acks", load.acks},
                              {"linger.ms", fmt::format("{}", load.linger_ms)},
                              {"compression.codec", load.codec},
                              {"message.max.bytes",
                               std::to_string(std::max<std::int64_t>(1'000'000, 2 * load.record_bytes))},
                              {"queue.buffering.max.kbytes", "32768"}},
                             &Producer::on_report, this)) {
        ensure_topic(kafka_, target.topic, target.partitions);
        topic_ = topic_of(kafka_, target.topic);
    }

    void start() {
        sender_ = std::thread([this] { send_all(); });
        reporter_ = std::thread([this] { take_reports(); });
    }
    void join() {
        sender_.join();
        reporter_.join();
    }
    void add_to(Measured& total) const {
        total.records += records_;
        total.bytes += records_ * load_.record_bytes;
        total.latency.merge(latency_);
        total.lateness.merge(lateness_);
    }

private:
    static void on_report(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
        auto& self = *static_cast<Producer*>(opaque);
        if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
            give_up(fmt::format("a record was not acknowledged: {}", rd_kafka_err2str(message->err)));
        self.latency_.add(now_us() -
                          static_cast<std::int64_t>(reinterpret_cast<std::intptr_t>(message->_private)));
        ++self.reported_;
    }

    void send_all() {
        const std::int64_t started_us = now_us();
        const double gap_us = load_.records_per_s > 0 ? 1e6 * load_.producers / load_.records_per_s : 0;
        for (std::int64_t i = 0; i < records_; ++i) {
            std::int64_t due_us = now_us();
            if (gap_us > 0) {
                due_us = started_us + static_cast<std::int64_t>(gap_us * static_cast<double>(i));
                std::this_thread::sleep_until(Clock::time_point(std::chrono::microseconds(due_us)));
                lateness_.add(now_us() - due_us);
            }
            send(i, due_us);
        }
    }

    void send(std::int64_t i, std::int64_t due_us) {
        const auto size = static_cast<std::size_t>(load_.record_bytes);
        const std::size_t at = static_cast<std::size_t>(i) * 61 % (pool_.size() - size);
        const auto partition = static_cast<std::int32_t>(i % target_.partitions);
        const auto key = load_.keys > 0 ? i / target_.partitions % load_.keys : 0;
        const void* const key_bytes = load_.keys > 0 ? &key : nullptr;
        while (rd_kafka_produce(topic_.get(), partition, RD_KAFKA_MSG_F_COPY,
                                const_cast<char*>(pool_.data() + at), size, key_bytes,
                                key_bytes == nullptr ? 0 : sizeof(key),
                                reinterpret_cast<void*>(static_cast<std::intptr_t>(due_us))) != 0) {
            if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL)
                give_up(rd_kafka_err2str(rd_kafka_last_error()));
            std::this_thread::sleep_for(k_queue_full_pause);
        }
    }

    void take_reports() {
        while (reported_ < records_) rd_kafka_poll(kafka_.get(), k_poll_ms);
    }

    const Target& target_;
    const ProduceLoad& load_;
    const std::int64_t records_;
    const std::string& pool_;
    Kafka kafka_;
    Topic topic_;
    std::thread sender_;
    std::thread reporter_;
    std::int64_t reported_ = 0;  // the reporter's, as is latency_
    Histogram latency_;
    Histogram lateness_;  // the sender's
};

}  // namespace

Measured produce(const Target& target, const ProduceLoad& load) {
    const auto pool = payload_pool(k_pool_bytes + static_cast<std::size_t>(load.record_bytes));
    const std::int64_t records =
        std::max<std::int64_t>(load.total_bytes / load.record_bytes / load.producers, 1);
    std::deque<Producer> producers;
    for (int i = 0; i < load.producers; ++i) producers.emplace_back(target, load, records, pool);

    Measured measured;
    const double cpu_before_s = tree_cpu_s(target.broker_pid);
    const std::int64_t started_us = now_us();
    for (auto& producer : producers) producer.start();
    for (auto& producer : producers) producer.join();
    measured.seconds = static_cast<double>(now_us() - started_us) / 1e6;
    measured.broker_cpu_s = tree_cpu_s(target.broker_pid) - cpu_before_s;
    for (const auto& producer : producers) producer.add_to(measured);
    return measured;
}

}  // namespace gregor::bench
