// The kinds of disk failure that callers tell apart; everything else means that the directory is broken.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace gregor::io {

// no_handles: the process, or the machine, has no file handle left.
enum class DiskFailure : std::uint8_t {
    not_found,
    exists,
    no_permission,
    locked,
    no_space,
    no_handles,
    broken
};

std::unexpected<Error> disk_fail(DiskFailure kind, std::string detail);
bool is_disk_failure(const Error& error, DiskFailure kind);
// It says nothing of the disk's health: the same may work a moment later. Never a failed fsync.
bool is_passing(const Error& error);

}  // namespace gregor::io
