// What a directory of a new node holds: the files that Kafka's format tool writes for a standalone node.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "io/ports.h"
#include "node/config.h"
#include "raft/snapshot.h"
#include "storage/log_dirs.h"

namespace gregor::node {

// Whether these directories are blank, or hold only what an interrupted format has left. Blocking.
bool is_unformatted(io::FileSystem& files, const storage::LogDirs& dirs);

// What a format writes beside meta.properties.
struct FormatPlan {
    std::string cluster_id;
    BrokerId node_id;
    std::int16_t metadata_version = 0;  // what the bootstrap records finalise, for whoever tells about it
    std::int16_t kraft_version = 0;     // written with the voters only
    std::vector<Slice> bootstrap;  // the records of bootstrap.checkpoint, which goes into every directory
    std::optional<raft::VoterSet> voters;  // a dynamic quorum's; without them no 0-0 snapshot is written

    // The id that the voters give to this node's metadata directory.
    std::optional<Uuid> metadata_directory_id() const;
};

// What a node that nobody formatted gives itself: a cluster of its own, of which it is the only voter, or a
// static quorum where the properties name one.
FormatPlan standalone_plan(const NodeConfig& config, io::Random& random);

// Directories without meta.properties become the node's own: first the 0-0 snapshot of the metadata log and
// bootstrap.checkpoint, and last meta.properties, which says that the rest is complete. Blocking.
Status format_directories(io::FileSystem& files, io::Random& random, const FormatPlan& plan,
                          storage::LogDirs& dirs, std::int64_t now_ms);

}  // namespace gregor::node
