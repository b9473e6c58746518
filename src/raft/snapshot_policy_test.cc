#include "raft/snapshot_policy.h"

#include <gtest/gtest.h>

#include <vector>

namespace gregor::raft {
namespace {

constexpr SnapshotLimits k_limits{
    .bytes_between = 100, .interval_ms = 1'000, .retention_bytes = 500, .retention_ms = 10'000};

TEST(SnapshotSchedule, TakesOneBySizeOrByTimeButNeverWithoutNews) {
    SnapshotSchedule schedule(k_limits, 5'000);
    EXPECT_FALSE(schedule.is_due({.log_bytes = 99}, 5'999));
    EXPECT_TRUE(schedule.is_due({.log_bytes = 100}, 5'000));
    EXPECT_TRUE(schedule.is_due({.log_bytes = 1}, 6'000));
    EXPECT_FALSE(schedule.is_due({.log_bytes = 0}, 60'000));
    schedule.taken(100, 6'000);
    EXPECT_FALSE(schedule.is_due({.log_bytes = 100}, 60'000));
    EXPECT_FALSE(schedule.is_due({.log_bytes = 199}, 6'999));
    EXPECT_TRUE(schedule.is_due({.log_bytes = 200}, 6'000));
    EXPECT_TRUE(schedule.is_due({.log_bytes = 101}, 7'000));
}

TEST(SnapshotSchedule, AnIntervalOfZeroIsNoInterval) {
    auto limits = k_limits;
    limits.interval_ms = 0;
    const SnapshotSchedule schedule(limits, 0);
    EXPECT_FALSE(schedule.is_due({.log_bytes = 99}, 1'000'000'000));
}

// 1 MiB, and twice what there is to say.
TEST(SnapshotSchedule, TakesOneWhereTheLogIsLongerThanWhatItComesTo) {
    const SnapshotSchedule schedule(SnapshotLimits{}, 0);
    constexpr std::uint64_t k_mib = 1 << 20;
    EXPECT_FALSE(schedule.is_due({.log_bytes = k_mib - 1}, 0));
    EXPECT_TRUE(schedule.is_due({.log_bytes = k_mib}, 0));
    EXPECT_FALSE(schedule.is_due({.log_bytes = 4 * k_mib - 1, .snapshot_bytes = 2 * k_mib}, 0));
    EXPECT_TRUE(schedule.is_due({.log_bytes = 4 * k_mib, .snapshot_bytes = 2 * k_mib}, 0));
    EXPECT_TRUE(schedule.is_due({.log_bytes = 20 * k_mib, .snapshot_bytes = 90 * k_mib}, 0));
}

SnapshotFile file(std::int64_t end, std::int64_t bytes, std::optional<std::int64_t> timestamp) {
    return {{Offset{end}, LeaderEpoch{1}}, bytes, timestamp};
}

TEST(SnapshotRetention, TheOldestGoesBySizeOrAge) {
    const std::vector<SnapshotFile> files{file(10, 100, 0), file(20, 100, 5'000), file(30, 100, 8'000)};
    EXPECT_EQ(next_oldest(files, 200, 10'000, k_limits), std::nullopt);  // 500 bytes, 10 s: at the limits
    EXPECT_EQ(next_oldest(files, 201, 10'000, k_limits), files[1].id);
    EXPECT_EQ(next_oldest(files, 0, 10'001, k_limits), files[1].id);
    EXPECT_EQ(next_oldest(std::span(files).last(1), 9'999, 90'000, k_limits), std::nullopt);
    auto limits = k_limits;
    limits.retention_bytes = limits.retention_ms = -1;
    EXPECT_EQ(next_oldest(files, 1'000'000, 1'000'000, limits), std::nullopt);
    const std::vector<SnapshotFile> unreadable{file(10, 1, std::nullopt), file(20, 1, 0)};
    EXPECT_EQ(next_oldest(unreadable, 0, 1'000'000, k_limits), std::nullopt);
}

}  // namespace
}  // namespace gregor::raft
