// What a crash may leave in a partition directory besides segments: renamed, half-built and orphaned files.
#pragma once

#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "io/ports.h"
#include "storage/segment.h"

namespace gregor::storage {

// Deletes what was being deleted or cleaned, finishes committed swaps, removes indexes without their log.
// Returns the segments by ascending base, with the size of their logs.
Result<std::vector<Segment>> clean_up_directory(io::FileSystem& files, const std::string& directory);

}  // namespace gregor::storage
