// What a log remembers of one segment: numbers, no file handle, so that an idle segment costs bytes.
#pragma once

#include <cstdint>

#include "base/ids.h"
#include "storage/index.h"

namespace gregor::storage {

inline constexpr const char* k_log_extension = ".log";
inline constexpr const char* k_index_extension = ".index";
inline constexpr const char* k_time_index_extension = ".timeindex";
inline constexpr const char* k_txn_index_extension = ".txnindex";
inline constexpr const char* k_snapshot_extension = ".snapshot";
inline constexpr const char* k_deleted_suffix = ".deleted";  // out of the log, removed a while later

inline constexpr std::int64_t k_unknown_timestamp = -2;

struct Segment {
    Offset base;
    std::int64_t size = 0;           // bytes of .log, queued ones included
    std::int64_t written = 0;        // bytes of .log that the kernel has
    std::int64_t index_entries = 0;  // in .index
    std::int64_t time_entries = 0;   // in .timeindex
    std::int64_t txn_entries = 0;    // in .txnindex, queued ones included
    std::int64_t modified_ms = 0;    // of .log: when it was loaded, or the last append
    // Largest in the segment, -1 for none; unknown: the last entry of .timeindex tells.
    std::int64_t max_timestamp = k_unknown_timestamp;
};

// What only the segment that is appended to needs.
struct ActiveSegment {
    IndexRule rule;
    std::int64_t first_timestamp = -1;  // largest of the first batch: what rolling by time looks at
    std::int64_t created_ms = 0;        // wall clock, when this object was made
};

}  // namespace gregor::storage
