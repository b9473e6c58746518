// cordoned.log.dirs as the controller is told of it: by ids (KIP-1066).
#pragma once

#include <vector>

#include "metadata/effective_config.h"
#include "storage/log_dirs.h"

namespace gregor::node {

std::vector<Uuid> cordoned_directories(const metadata::ConfigContext& configs, const storage::LogDirs& dirs);

}  // namespace gregor::node
