#include "sim/net.h"

#include <algorithm>
#include <array>

#include "base/assert.h"
#include "sim/machine.h"

namespace gregor::sim {

// What one shard of one process sees of the network.
class SimNetwork final : public io::Network {
public:
    SimNetwork(Net& net, Machine& machine, ShardId shard)
        : net_(net), machine_(machine), process_(machine.process()), shard_(shard) {}
    ~SimNetwork() override { net_.accept_handlers_.erase({process_, shard_}); }

    Result<std::uint16_t> listen(std::uint32_t listener, const io::Endpoint& at) override {
        ASSERT(shard_ == ShardId{0});
        return net_.listen(machine_, listener, at);
    }
    void stop_listening(std::uint32_t listener) override { net_.stop_listening(process_, listener); }
    void set_accept_handler(io::AcceptHandler& handler) override {
        net_.accept_handlers_[{process_, shard_}] = &handler;
    }
    void connect(const io::Endpoint& to, io::ConnectHandler& handler) override {
        if (machine_.is_running()) net_.connect(machine_, to, handler);
    }

private:
    Net& net_;
    Machine& machine_;
    ProcessId process_;
    ShardId shard_;
};

std::unique_ptr<io::Network> Net::open_for(Machine& machine, ShardId shard) {
    return std::make_unique<SimNetwork>(*this, machine, shard);
}

// ---------------------------------------------------------------- listening

Result<std::uint16_t> Net::listen(Machine& machine, std::uint32_t listener, const io::Endpoint& at) {
    const auto port = at.port == 0 ? free_port(machine.number()) : at.port;
    const auto [place, is_new] =
        listeners_.try_emplace({machine.number(), port}, Listener{machine.process(), listener, 0});
    if (!is_new) {
        return fail(ErrorCode::network_exception,
                    "port " + std::to_string(port) + " is taken on " + machine.host());
    }
    return port;
}

void Net::stop_listening(ProcessId process, std::uint32_t listener) {
    std::erase_if(listeners_, [&](const auto& entry) {
        return entry.second.process == process && entry.second.id == listener;
    });
}

std::uint16_t Net::free_port(std::uint32_t machine) {
    do {
        next_port_ = next_port_ >= 60'000 ? 40'000 : static_cast<std::uint16_t>(next_port_ + 1);
    } while (listeners_.contains({machine, next_port_}));
    return next_port_;
}

// ---------------------------------------------------------------- connecting

Duration Net::latency() { return Duration::micros(prng_.between(30, 500)); }

void Net::connect(Machine& from, const io::Endpoint& to, io::ConnectHandler& handler) {
    const bool is_self = to.host.empty() || to.host == "localhost" || to.host == "127.0.0.1";
    auto* target = is_self ? &from : world_.find_machine(to.host);
    const auto client = from.process();
    if (target == nullptr) {
        world_.schedule(world_.now() + latency(), client, "net_unknown_host", [&handler, host = to.host] {
            handler.on_connect_failed({ErrorCode::network_exception, "unknown host " + host});
        });
        return;
    }
    world_.schedule(world_.now() + latency(), client, "net_connect",
                    [this, client, to, target, &handler] { arrive(client, to, *target, handler); });
}

// The attempt has reached the other machine.
void Net::arrive(ProcessId client, const io::Endpoint& to, Machine& target, io::ConnectHandler& handler) {
    const auto found = listeners_.find({target.number(), to.port});
    if (found == listeners_.end()) {
        return handler.on_connect_failed({ErrorCode::network_exception, "connection refused by " + to.host +
                                                                            ":" + std::to_string(to.port)});
    }
    constexpr std::array<std::size_t, 4> k_windows = {4'096, 65'536, 262'144, 1'048'576};
    auto connection = make_ref<Connection>(
        world_, prng_.split(),
        ConnectionModel{latency(), k_windows[prng_.below(k_windows.size())], 125'000'000});
    auto& from = world_.machine(client.machine);
    connection->set_end(Connection::client, client, {from.host(), free_port(client.machine)});
    connection->set_end(Connection::server, found->second.process, {to.host, to.port});
    forget_closed();
    connections_.push_back(connection);
    accept(found->second, connection);
    world_.schedule(world_.now() + latency(), client, "net_connected",
                    [&handler, stream = connection->stream(Connection::client)]() mutable {
                        handler.on_connected(std::move(stream));
                    });
}

void Net::accept(Listener& listener, Ref<Connection> connection) {
    const auto shards = world_.machine(listener.process.machine).shard_count();
    const ShardId shard{listener.accepted++ % shards};
    const auto handler = accept_handlers_.find({listener.process, shard});
    ASSERT(handler != accept_handlers_.end());
    world_.schedule(
        world_.now() + Duration::micros(5), listener.process, "net_accept",
        [to = handler->second, id = listener.id, stream = connection->stream(Connection::server)]() mutable {
            to->on_accept(id, std::move(stream));
        });
}

void Net::forget_closed() {
    std::erase_if(connections_, [](const Ref<Connection>& connection) { return connection->is_closed(); });
}

// ---------------------------------------------------------------- faults

void Net::break_connection(std::size_t number) {
    if (number < connections_.size()) connections_[number]->break_off();
}

void Net::stall_connection(std::size_t number, Instant until) {
    if (number < connections_.size()) connections_[number]->stall(until);
}

// After a kill the other ends see a reset; after a power cut silence, until they find out.
void Net::process_died(ProcessId process, CrashKind kind) {
    std::erase_if(listeners_, [&](const auto& entry) { return entry.second.process == process; });
    for (auto& connection : connections_) {
        if (!connection->has_end_in(process)) continue;
        const auto silence = kind == CrashKind::kill ? latency() : Duration::millis(prng_.between(1, 3'000));
        connection->process_died(process, world_.now() + silence);
    }
    forget_closed();
}

}  // namespace gregor::sim
