// The sparse indexes of a segment, on disk as Kafka writes them:
//
//   .index     := (relative_offset:int32 position:int32)*       last offset of a batch, where that batch
//   begins .timeindex := (timestamp:int64 relative_offset:int32)*      largest timestamp so far, last offset
//   of its batch
//
// Both strictly increasing. Lookups are blocking and bounded by a count of entries that the caller trusts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "io/ports.h"

namespace gregor::storage {

inline constexpr std::size_t k_index_entry_bytes = 8;
inline constexpr std::size_t k_time_entry_bytes = 12;

struct IndexEntry {
    Offset offset;
    std::int32_t position = 0;
    friend bool operator==(const IndexEntry&, const IndexEntry&) = default;
};

struct TimeEntry {
    std::int64_t timestamp = -1;
    Offset offset;
    friend bool operator==(const TimeEntry&, const TimeEntry&) = default;
};

void append_entry(std::vector<std::byte>& out, Offset base, const IndexEntry& entry);
void append_entry(std::vector<std::byte>& out, Offset base, const TimeEntry& entry);

Result<IndexEntry> read_index_entry(io::File& file, Offset base, std::int64_t number);
Result<TimeEntry> read_time_entry(io::File& file, Offset base, std::int64_t number);

// The last entry at or below the target; the segment's begin when there is none.
Result<IndexEntry> lookup_offset(io::File& file, Offset base, std::int64_t entries, Offset target);
Result<IndexEntry> lookup_position(io::File& file, Offset base, std::int64_t entries, std::int64_t position);
Result<TimeEntry> lookup_time(io::File& file, Offset base, std::int64_t entries, std::int64_t timestamp);

// What one appended batch adds to the indexes of its segment, while the segment grows. Kafka's rule: an entry
// before the first batch that begins more than index.interval.bytes behind the last one that got an entry.
class IndexRule {
public:
    struct Entries {
        std::optional<IndexEntry> index;
        std::optional<TimeEntry> time;
    };
    IndexRule() = default;
    explicit IndexRule(std::int64_t interval_bytes) : interval_bytes_(interval_bytes) {}

    struct Batch {
        Offset last;
        std::int64_t position = 0;
        std::int64_t size = 0;
        std::int64_t max_timestamp = -1;
    };
    Entries add(const Batch& batch);
    // The entry that closes a segment, if its largest timestamp has none yet.
    std::optional<TimeEntry> closing_entry() const;

    std::int64_t max_timestamp() const { return max_.timestamp; }
    TimeEntry max() const { return max_; }
    // A segment opened again goes on from what its files hold.
    void resume(TimeEntry max, std::int64_t last_time_entry);
    void set_interval(std::int64_t interval_bytes) { interval_bytes_ = interval_bytes; }

private:
    std::int64_t interval_bytes_ = 4096;
    std::int64_t since_entry_ = 0;
    TimeEntry max_;
    std::int64_t last_time_entry_ = -1;
};

}  // namespace gregor::storage
