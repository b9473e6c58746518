// Opening a partition's directory: what to trust, what to verify, what to rebuild.
//
// Blocking; runs on a worker inside a DiskJob, or before a node serves. The result is plain data that moves
// to the shard which owns the partition.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "io/ports.h"
#include "storage/epoch_cache.h"
#include "storage/log_config.h"
#include "storage/log_mark.h"
#include "storage/producer_state.h"
#include "storage/segment.h"

namespace gregor::storage {

struct LoadRequest {
    std::string directory;         // ".../<topic>-<partition>"
    bool create = false;           // make it when it is missing; needs `topic_id`
    bool clean = false;            // the directory carried a clean-shutdown marker
    Offset recovery_point;         // checkpoint; 0 when it has none
    Offset log_start_offset;       // checkpoint; 0 when it has none
    std::optional<LogMark> mark;   // ours; only when nobody else has written to the directory since
    std::optional<Uuid> topic_id;  // what the metadata says; another one on disk is inconsistent_topic_id
    std::optional<Offset> truncate_to;  // after the load, drop what ends at or after it; synced
    bool truncate_fully = false;        // drop everything; the log starts at truncate_to
    // Of a log that is made: the epoch in which it is about to be led, so that one fsync does for all its
    // files.
    std::optional<LeaderEpoch> led_in;
    std::int64_t now_ms = 0;  // wall clock, for expiry of producers
    LogConfig config;
};

// What a load did, for one log line.
struct RecoveryReport {
    std::int64_t segments_recovered = 0;
    std::int64_t bytes_scanned = 0;
    std::int64_t bytes_truncated = 0;
    std::int64_t indexes_rebuilt = 0;
    std::int64_t segments_removed = 0;
};

struct LoadedLog {
    std::string directory;
    ActiveSegment active;
    Uuid topic_id;                  // zero when the directory has no partition.metadata
    std::vector<Segment> segments;  // ascending base offsets; never empty, the last one is active
    EpochCache epochs;
    ProducerState producers;
    Offset log_start_offset;
    Offset log_end_offset;
    Offset recovery_point;
    std::optional<LogMark> mark;  // the one of the request, when it was good
    Offset last_mark_end;         // its end, good or not
    bool is_settled = false;      // closed in order by whoever had it last, and nothing had to be done since
    RecoveryReport report;
};

// Removes a "-delete" directory with what is in it; Log::remove() does so itself, a start finds leftovers.
Status remove_directory(io::FileSystem& files, const std::string& directory);

Result<LoadedLog> load_log(io::FileSystem& files, const LoadRequest& request);

}  // namespace gregor::storage
