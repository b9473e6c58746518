#include "sim/node_program.h"

#include "sim/faults.h"

namespace gregor::sim {

NodeProgram::NodeProgram(Machine& machine, node::NodeConfig config)
    : machine_(machine), node_(std::move(config), machine.ports(), *this) {
    node_.start();
}

void NodeProgram::check_invariants() const { node_.check_invariants(); }

bool NodeProgram::stop() {
    if (!std::exchange(is_stopping_, true)) node_.stop();
    return true;
}

void NodeProgram::on_ready() {
    is_ready_ = true;
    REACHED("sim_node_ready");
}

// Whatever the disk kept of an earlier life, a node must be able to go on from it.
void NodeProgram::on_failed(const Error& why) {
    if (!machine_.is_running()) return;
    if (!is_of_a_failing_disk(why))
        return machine_.world().fail(machine_.host() + " cannot go on: " + why.detail);
    REACHED("sim_node_stopped_by_its_disk");
    machine_.crash(CrashKind::kill);
}

void NodeProgram::on_stopped() {
    // Before it served anybody it leaves as if it were killed, with its reads under way.
    if (!is_ready_) return machine_.crash(CrashKind::kill);
    REACHED("sim_node_stopped");
    machine_.exit();
}

Result<node::NodeConfig> simulated_node_config(const std::string& host, std::uint32_t shards, Prng& prng) {
    auto properties = node::embedded_defaults();
    const auto set = [&properties](std::string key, std::string value) {
        properties.push_back({std::move(key), std::move(value), 0});
    };
    set("listeners", "PLAINTEXT://" + host + ":9092,CONTROLLER://" + host + ":9093");
    set("advertised.listeners", "PLAINTEXT://" + host + ":9092");
    set("controller.quorum.bootstrap.servers", host + ":9093");
    set("log.dirs", prng.chance(1, 2) ? "/data" : "/data,/more");
    set("gregor.shards", std::to_string(shards));
    set("offsets.topic.num.partitions", std::to_string(1 + prng.below(3)));
    set("group.initial.rebalance.delay.ms", std::to_string(prng.below(1'000)));
    set("group.consumer.min.session.timeout.ms", "6000");
    set("group.consumer.session.timeout.ms", "6000");
    set("group.consumer.min.heartbeat.interval.ms", "1000");
    set("group.consumer.heartbeat.interval.ms", "1000");
    set("group.consumer.assignment.interval.ms", prng.chance(1, 2) ? "0" : "1000");
    set("max.incremental.fetch.session.cache.slots", "3");
    set("gregor.memory.bytes", "33554432");  // the smallest
    set("gregor.partition.idle.ms", std::to_string(1 + prng.below(prng.chance(1, 2) ? 30 : 3'000)));
    set("max.connections", "200");  // so that connections are counted
    set("transaction.state.log.num.partitions", std::to_string(1 + prng.below(3)));
    auto settings = TRY(node::Settings::make("", properties));
    auto config = TRY(node::make_config(std::move(settings)));
    config.mark_bytes = prng.between(500, 20'000);
    return config;
}

Result<node::NodeConfig> simulated_controller_config(const std::string& host, Prng& prng) {
    auto properties = node::embedded_defaults();
    const auto set = [&properties](std::string key, std::string value) {
        properties.push_back({std::move(key), std::move(value), 0});
    };
    set("listeners", "PLAINTEXT://" + host + ":9092,CONTROLLER://" + host + ":9093");
    set("advertised.listeners", "PLAINTEXT://" + host + ":9092");
    set("log.dirs", "/data");
    if (prng.chance(1, 2)) set("controller.quorum.voters", "1@" + host + ":9093");
    set("metadata.log.max.record.bytes.between.snapshots", std::to_string(prng.between(500, 8'000)));
    if (prng.chance(1, 2))
        set("metadata.log.max.snapshot.interval.ms", std::to_string(prng.between(20, 500)));
    set("metadata.max.retention.bytes", std::to_string(prng.between(2'000, 40'000)));
    set("internal.metadata.log.segment.bytes", std::to_string(prng.between(4'000, 12'000)));
    return node::make_config(TRY(node::Settings::make("", properties)));
}

}  // namespace gregor::sim
