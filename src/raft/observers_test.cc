#include "raft/observers.h"

#include <gtest/gtest.h>

namespace gregor::raft {
namespace {

constexpr ReplicaKey k_one{BrokerId{5}, Uuid{1, 1}};

TEST(Observers, AreCaughtUpAtTheEndAndForgottenAfterFiveMinutes) {
    Observers observers;
    observers.on_fetch(k_one, {.offset = Offset{3}, .leader_end = Offset{10}, .now_ms = 1'000});
    EXPECT_EQ(observers.list(1'000).at(0).log_end_offset, Offset{3});
    EXPECT_EQ(observers.list(1'000).at(0).last_caught_up_ms, -1);
    // Has now what was all there was at 1,000, though more came since.
    observers.on_fetch(k_one, {.offset = Offset{10}, .leader_end = Offset{20}, .now_ms = 1'500});
    EXPECT_EQ(observers.list(1'500).at(0).last_caught_up_ms, 1'000);
    observers.on_fetch(k_one, {.offset = Offset{20}, .leader_end = Offset{20}, .now_ms = 2'000});
    EXPECT_EQ(observers.list(2'000).at(0).last_caught_up_ms, 2'000);
    EXPECT_EQ(observers.list(2'000).at(0).last_fetch_ms, 2'000);
    EXPECT_EQ(observers.list(301'999).size(), 1U);
    EXPECT_TRUE(observers.list(302'000).empty());
}

TEST(Observers, OneNodeInTwoDirectoriesIsTwo) {
    Observers observers;
    observers.on_fetch(k_one, {.offset = Offset{1}, .leader_end = Offset{1}, .now_ms = 1});
    observers.on_fetch({k_one.id, Uuid{2, 2}}, {.offset = Offset{1}, .leader_end = Offset{1}, .now_ms = 1});
    EXPECT_EQ(observers.list(1).size(), 2U);
}

TEST(Observers, AreNotMoreThanTheLimit) {
    Observers observers;
    for (std::int32_t id = 0; id < 1'001; ++id)
        observers.on_fetch({BrokerId{id}, {}}, {.offset = Offset{1}, .leader_end = Offset{1}, .now_ms = id});
    const auto list = observers.list(1'001);
    ASSERT_EQ(list.size(), Observers::k_count_max);
    EXPECT_EQ(list.front().key.id, BrokerId{1});  // 0 fetched longest ago
}

}  // namespace
}  // namespace gregor::raft
