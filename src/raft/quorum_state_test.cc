#include "raft/quorum_state.h"

#include <gtest/gtest.h>

namespace gregor::raft {
namespace {

// Written by the peer after its first election (golden data and a live node).
constexpr std::string_view k_dynamic =
    R"({"leaderId":1,"leaderEpoch":1,"votedId":-1,"votedDirectoryId":"AAAAAAAAAAAAAAAAAAAAAA","data_version":1})";
constexpr std::string_view k_static =
    R"({"clusterId":"","leaderId":-1,"leaderEpoch":-1,"votedId":-1,"appliedOffset":0,"currentVoters":[{"voterId":0}],"data_version":0})";
constexpr std::string_view k_voted =
    R"({"leaderId":16909061,"leaderEpoch":16909062,"votedId":16909063,"votedDirectoryId":"ECAwQFBgcISQoLDA0ODwBQ","data_version":1})";

TEST(QuorumState, ReadsAndWritesKafkasText) {
    for (const auto text : {k_dynamic, k_static, k_voted}) {
        const auto state = QuorumState::parse(text);
        ASSERT_TRUE(state.has_value()) << text;
        EXPECT_EQ(state->to_text(), text);
    }
    EXPECT_EQ(QuorumState::parse(k_dynamic)->leader_epoch, LeaderEpoch{1});
    EXPECT_EQ(QuorumState::parse(k_static)->static_voters, std::vector{BrokerId{0}});
    EXPECT_TRUE(
        QuorumState::parse(
            R"({"clusterId":"","leaderId":-1,"leaderEpoch":2,"votedId":-1,"appliedOffset":0,"currentVoters":null,"data_version":0})")
            .has_value());
}

TEST(QuorumState, RefusesEveryTruncation) {
    for (const auto text : {k_dynamic, k_static, k_voted}) {
        for (std::size_t size = 0; size < text.size(); ++size)
            EXPECT_FALSE(QuorumState::parse(text.substr(0, size)).has_value()) << text.substr(0, size);
    }
}

TEST(QuorumState, RefusesNonsense) {
    for (const auto* text :
         {"", "{}", "null", "[]", R"({"leaderId":1})", R"({"leaderId":"x","leaderEpoch":1})",
          R"({"leaderId":1,"leaderEpoch":1,"votedId":-1,"votedDirectoryId":"short","data_version":1})",
          R"({"leaderId":1,"leaderEpoch":1,"votedId":-1,"data_version":7})"}) {
        EXPECT_FALSE(QuorumState::parse(text).has_value()) << text;
    }
}

}  // namespace
}  // namespace gregor::raft
