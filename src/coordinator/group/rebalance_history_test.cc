#include "coordinator/group/rebalance_history.h"

#include <gtest/gtest.h>

namespace gregor::coordinator {
namespace {

TEST(RebalanceHistory, ForgetsTheOldestAndCutsWhatClientsWrote) {
    RebalanceHistory history;
    const std::string long_text(95, 'x');
    for (int i = 0; i < 20; ++i) {
        history.start({.cause = RebalanceCause::member_joined,
                       .member_id = long_text + "é and more",
                       .reason = long_text + "yz",
                       .now_ms = i});
        history.end({.now_ms = i + 5, .generation = i, .members = 2});
    }
    ASSERT_EQ(history.all().size(), RebalanceHistory::k_rebalances_max);
    EXPECT_EQ(history.all().front().generation, 14);
    EXPECT_EQ(history.all().back().generation, 19);
    EXPECT_EQ(history.all().back().duration_ms, 5);
    EXPECT_EQ(history.all().back().member_id, long_text);  // never half of a character
    EXPECT_EQ(history.all().back().reason, long_text + "y");
}

TEST(RebalanceHistory, OneRebalanceHasOneCauseAndCountsTheOthers) {
    RebalanceHistory history;
    history.end({.now_ms = 1, .generation = 1, .members = 1});
    EXPECT_TRUE(history.all().empty());
    history.start({.cause = RebalanceCause::member_left, .member_id = "a", .now_ms = 10});
    history.start({.cause = RebalanceCause::member_joined, .member_id = "b", .now_ms = 12});
    history.end({.now_ms = 9, .generation = 3, .members = 1});  // the clock was set back
    history.end({.now_ms = 99, .generation = 4, .members = 1});
    ASSERT_EQ(history.all().size(), 1U);
    EXPECT_EQ(history.all()[0], (protocol::Rebalance{.start_ms = 10,
                                                     .duration_ms = 0,
                                                     .cause = "member left",
                                                     .member_id = "a",
                                                     .reason = "",
                                                     .further_causes = 1,
                                                     .generation = 3,
                                                     .members = 1}));
}

}  // namespace
}  // namespace gregor::coordinator
