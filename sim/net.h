// The simulated network between machines: streams with latency, bandwidth, bounded windows and frames split
// anywhere; connections that stall, break, or end with the process or the machine at one end.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "base/prng.h"
#include "io/ports.h"
#include "sim/connection.h"
#include "sim/world.h"

namespace gregor::sim {

class Machine;
class SimNetwork;
enum class CrashKind : std::uint8_t;

class Net {
public:
    explicit Net(World& world) : world_(world), prng_(world.split()) {}
    Net(const Net&) = delete;
    Net& operator=(const Net&) = delete;

    std::unique_ptr<io::Network> open_for(Machine& machine, ShardId shard);

    // Faults. A broken connection loses what is under way; a stalled one delivers nothing until then.
    std::size_t connection_count() const { return connections_.size(); }
    void break_connection(std::size_t number);
    void stall_connection(std::size_t number, Instant until);
    void process_died(ProcessId process, CrashKind kind);

private:
    friend class SimNetwork;
    struct Listener {
        ProcessId process;
        std::uint32_t id = 0;        // the number its owner gave it
        std::uint32_t accepted = 0;  // for turns among the shards
    };
    using Address = std::pair<std::uint32_t, std::uint16_t>;  // machine, port
    using Shard = std::pair<ProcessId, ShardId>;

    Result<std::uint16_t> listen(Machine& machine, std::uint32_t listener, const io::Endpoint& at);
    void stop_listening(ProcessId process, std::uint32_t listener);
    void connect(Machine& from, const io::Endpoint& to, io::ConnectHandler& handler);
    void arrive(ProcessId client, const io::Endpoint& to, Machine& target, io::ConnectHandler& handler);
    void accept(Listener& listener, Ref<Connection> connection);
    void forget_closed();
    Duration latency();
    std::uint16_t free_port(std::uint32_t machine);

    World& world_;
    Prng prng_;
    std::map<Address, Listener> listeners_;
    std::map<Shard, io::AcceptHandler*> accept_handlers_;
    std::vector<Ref<Connection>> connections_;
    std::uint16_t next_port_ = 40'000;
};

}  // namespace gregor::sim
