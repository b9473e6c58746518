#include "sim/admin_workload.h"

#include <gtest/gtest.h>

#include "base/log.h"

namespace gregor::sim {
namespace {

RunReport run(std::uint64_t seed, std::string planted = {}) {
    set_log_level(LogLevel::error);
    return run_admin_workload({.seed = seed, .planted = std::move(planted)}, {});
}

TEST(AdminWorkload, ASeedHasItsGoals) {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        const auto report = run(seed);
        ASSERT_FALSE(report.failure) << "seed " << seed << ": " << *report.failure;
        EXPECT_GE(report.commits, 400U);
        EXPECT_GT(report.hits.at("snapshot_after_rename"), 0U);
    }
}

TEST(AdminWorkload, RepeatsItself) {
    const auto first = run(7);
    EXPECT_EQ(first.trace_hash, run(7).trace_hash);
    EXPECT_NE(first.trace_hash, run(8).trace_hash);
}

#ifdef GREGOR_PLANTED_BUGS
class AdminPlantedBug : public testing::TestWithParam<const char*> {};

TEST_P(AdminPlantedBug, IsCaught) {
    for (std::uint64_t seed = 1; seed <= 100; ++seed) {
        if (run(seed, GetParam()).failure) return;
    }
    FAIL() << "nobody noticed";
}

INSTANTIATE_TEST_SUITE_P(AdminWorkload, AdminPlantedBug,
                         testing::Values("snapshot_without_group_configs", "snapshot_without_producer_ids",
                                         "snapshot_of_what_is_not_committed", "snapshot_not_synced",
                                         "log_cut_behind_the_snapshot", "metadata_told_before_fsync"));
#endif

}  // namespace
}  // namespace gregor::sim
