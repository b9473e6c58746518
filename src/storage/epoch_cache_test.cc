#include "storage/epoch_cache.h"

#include <gtest/gtest.h>

namespace gregor::storage {
namespace {

EpochStart at(std::int32_t epoch, std::int64_t start) { return {LeaderEpoch{epoch}, Offset{start}}; }

TEST(EpochCache, AssignsOnlyWhatIsNew) {
    EpochCache cache;
    EXPECT_TRUE(cache.assign(LeaderEpoch{1}, Offset{0}));
    EXPECT_FALSE(cache.assign(LeaderEpoch{1}, Offset{5}));
    EXPECT_TRUE(cache.assign(LeaderEpoch{3}, Offset{10}));
    // A contradiction drops what it contradicts.
    EXPECT_TRUE(cache.assign(LeaderEpoch{4}, Offset{10}));
    EXPECT_EQ(cache.entries(), (std::vector{at(1, 0), at(4, 10)}));
    EXPECT_TRUE(cache.assign(LeaderEpoch{2}, Offset{7}));
    EXPECT_EQ(cache.entries(), (std::vector{at(1, 0), at(2, 7)}));
}

// The rows of the specification (4.6).
TEST(EpochCache, EndOffsets) {
    const EpochCache cache({at(2, 10), at(4, 20), at(5, 30)});
    const auto end = Offset{40};
    EXPECT_EQ(cache.end_offset_for(LeaderEpoch{5}, end), (EpochEnd{LeaderEpoch{5}, end}));
    EXPECT_EQ(cache.end_offset_for(LeaderEpoch{6}, end), EpochEnd{});
    EXPECT_EQ(cache.end_offset_for(LeaderEpoch{1}, end), (EpochEnd{LeaderEpoch{1}, Offset{10}}));
    EXPECT_EQ(cache.end_offset_for(LeaderEpoch{3}, end), (EpochEnd{LeaderEpoch{2}, Offset{20}}));
    EXPECT_EQ(cache.end_offset_for(LeaderEpoch{4}, end), (EpochEnd{LeaderEpoch{4}, Offset{30}}));
    EXPECT_EQ(cache.end_offset_for(k_no_leader_epoch, end), EpochEnd{});
    // Seen at the peer: other negative epochs are epochs before the first.
    EXPECT_EQ(cache.end_offset_for(LeaderEpoch{-2}, end), (EpochEnd{LeaderEpoch{-2}, Offset{10}}));
    EXPECT_EQ(EpochCache().end_offset_for(LeaderEpoch{0}, end), EpochEnd{});
    EXPECT_EQ(cache.epoch_of(Offset{19}), LeaderEpoch{2});
    EXPECT_EQ(cache.epoch_of(Offset{9}), k_no_leader_epoch);
}

TEST(EpochCache, Truncates) {
    EpochCache cache({at(2, 10), at(4, 20), at(5, 30)});
    EXPECT_TRUE(cache.truncate_from_end(Offset{30}));
    EXPECT_FALSE(cache.truncate_from_end(Offset{30}));
    EXPECT_TRUE(cache.truncate_from_start(Offset{15}));
    EXPECT_EQ(cache.entries(), (std::vector{at(2, 15), at(4, 20)}));
    EXPECT_TRUE(cache.truncate_from_start(Offset{20}));
    EXPECT_EQ(cache.entries(), (std::vector{at(4, 20)}));
    EXPECT_FALSE(cache.truncate_from_start(Offset{20}));
}

}  // namespace
}  // namespace gregor::storage
