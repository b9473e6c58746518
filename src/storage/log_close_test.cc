// What ending a log costs, and what it leaves behind.
#include <gtest/gtest.h>

#include "storage/testing/log_world.h"

namespace gregor::storage {
namespace {

using testing::LogWorld;
using testing::TestBatch;

class LogClose : public ::testing::Test {
protected:
    // The fsyncs of closing it, whatever was queued before.
    std::int64_t syncs_of_close() {
        world.settle();
        const auto before = world.files.syncs;
        EXPECT_TRUE(world.close());
        return world.files.syncs - before;
    }
    void reopen(bool clean) {
        auto request = world.request();
        request.create = false;
        request.clean = clean;
        world.open(request);
    }
    Log::Appended append(std::int32_t sequence) {
        const auto appended = world.append(
            TestBatch{.producer_id = ProducerId{4}, .producer_epoch = 0, .base_sequence = sequence});
        world.settle();
        return appended;
    }
    LogWorld world;
};

TEST_F(LogClose, WhatWasNeverWrittenIsClosedForNothing) {
    auto request = world.request();
    request.led_in = LeaderEpoch{3};
    world.open(request);
    world.settle();
    const auto before = world.files.syncs;
    world.log->assign_leader_epoch(LeaderEpoch{3});
    world.settle();
    EXPECT_EQ(world.files.syncs, before);  // its files were made with it
    EXPECT_EQ(world.files.text("/data/t-0/leader-epoch-checkpoint"), "0\n1\n3 0\n");
    EXPECT_EQ(syncs_of_close(), 0);
    reopen(true);
    EXPECT_EQ(world.log->latest_epoch(), LeaderEpoch{3});
    EXPECT_EQ(world.log->log_end_offset(), Offset{0});
}

// Its epoch may be older than what its files say: only a log that is made believes the request.
TEST_F(LogClose, AnEpochIsBegunByTheLoadOfANewLogOnly) {
    world.open();
    world.log->assign_leader_epoch(LeaderEpoch{1});
    world.epoch = LeaderEpoch{1};
    ASSERT_TRUE(append(0));
    EXPECT_TRUE(world.close());
    auto request = world.request();
    request.clean = true;
    request.led_in = LeaderEpoch{7};
    world.open(request);
    EXPECT_EQ(world.log->latest_epoch(), LeaderEpoch{1});
}

TEST_F(LogClose, WhatWasWrittenIsMadeDurable) {
    world.open();
    world.log->assign_leader_epoch(LeaderEpoch{0});
    ASSERT_TRUE(append(0));
    EXPECT_EQ(syncs_of_close(), 5);  // log, both indexes, the snapshot, the folder
    for (const auto& [path, node] : world.files.nodes)
        EXPECT_EQ(node->synced_size, node->data.size()) << path;
    EXPECT_EQ(world.files.text("/data/t-0/leader-epoch-checkpoint"), "0\n1\n0 0\n");
}

TEST_F(LogClose, OpenedAndClosedAgainForNothing) {
    world.open();
    ASSERT_TRUE(append(0));
    EXPECT_TRUE(world.close());
    reopen(true);
    EXPECT_EQ(world.log->active_producers().size(), 1U);
    EXPECT_EQ(syncs_of_close(), 0);
    reopen(true);
    EXPECT_EQ(world.log->active_producers().size(), 1U);
    ASSERT_TRUE(append(1));
    EXPECT_EQ(syncs_of_close(), 5);
}

// A start begins another epoch in every partition.
TEST_F(LogClose, AnEpochIsWrittenDownWithItsFirstRecord) {
    world.open();
    world.log->assign_leader_epoch(LeaderEpoch{0});
    ASSERT_TRUE(append(0));
    EXPECT_TRUE(world.close());
    reopen(true);
    const auto before = world.files.syncs;
    world.log->assign_leader_epoch(LeaderEpoch{5});
    EXPECT_EQ(world.log->end_offset_for(LeaderEpoch{5}).end_offset, Offset{1});
    EXPECT_EQ(syncs_of_close(), 0);
    EXPECT_EQ(world.files.syncs, before);
    reopen(true);
    world.log->assign_leader_epoch(LeaderEpoch{6});
    world.epoch = LeaderEpoch{6};
    ASSERT_TRUE(append(1));
    EXPECT_EQ(world.files.text("/data/t-0/leader-epoch-checkpoint"), "0\n2\n0 0\n6 1\n");
}

// Nothing tells what of it has reached the disk.
TEST_F(LogClose, AfterAKillItCostsWhatItCostsTheFirstTime) {
    world.open();
    ASSERT_TRUE(append(0));
    reopen(false);
    EXPECT_EQ(syncs_of_close(), 5);
}

// Another one may have closed it, and left no snapshot: there must be one behind a clean marker.
TEST_F(LogClose, ProducersThatAreInNoSnapshotAreWrittenDown) {
    world.open();
    ASSERT_TRUE(append(0));
    world.log->roll(testing::k_test_now_ms);
    ASSERT_TRUE(append(1));
    EXPECT_TRUE(world.close());
    world.files.nodes.erase("/data/t-0/00000000000000000002.snapshot");
    reopen(true);
    EXPECT_GT(syncs_of_close(), 0);
    EXPECT_TRUE(world.files.nodes.contains("/data/t-0/00000000000000000002.snapshot"));
}

}  // namespace
}  // namespace gregor::storage
