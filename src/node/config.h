// The node's settings as each room wants them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "metadata/auto_topic_creation.h"
#include "node/listeners.h"
#include "node/memory_plan.h"
#include "node/metadata_log_limits.h"
#include "node/settings.h"
#include "raft/snapshot.h"
#include "raft/snapshot_policy.h"
#include "replication/replica_shard.h"
#include "server/config.h"
#include "storage/log_dirs.h"

namespace gregor::node {

struct NodeConfig {
    Settings settings;
    BrokerId node_id;
    std::vector<Listener> listeners;             // broker and controller ones
    std::vector<Listener> advertised_listeners;  // the broker's
    std::vector<std::string> controller_listener_names;
    std::vector<Listener> controller_listeners;  // as others are told of them, in the order of their names
    raft::VoterSet quorum_voters;                // of a static quorum; empty with a dynamic one
    std::string inter_broker_listener;
    storage::LogDirsConfig log_dirs;
    storage::Durability durability = storage::Durability::disk;
    std::int64_t mark_bytes = storage::LogConfig{}.mark_bytes;  // nobody has to choose it but tests
    std::uint32_t shards = 0;                                   // 0: one a CPU
    std::uint64_t machine_bytes = 0;                            // of memory, as the machine says; 0: unknown
    MetadataLogLimits metadata_log;
    raft::SnapshotLimits snapshots;
    metadata::AutoTopicSettings auto_topics;

    bool is_controller_listener(const std::string& name) const;
};

// Reads and cross-checks. The error is one sentence with the place, the key, the value and the remedy.
Result<NodeConfig> make_config(Settings settings);

// The parts of it that do not depend on the roles a node has.
// Where other controllers find this one: what is advertised of each of controller.listener.names, else where
// it listens.
Result<std::vector<Listener>> read_controller_listeners(const Settings& settings);
Result<BrokerId> read_node_id(const Settings& settings);
storage::LogDirsConfig read_log_dirs(const Settings& settings, BrokerId node_id);

// What a node without a properties file runs with: broker and controller in one, on localhost, data in
// ./data.
std::vector<Property> embedded_defaults();

MemoryPlan memory_plan(const NodeConfig& config, std::uint32_t shards);
server::ServerConfig server_config(const NodeConfig& config, const MemoryPlan& memory);

}  // namespace gregor::node
