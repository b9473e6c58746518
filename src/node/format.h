// What a directory of a new node holds: the files that Kafka's format tool writes for a standalone node.
#pragma once

#include <string>

#include "io/ports.h"
#include "node/config.h"
#include "storage/log_dirs.h"

namespace gregor::node {

// Whether these directories are blank, or hold only what an interrupted format has left. Blocking.
bool is_unformatted(io::FileSystem& files, const storage::LogDirs& dirs);

// A blank set of directories becomes the node's own: bootstrap.checkpoint with the feature records, the 0-0
// snapshot of the metadata log with the voters, and last meta.properties, which says that the rest is
// complete. Blocking.
Status format_directories(io::FileSystem& files, io::Random& random, const NodeConfig& config,
                          storage::LogDirs& dirs, std::int64_t now_ms);

}  // namespace gregor::node
