// Partitions that nobody uses are let go, and come back when somebody does.
#include <gtest/gtest.h>

#include "replication/test_world.h"

namespace gregor::replication {
namespace {

using storage::testing::TestBatch;
using testing::base_of;
using testing::error_of;
using testing::k_now_ms;
using testing::records_of;
using testing::World;

constexpr auto k_idle = Duration::seconds(60);

class Idle : public ::testing::Test {
protected:
    Uuid make_topic(std::int32_t partitions = 1, const std::map<std::string, std::string>& configs = {}) {
        const auto id = world.add_topic("t", partitions);
        for (const auto& [key, value] : configs) world.set_config("t", key, value);
        world.publish();
        world.settle();
        return id;
    }
    std::int64_t append(Uuid topic, std::int32_t partition = 0) {
        auto& reply = world.append(topic, partition);
        world.settle();
        EXPECT_EQ(error_of(reply), ErrorCode::none);
        return base_of(reply);
    }
    void be_idle() {
        world.advance(k_idle);
        world.advance(k_idle);
    }
    World world;
};

TEST_F(Idle, IsLetGoAndComesBack) {
    const auto topic = make_topic(3);
    EXPECT_EQ(append(topic), 0);
    ASSERT_NE(world.partition(topic), nullptr);
    be_idle();
    for (std::int32_t i = 0; i < 3; ++i) EXPECT_EQ(world.partition(topic, i), nullptr);
    auto& fetch = world.fetch({World::from(topic, 0)}, world.wait(0));
    world.settle();
    EXPECT_EQ(records_of(fetch).size(), 1U);
    EXPECT_NE(world.partition(topic), nullptr);
    be_idle();
    EXPECT_EQ(world.partition(topic), nullptr);
    EXPECT_EQ(append(topic), 1);
}

TEST_F(Idle, StaysWhileItIsUsed) {
    const auto topic = make_topic();
    for (int i = 0; i < 5; ++i) {
        append(topic);
        world.advance(k_idle);
        EXPECT_NE(world.partition(topic), nullptr);
    }
}

TEST_F(Idle, StaysWhileSomebodyWaits) {
    const auto topic = make_topic();
    append(topic);
    auto& fetch = world.fetch({World::from(topic, 1)}, world.wait(600'000));
    be_idle();
    be_idle();
    EXPECT_NE(world.partition(topic), nullptr);
    append(topic);
    EXPECT_TRUE(fetch.is_there());
}

// Whoever comes while it is being closed waits until it is loaded again; a deleted topic goes all the same.
TEST_F(Idle, RequestsThatComeMeanwhileWait) {
    const auto topic = make_topic();
    append(topic);
    world.advance(k_idle);
    world.clock.at = world.clock.at + k_idle;
    world.fire_timers();
    world.settle_but_disks();
    ASSERT_EQ(world.partition(topic), nullptr);
    auto& late = world.append(topic);
    world.settle();
    EXPECT_EQ(error_of(late), ErrorCode::none);
    EXPECT_EQ(base_of(late), 1);
}

TEST_F(Idle, ATopicMayBeDeletedMeanwhile) {
    const auto topic = make_topic();
    append(topic);
    world.advance(k_idle);
    world.clock.at = world.clock.at + k_idle;
    world.fire_timers();
    world.settle_but_disks();
    world.delete_topic("t");
    world.publish();
    world.settle();
    EXPECT_FALSE(world.files.directories.contains("/data/t-0"));
    EXPECT_EQ(append(make_topic()), 0);
}

TEST_F(Idle, KnowsItsDuplicatesAndItsStart) {
    const auto topic = make_topic();
    const TestBatch batch{.producer_id = ProducerId{3}, .producer_epoch = 0, .base_sequence = 0};
    world.append({World::entry(topic, 0, batch)}, world.options());
    world.settle();
    for (int i = 0; i < 3; ++i) append(topic);
    world.replicas().delete_records({{World::id_of(topic), Offset{2}}}, [](auto) {});
    world.settle();
    be_idle();
    ASSERT_EQ(world.partition(topic), nullptr);
    auto& again = world.append({World::entry(topic, 0, batch)}, world.options());
    world.settle();
    EXPECT_EQ(base_of(again), 0);
    EXPECT_EQ(world.partition(topic)->log().log_end_offset(), Offset{4});
    EXPECT_EQ(world.partition(topic)->log().log_start_offset(), Offset{2});
}

TEST_F(Idle, AKillFindsItByItsMark) {
    const auto topic = make_topic();
    for (int i = 0; i < 5; ++i) append(topic);
    be_idle();
    world.advance(Duration::seconds(5));
    EXPECT_NE(world.files.text("/data/gregor.marks").find("t 0 "), std::string::npos);
    world.crash();
    world.start();
    world.publish_all();
    world.settle();
    EXPECT_EQ(world.partition(topic), nullptr);
    EXPECT_EQ(append(topic), 5);
}

// What was never loaded does not make an unclean directory clean; a look at all of it does, and keeps none of
// it.
TEST_F(Idle, ALookAtEverythingLeavesNothingLoaded) {
    const auto topic = make_topic(20);
    append(topic, 7);
    world.crash();
    world.start();
    world.publish_all();
    world.settle();
    bool is_done = false;
    world.shard().load_all([&] { is_done = true; });
    world.settle();
    EXPECT_TRUE(is_done);
    for (std::int32_t i = 0; i < 20; ++i) EXPECT_EQ(world.partition(topic, i), nullptr);
    EXPECT_EQ(world.close(), std::set<std::size_t>{0});
}

TEST_F(Idle, RetentionOpensItOnlyWhenItsTimeHasCome) {
    const auto topic = make_topic(2, {{"segment.bytes", "150"}, {"retention.ms", "100000000"}});
    for (int i = 0; i < 3; ++i) append(topic);
    be_idle();
    ASSERT_EQ(world.partition(topic), nullptr);
    for (int i = 0; i < 3; ++i) {
        world.advance_steps(Duration::seconds(300), [&] { EXPECT_EQ(world.partition(topic), nullptr); });
    }
    // Its configuration changes: the next round looks.
    world.set_config("t", "retention.ms", "-1");
    world.set_config("t", "retention.bytes", "1");
    world.publish();
    world.settle();
    world.advance(Duration::seconds(300));
    const auto is_deleted = [](const auto& node) { return node.first.ends_with(".deleted"); };
    EXPECT_GT(std::ranges::count_if(world.files.nodes, is_deleted), 0);
}

// A folder that belongs to an older topic of the name is found out by the first load.
TEST_F(Idle, TheFolderOfAnOlderTopicIsSetAside) {
    const auto topic = make_topic();
    append(topic);
    append(topic);
    world.close();
    world.crash();
    world.delete_topic("t");
    world.changes = {};
    const auto next = world.add_topic("t");
    world.start();
    world.publish_all();
    world.settle();
    EXPECT_EQ(append(next), 0);
    const auto is_stray = [](const std::string& name) { return name.ends_with("-stray"); };
    EXPECT_EQ(std::ranges::count_if(world.files.directories, is_stray), 1);
}

// ---------------------------------------------------------------- without room

TEST_F(Idle, ALoadWithoutHandlesIsTriedAgain) {
    const auto topic = make_topic();
    append(topic);
    be_idle();
    ASSERT_EQ(world.partition(topic), nullptr);
    world.files.fail_opens = true;
    auto& refused = world.append(topic);
    auto& fetch = world.fetch({World::from(topic, 0)}, world.wait(0));
    world.settle();
    EXPECT_EQ(error_of(refused), ErrorCode::kafka_storage_error);
    EXPECT_EQ(error_of(fetch), ErrorCode::kafka_storage_error);
    world.files.fail_opens = false;
    EXPECT_EQ(append(topic), 1);
}

TEST_F(Idle, ProducersAreToldOfAFullDiskAndGoOnAfterwards) {
    const auto topic = make_topic(2);
    append(topic, 0);
    append(topic, 1);
    world.files.room = 10;
    world.files.free = 0;
    auto& all = world.append(topic, 0);
    auto& leader = world.append(topic, 1, Acks::leader);
    world.settle();
    EXPECT_EQ(error_of(all), ErrorCode::kafka_storage_error);
    EXPECT_EQ(error_of(leader), ErrorCode::kafka_storage_error);
    world.advance(Duration::seconds(10));  // a checkpoint finds no room either
    world.files.room.reset();
    world.files.free = std::int64_t{1} << 40;
    world.append(topic, 0);
    world.settle();
    EXPECT_EQ(append(topic, 0), 1);
    EXPECT_EQ(append(topic, 1), 1);
    world.advance(Duration::seconds(10));
    EXPECT_NE(world.files.text("/data/recovery-point-offset-checkpoint").find("t 0 2"), std::string::npos);
    EXPECT_EQ(world.close(), std::set<std::size_t>{0});
}

}  // namespace
}  // namespace gregor::replication
