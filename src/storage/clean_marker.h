// The marker of an orderly stop, while nobody has taken it away: LogDirs::begin() does.
#pragma once

#include <string>

#include "io/ports.h"

namespace gregor::storage {

// Blocking.
bool is_marked_clean(io::FileSystem& files, const std::string& directory);

}  // namespace gregor::storage
