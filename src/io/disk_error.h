// The kinds of disk failure that callers tell apart; everything else means that the directory is broken.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace gregor::io {

enum class DiskFailure : std::uint8_t { not_found, exists, no_permission, locked, no_space, broken };

std::unexpected<Error> disk_fail(DiskFailure kind, std::string detail);
bool is_disk_failure(const Error& error, DiskFailure kind);

}  // namespace gregor::io
