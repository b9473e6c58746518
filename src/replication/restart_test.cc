// After a kill: what was taken on trust is read in the background, and looked at before it is served until
// then.
#include <gtest/gtest.h>

#include <algorithm>

#include "replication/replica_shard.h"
#include "replication/test_world.h"

namespace gregor::replication {
namespace {

using testing::error_of;
using testing::World;

constexpr const char* k_log = "/data/t-0/00000000000000000000.log";

class Restart : public ::testing::Test {
protected:
    void SetUp() override {
        topic = world.add_topic("t");
        world.publish();
        world.settle();
        for (int i = 0; i < 3; ++i) {
            world.append({World::entry(topic, 0, {.value_bytes = 1'000})}, world.options());
            world.settle();
        }
        world.advance(Duration::seconds(6));  // the checkpoint
    }
    void kill() {
        world.crash();
        world.start();
        world.publish_all();
        world.settle();
    }
    bool check_all() {
        bool is_over = false;
        world.shard().check_all([&is_over] { is_over = true; });
        world.settle();
        return is_over;
    }
    World::Fetched& fetch(std::int64_t offset) {
        auto options = world.wait(0);
        options.file_range_bytes_min = 1;
        auto& fetched = world.fetch({World::from(topic, offset)}, options);
        world.settle();
        return fetched;
    }
    static bool is_range(const World::Fetched& fetched) {
        const auto elements = (*fetched.value)[0].records.elements();
        return std::ranges::any_of(
            elements, [](const auto& element) { return std::holds_alternative<FileRange>(element); });
    }
    World world;
    Uuid topic;
};

TEST_F(Restart, WhatWasNotReadYetIsLookedAtBeforeItIsServed) {
    kill();
    auto& before = fetch(0);
    EXPECT_EQ(error_of(before), ErrorCode::none);
    EXPECT_FALSE(is_range(before));
    EXPECT_TRUE(check_all());
    EXPECT_TRUE(is_range(fetch(0)));
}

TEST_F(Restart, ADamagedRecordIsNeverServed) {
    world.files.nodes[k_log]->data[500] ^= std::byte{1};
    kill();
    EXPECT_EQ(error_of(fetch(0)), ErrorCode::corrupt_message);
    EXPECT_TRUE(check_all());
    EXPECT_EQ(error_of(fetch(0)), ErrorCode::corrupt_message);
    auto& behind = fetch(1);
    EXPECT_EQ(error_of(behind), ErrorCode::none);
    EXPECT_FALSE(is_range(behind));
}

TEST_F(Restart, APartitionThatGoesDuringTheCheck) {
    kill();
    bool is_over = false;
    world.shard().check_all([&is_over] { is_over = true; });
    world.delete_topic("t");
    world.publish();
    world.settle();
    EXPECT_TRUE(is_over);
}

TEST_F(Restart, MarksReachTheirFile) {
    EXPECT_EQ(world.close().size(), 1U);
    bool is_written = false;
    world.checkpointer->flush([&is_written](const auto& failed) { is_written = failed.empty(); });
    world.settle();
    ASSERT_TRUE(is_written);
    const auto marks =
        storage::read_marks(world.files, "/data/gregor.marks", world.dirs().directories()[0].id());
    ASSERT_TRUE(marks) << marks.error().detail;
    EXPECT_EQ(marks->at({"t", PartitionIndex{0}}).end, Offset{3});
}

}  // namespace
}  // namespace gregor::replication
