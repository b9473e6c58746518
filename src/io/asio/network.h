// Listening and connecting.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <vector>

#include "io/asio/address.h"
#include "io/asio/disk_pool.h"
#include "io/asio/loop.h"
#include "io/asio/unique_fd.h"
#include "io/ports.h"

namespace gregor::io {

class KernelNetwork;

// Where an accepted socket goes next, over all shards of the process; the runtime implements it.
class AcceptSpreader {
public:
    virtual ~AcceptSpreader() = default;
    virtual void hand_over(std::uint32_t listener, UniqueFd socket, Endpoint peer) = 0;
};

// One bound address of one listener. Lives on shard 0.
class Acceptor final : public RefCounted {
public:
    Acceptor(Loop& loop, AcceptSpreader& spreader, std::uint32_t listener, UniqueFd socket);

    std::uint32_t listener() const { return listener_; }
    void wait();
    void close();

private:
    ~Acceptor() override = default;
    void accept_waiting();
    bool accept_one();
    void rest(int number);

    AcceptSpreader& spreader_;
    const std::uint32_t listener_;
    boost::asio::posix::stream_descriptor descriptor_;
    boost::asio::steady_timer rest_timer_;
    const int descriptors_max_;  // for sockets; the rest is for files
    std::chrono::steady_clock::time_point quiet_until_;
    bool closed_ = false;
};

// The Network port of one shard.
class KernelNetwork final : public Network {
public:
    KernelNetwork(ShardId shard, Loop& loop, DiskPool& pool, AcceptSpreader& spreader);
    ~KernelNetwork() override;

    Result<std::uint16_t> listen(std::uint32_t listener, const Endpoint& at) override;
    void stop_listening(std::uint32_t listener) override;
    void set_accept_handler(AcceptHandler& handler) override;
    void connect(const Endpoint& to, ConnectHandler& handler) override;

    // On this shard: a socket that shard 0 accepted.
    void take_accepted(std::uint32_t listener, UniqueFd socket, Endpoint peer);

private:
    const ShardId shard_;
    Loop& loop_;
    DiskPool& pool_;
    AcceptSpreader& spreader_;
    AcceptHandler* accept_handler_ = nullptr;
    std::vector<Ref<Acceptor>> acceptors_;
};

}  // namespace gregor::io
