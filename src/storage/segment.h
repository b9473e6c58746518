// What a log remembers of one segment: names and numbers, no file handle, so that an idle segment costs
// bytes.
#pragma once

#include <cstdint>
#include <string>

#include "base/ids.h"

namespace gregor::storage {

struct Segment {
    Offset base;
    std::int64_t size = 0;           // of the .log file, what is queued included
    std::int64_t index_entries = 0;  // of .index, what is queued included
    std::int64_t time_entries = 0;   // of .timeindex, likewise
    Offset last_index_offset = k_no_offset;
    std::int64_t last_time_entry = -1;          // timestamp of the last .timeindex entry
    std::int64_t max_timestamp = -1;            // largest in the segment, -1: none known
    Offset max_timestamp_offset = k_no_offset;  // last offset of the first batch that holds it
    std::int64_t first_timestamp = -1;   // max timestamp of the first batch: what time-based rolling looks at
    std::int64_t created_ms = 0;         // wall clock, when this object was made
    std::int64_t bytes_since_index = 0;  // since the last .index entry
    std::int64_t modified_ms = 0;        // of the .log, when loaded
};

}  // namespace gregor::storage
