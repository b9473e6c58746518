// The kernel as a world for the contract suites (io/contract/contract_world.h).
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <string>

#include "io/asio/runtime.h"
#include "io/contract/contract_world.h"

namespace gregor::io {

class AsioWorld {
public:
    explicit AsioWorld(std::uint32_t shards) : runtime_({.shards = shards}) {}
    ~AsioWorld();

    ShardPorts& ports(ShardId shard) { return runtime_.ports(shard); }
    FileSystem& files() { return runtime_.files(); }
    std::string scratch();
    void run_until(std::function<bool()> done);

private:
    void poll();

    AsioRuntime runtime_;
    std::string scratch_;
    std::function<bool()> done_;
    Instant give_up_at_;
};

}  // namespace gregor::io
