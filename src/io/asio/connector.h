// Outgoing connections.
#pragma once

#include "io/asio/disk_pool.h"
#include "io/asio/loop.h"
#include "io/ports.h"

namespace gregor::io {

// Tries the addresses of `to` one after another and tells `handler` the outcome in a later turn.
void start_connecting(ShardId shard, Loop& loop, DiskPool& pool, const Endpoint& to, ConnectHandler& handler);

}  // namespace gregor::io
