// One segment's files: reading what is to be known of them, verifying and rebuilding them. Blocking.
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
#include "storage/segment.h"

namespace gregor::storage {

inline constexpr std::int64_t k_segment_bytes_max = INT32_MAX;  // positions in indexes are int32
inline constexpr std::int64_t k_relative_offset_max = INT32_MAX;

// A segment and how its log ends.
struct OpenedSegment {
    Segment segment;
    ActiveSegment active;
    Offset next_offset;
    std::int64_t bytes_truncated = 0;
    std::int64_t bytes_scanned = 0;
    bool from_mark = false;  // what lies below RecoveryRules::mark was not read
};

// The indexes have a possible shape and their last entries point into the log. False: rebuild them.
Result<bool> indexes_look_sane(io::FileSystem& files, const std::string& directory, Segment& segment);

// Reads a sane segment's end, from its last index entry. nullopt: its end is no batch, it needs recovery.
Result<std::optional<OpenedSegment>> open_active(io::FileSystem& files, const std::string& directory,
                                                 const Segment& segment, const LogConfig& config);

struct RecoveryRules {
    bool may_cut = true;  // false: whatever cannot be understood stays where it is
    // Records below were durable once: a batch of theirs with a wrong checksum is a damage, not a torn write.
    // It is reported and stays, if anything right comes behind it.
    Offset durable_end;
    // The one that was being written: what of it is not known to be durable is written once more, because an
    // fsync that failed in an earlier life has left it in memory only, and no later fsync would write it.
    bool is_last = false;
    const LogMark* mark = nullptr;  // of this segment: verification begins there, if the files agree with it
};
// Verifies every batch, rebuilds both indexes, learns leader epochs, and cuts the log at the first batch that
// is not whole and right. All synced.
Result<OpenedSegment> recover_segment(io::FileSystem& files, const std::string& directory, Offset base,
                                      const LogConfig& config, const RecoveryRules& rules,
                                      EpochCache& epochs);

// Cuts log and indexes before the first batch that ends at or after `end`. The segment is sane.
Status truncate_segment(io::FileSystem& files, const std::string& directory, Segment& segment, Offset end);

// Three empty files; the caller fsyncs the directory, and needs nothing else for files that are new.
Status create_segment(io::FileSystem& files, const std::string& directory, Offset base);
// All its files that exist, its producer snapshot included.
Status remove_segment(io::FileSystem& files, const std::string& directory, Offset base);
Status remove_if_there(io::FileSystem& files, const std::string& path);

}  // namespace gregor::storage
