// The blocking part of a start: directories opened and checked, formatted where they are new, the metadata
// log loaded.
#pragma once

#include <optional>
#include <string>

#include "io/ports.h"
#include "node/config.h"
#include "node/metadata_log.h"
#include "storage/log_dirs.h"

namespace gregor::node {

struct Booted {
    storage::LogDirs dirs;
    std::string cluster_id;
    Uuid directory_id;  // of the metadata directory
    LoadedMetadataLog metadata;
    std::optional<Slice> bootstrap;  // bootstrap.checkpoint, where there is one
};

// Runs inside a DiskJob. Fails with one sentence that names the directory and the remedy, and has then
// changed nothing that another start would trip over.
Result<Booted> boot(io::FileSystem& files, io::Random& random, const NodeConfig& config, std::int64_t now_ms);

}  // namespace gregor::node
