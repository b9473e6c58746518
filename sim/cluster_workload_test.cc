#include "sim/cluster_workload.h"

#include <gtest/gtest.h>

#include "base/log.h"

namespace gregor::sim {
namespace {

RunReport run(std::uint64_t seed, std::string planted = {}) {
    set_log_level(LogLevel::error);
    return run_cluster_workload({.seed = seed, .planted = std::move(planted)}, {});
}

TEST(ClusterWorkload, ASeedHasItsGoals) {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        const auto report = run(seed);
        ASSERT_FALSE(report.failure) << "seed " << seed << ": " << *report.failure;
        EXPECT_GE(report.simulated.to_millis(), 60'000);
        EXPECT_GE(report.acked_records, 2'000U);
        EXPECT_GE(report.read_records, report.acked_records);
        EXPECT_GT(report.generations, 0U);
        EXPECT_GT(report.commits, 0U);
    }
}

TEST(ClusterWorkload, RepeatsItself) {
    const auto first = run(7);
    EXPECT_EQ(first.trace_hash, run(7).trace_hash);
    EXPECT_NE(first.trace_hash, run(8).trace_hash);
}

#ifdef GREGOR_PLANTED_BUGS
class ClusterPlantedBug : public testing::TestWithParam<const char*> {};

TEST_P(ClusterPlantedBug, IsCaught) {
    for (std::uint64_t seed = 1; seed <= 100; ++seed) {
        if (run(seed, GetParam()).failure) return;
    }
    FAIL() << "nobody noticed";
}

INSTANTIATE_TEST_SUITE_P(ClusterWorkload, ClusterPlantedBug,
                         testing::Values("answer_before_fsync", "lost_truncation",
                                         "offsets_reused_after_crash", "forgotten_waiting_fetch",
                                         "group_answers_from_wrong_generation",
                                         "consumer_group_does_not_wait_for_revocation",
                                         "consumer_group_accepts_stale_commits"));

// Two owners of a partition end the process, before any client could say that it has what another has.
TEST(ClusterPlantedBugDeathTest, AnAssertionFindsASecondOwner) {
    const auto hunt = [] {
        for (std::uint64_t seed = 1; seed <= 20; ++seed)
            (void)run(seed, "consumer_group_hands_out_owned_partitions");
    };
    EXPECT_DEATH(hunt(), "owners.try_emplace");
}
#endif

}  // namespace
}  // namespace gregor::sim
