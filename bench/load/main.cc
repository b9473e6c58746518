// load_bench: one load on one broker through librdkafka, measured, as one line of JSON.
//
//   load_bench produce --broker HOST:PORT --topic T --producers 8 --record-bytes 1024 --broker-pid PID ...
//   load_bench consume --broker HOST:PORT --topic T
//   load_bench transact --broker HOST:PORT --topic T --producers 4 --transactions 500 --broker-pid PID
//   load_bench floor --file F --total-bytes N
#include <CLI/CLI.hpp>

#include <fmt/format.h>

#include "load/floor.h"
#include "load/load.h"

namespace gregor::bench {
namespace {

std::string json(const Histogram& histogram) {
    return fmt::format(R"({{"p50":{},"p99":{},"p999":{},"max":{}}})", histogram.quantile_us(0.5),
                       histogram.quantile_us(0.99), histogram.quantile_us(0.999), histogram.max_us());
}

void print(const Measured& measured) {
    fmt::print(
        R"({{"records":{},"bytes":{},"seconds":{:.6f},"broker_cpu_s":{:.3f},"latency_us":{},"lateness_us":{}}})"
        "\n",
        measured.records, measured.bytes, measured.seconds, measured.broker_cpu_s, json(measured.latency),
        json(measured.lateness));
}

void add_target(CLI::App& command, Target& target) {
    command.add_option("--broker", target.broker, "host:port");
    command.add_option("--topic", target.topic, "created where it is missing (produce)");
    command.add_option("--partitions", target.partitions)->check(CLI::PositiveNumber);
    command.add_option("--broker-pid", target.broker_pid,
                       "count the CPU time of this process and its descendants");
}

void add_load(CLI::App& command, ProduceLoad& load) {
    command.add_option("--producers", load.producers, "clients, each with its connection")
        ->check(CLI::PositiveNumber);
    command.add_option("--record-bytes", load.record_bytes)->check(CLI::Range(1, 16 << 20));
    command.add_option("--total-bytes", load.total_bytes)->check(CLI::PositiveNumber);
    command.add_option("--keys", load.keys, "how many different ones; 0: none")
        ->check(CLI::NonNegativeNumber);
    command.add_option("--acks", load.acks)->check(CLI::IsMember({"0", "1", "all"}));
    command.add_option("--codec", load.codec)
        ->check(CLI::IsMember({"none", "gzip", "snappy", "lz4", "zstd"}));
    command.add_option("--linger-ms", load.linger_ms)->check(CLI::NonNegativeNumber);
    command
        .add_option("--records-per-s", load.records_per_s, "open loop at this rate; 0: as fast as it goes")
        ->check(CLI::NonNegativeNumber);
}

void add_load(CLI::App& command, TransactLoad& load) {
    command.add_option("--producers", load.producers, "clients, each with its transactional id")
        ->check(CLI::PositiveNumber);
    command.add_option("--transactions", load.transactions, "of each")->check(CLI::PositiveNumber);
    command.add_option("--records", load.records, "of a transaction")->check(CLI::PositiveNumber);
    command.add_option("--record-bytes", load.record_bytes)->check(CLI::Range(1, 16 << 20));
}

void print(const Floor& floor) {
    fmt::print(R"({{"append_cpu_s_per_gb":{:.4f},"send_cpu_s_per_gb":{:.4f},)"
               R"("sync_p50_ms":{:.3f},"sync_p99_ms":{:.3f}}})"
               "\n",
               floor.append_cpu_s_per_gb, floor.send_cpu_s_per_gb, floor.sync_p50_ms, floor.sync_p99_ms);
}

void add_floor(CLI::App& command, FloorLoad& load) {
    command.add_option("--file", load.file, "written and left behind");
    command.add_option("--total-bytes", load.total_bytes)->check(CLI::PositiveNumber);
    command.add_option("--server-cpus", load.server_cpus, "the broker's")->delimiter(',');
    command.add_option("--client-cpus", load.client_cpus)->delimiter(',');
}

int run(int argc, char** argv) {
    Target target;
    ProduceLoad load;
    TransactLoad transactions;
    FloorLoad floor;
    CLI::App app("one load on one Kafka broker, measured");
    app.option_defaults()->always_capture_default();
    app.require_subcommand(1);
    auto* producing = app.add_subcommand("produce", "send records and wait for every acknowledgement");
    auto* transacting = app.add_subcommand("transact", "send records in transactions, and commit each");
    auto* consuming = app.add_subcommand("consume", "read what the topic holds, from its start");
    auto* flooring =
        app.add_subcommand("floor", "what the bytes alone cost: receive, CRC, append; sendfile; fsync");
    add_floor(*flooring, floor);
    add_target(*producing, target);
    add_target(*transacting, target);
    add_load(*transacting, transactions);
    add_target(*consuming, target);
    add_load(*producing, load);
    CLI11_PARSE(app, argc, argv);
    if (flooring->parsed()) {
        print(measure_floor(floor));
    } else if (transacting->parsed()) {
        print(transact(target, transactions));
    } else {
        print(producing->parsed() ? produce(target, load) : consume(target));
    }
    return 0;
}

}  // namespace
}  // namespace gregor::bench

int main(int argc, char** argv) { return gregor::bench::run(argc, argv); }
