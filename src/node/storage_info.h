// What `gregor storage info` says of the directories of a node, in the peer's words. Reads only.
#pragma once

#include <string>
#include <vector>

#include "io/ports.h"
#include "node/settings.h"
#include "storage/log_dirs.h"

namespace gregor::node {

struct StorageInfo {
    std::string text;
    bool has_problems = false;
};
StorageInfo describe_storage(io::FileSystem& files, const storage::LogDirsConfig& config);

}  // namespace gregor::node
