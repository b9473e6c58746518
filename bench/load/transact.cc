#include <fmt/format.h>

#include <chrono>
#include <thread>

#include "load/kafka.h"
#include "load/load.h"
#include "load/process_cpu.h"

namespace gregor::bench {
namespace {

constexpr int k_timeout_ms = 60'000;

void check(rd_kafka_error_t* error) {
    if (error != nullptr) give_up(rd_kafka_error_string(error));
}

// One transaction after the other, each spread over the partitions.
void run_transactions(const Target& target, const TransactLoad& load, const Kafka& kafka) {
    const auto topic = topic_of(kafka, target.topic);
    const std::string value(static_cast<std::size_t>(load.record_bytes), 'x');
    for (std::int64_t done = 0; done < load.transactions; ++done) {
        check(rd_kafka_begin_transaction(kafka.get()));
        for (int i = 0; i < load.records; ++i)
            if (rd_kafka_produce(topic.get(), i % target.partitions, RD_KAFKA_MSG_F_COPY,
                                 const_cast<char*>(value.data()), value.size(), nullptr, 0, nullptr) != 0)
                give_up(rd_kafka_err2str(rd_kafka_last_error()));
        check(rd_kafka_commit_transaction(kafka.get(), k_timeout_ms));
    }
}

}  // namespace

Measured transact(const Target& target, const TransactLoad& load) {
    std::vector<Kafka> clients;
    for (int i = 0; i < load.producers; ++i) {
        clients.push_back(make_client(RD_KAFKA_PRODUCER, {{"bootstrap.servers", target.broker},
                                                          {"transactional.id", fmt::format("load-{}", i)},
                                                          {"linger.ms", "5"}}));
        ensure_topic(clients.back(), target.topic, target.partitions);
        check(rd_kafka_init_transactions(clients.back().get(), k_timeout_ms));
    }
    Measured measured;
    const double cpu_before_s = tree_cpu_s(target.broker_pid);
    const auto started = std::chrono::steady_clock::now();
    std::vector<std::thread> threads;
    for (const auto& client : clients) threads.emplace_back([&] { run_transactions(target, load, client); });
    for (auto& thread : threads) thread.join();
    measured.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    measured.broker_cpu_s = tree_cpu_s(target.broker_pid) - cpu_before_s;
    measured.records = load.producers * load.transactions * load.records;
    measured.bytes = measured.records * load.record_bytes;
    return measured;
}

}  // namespace gregor::bench
