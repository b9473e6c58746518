// The settings that the server and its handlers use, as values; node/ fills them from the properties.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/time.h"

namespace gregor::server {

// One row of `listeners`; its index in ServerConfig::listeners is the number given to io::Network::listen.
struct ListenerConfig {
    std::string name;             // PLAINTEXT, CONTROLLER, ...
    std::string host;             // empty = all interfaces
    std::uint16_t port = 0;       // 0 = any free port
    std::string advertised_host;  // what clients are told
    std::uint16_t advertised_port = 0;
    bool is_controller = false;  // serves the controller's APIs instead of the broker's
};

// What one connection, and all of a shard's connections together, may hold. Reaching a limit stops reading
// that socket (back-pressure) unless the comment says otherwise.
struct ConnectionLimits {
    std::size_t request_bytes_max = std::size_t{100} << 20U;  // socket.request.max.bytes; beyond: close
    // Frames being received or answered, of all connections of a shard; small ones (up to 64 KiB) apart from
    // large ones. Beyond it no new frame is begun; those under way may use as much again.
    std::size_t shard_request_bytes_max = std::size_t{64} << 20U;
    std::size_t shard_small_request_bytes_max = std::size_t{32} << 20U;
    // Answers that are not yet with the kernel, of all connections of a shard. Beyond it nothing is started
    // for who has answers waiting, beyond twice of it nothing at all.
    std::size_t shard_response_bytes_max = std::size_t{32} << 20U;
    std::size_t requests_in_flight_max = 100;  // per connection
    std::size_t requests_per_turn_max = 32;    // per connection; then others get their turn
    std::size_t response_bytes_queued_max = std::size_t{1} << 20U;  // per connection, not yet with the kernel
    std::size_t connections_max = 100'000;                          // per shard; beyond: close at accept
    Duration idle_max = Duration::seconds(600);                     // connections.max.idle.ms; then: close
    Duration frame_stall_max = Duration::seconds(30);  // nothing came in the middle of a frame: close
    Duration slow_reader_max =
        Duration::seconds(120);  // nothing taken for so long with answers queued: close
    // Both of these while others wait for memory.
    Duration patience_without_memory = Duration::millis(500);
};

struct ServerConfig {
    BrokerId broker_id{1};
    std::string cluster_id;
    std::optional<std::string> rack;
    std::vector<ListenerConfig> listeners;
    ConnectionLimits limits;

    std::int16_t kraft_version = 1;   // of the quorum, as its log says; no metadata record tells it
    bool auto_create_topics = true;   // auto.create.topics.enable
    std::int32_t num_partitions = 1;  // num.partitions
    std::int16_t default_replication_factor = 1;       // default.replication.factor
    std::int32_t fetch_bytes_max = 55 << 20;           // fetch.max.bytes
    std::int32_t fetch_session_slots_max = 1'000;      // max.incremental.fetch.session.cache.slots
    Duration request_timeout = Duration::seconds(30);  // request.timeout.ms, for what the broker itself asks
};

}  // namespace gregor::server
