#include "raft/snapshot_policy.h"

#include <algorithm>

namespace gregor::raft {
namespace {

constexpr std::int64_t k_reread_bytes_min = std::int64_t{1} << 20;  // some 10 ms of a start

std::int64_t worth_a_snapshot(const SnapshotLimits& limits, std::int64_t snapshot_bytes) {
    return std::min(limits.bytes_between, std::max(k_reread_bytes_min, 2 * snapshot_bytes));
}

}  // namespace

bool SnapshotSchedule::is_due(const MetadataSizes& sizes, std::int64_t now_ms) const {
    const bool has_news = sizes.log_bytes > taken_bytes_;
    const bool is_large = sizes.log_bytes - taken_bytes_ >=
                          static_cast<std::uint64_t>(worth_a_snapshot(limits_, sizes.snapshot_bytes));
    const bool is_late = limits_.interval_ms > 0 && now_ms - taken_ms_ >= limits_.interval_ms;
    return has_news && (is_large || is_late);
}

void SnapshotSchedule::taken(std::uint64_t log_bytes, std::int64_t now_ms) {
    taken_bytes_ = log_bytes;
    taken_ms_ = now_ms;
}

std::optional<SnapshotId> next_oldest(std::span<const SnapshotFile> snapshots, std::int64_t log_bytes,
                                      std::int64_t now_ms, const SnapshotLimits& limits) {
    if (snapshots.size() < 2) return std::nullopt;
    auto total_bytes = log_bytes;
    for (const auto& snapshot : snapshots) total_bytes += snapshot.size_bytes;
    const auto& timestamp = snapshots.front().last_contained_timestamp;
    const bool is_large = limits.retention_bytes >= 0 && total_bytes > limits.retention_bytes;
    const bool is_old = limits.retention_ms >= 0 && timestamp && now_ms - *timestamp > limits.retention_ms;
    if (!is_large && !is_old) return std::nullopt;
    return snapshots[1].id;
}

}  // namespace gregor::raft
