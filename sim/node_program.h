// A whole broker on a simulated machine: node::Node, exactly as in production.
#pragma once

#include "node/node.h"
#include "sim/machine.h"

namespace gregor::sim {

class NodeProgram final : public Program, public node::NodeObserver {
public:
    NodeProgram(Machine& machine, node::NodeConfig config);
    void check_invariants() const override;
    bool stop() override;
    bool is_ready() const { return is_ready_; }

private:
    void on_ready() override;
    void on_failed(const Error& why) override;
    void on_stopped() override;

    Machine& machine_;
    bool is_ready_ = false;
    bool is_stopping_ = false;
    bool is_done_ = false;
    node::Node node_;
};

// One broker and controller on machine `host`, with limits small enough to be met within a minute.
Result<node::NodeConfig> simulated_node_config(const std::string& host, std::uint32_t shards, Prng& prng);

// The controller role alone, with snapshots and segments of a few kilobytes.
Result<node::NodeConfig> simulated_controller_config(const std::string& host, Prng& prng);

}  // namespace gregor::sim
