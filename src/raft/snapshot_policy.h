// When a snapshot of the metadata is taken, and which old ones go: Kafka's rules, and one more: a log that is
// longer than what it comes to makes each start longer, for every start and stop writes two records a
// partition. No I/O.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "raft/raft_log.h"

namespace gregor::raft {

struct SnapshotLimits {
    std::int64_t bytes_between = std::int64_t{20} << 20;  // metadata.log.max.record.bytes.between.snapshots
    std::int64_t interval_ms = 3'600'000;                 // metadata.log.max.snapshot.interval.ms; 0: never
    std::int64_t retention_bytes = std::int64_t{100}
                                   << 20;     // metadata.max.retention.bytes; -1: without limit
    std::int64_t retention_ms = 604'800'000;  // metadata.max.retention.ms; -1: for ever
};

struct MetadataSizes {
    std::uint64_t log_bytes = 0;      // grows with every batch that the log takes
    std::int64_t snapshot_bytes = 0;  // of the newest one; 0: there is none
};

// Asked when something has been committed, so that time alone wakes nobody.
class SnapshotSchedule {
public:
    SnapshotSchedule(const SnapshotLimits& limits, std::int64_t now_ms)
        : limits_(limits), taken_ms_(now_ms) {}

    bool is_due(const MetadataSizes& sizes, std::int64_t now_ms) const;
    void taken(std::uint64_t log_bytes, std::int64_t now_ms);

private:
    SnapshotLimits limits_;
    std::uint64_t taken_bytes_ = 0;
    std::int64_t taken_ms_;
};

// The oldest snapshot goes when it is too old, or all of them with the log are too large; the newest never
// does. Then the log begins at the end of the one behind it, which is the answer. nullopt: all stay.
std::optional<SnapshotId> next_oldest(std::span<const SnapshotFile> snapshots, std::int64_t log_bytes,
                                      std::int64_t now_ms, const SnapshotLimits& limits);

}  // namespace gregor::raft
