// Partitions that come and go: loads, deletions, topics made again under their old name, failing directories,
// clean stops.
#include "replication/replica_shard.h"

#include <gtest/gtest.h>

#include "replication/test_world.h"

namespace gregor::replication {
namespace {

using testing::base_of;
using testing::error_of;
using testing::records_of;
using testing::World;
using Ranges = std::vector<std::pair<std::int64_t, std::int64_t>>;

class ReplicaShardOver : public ::testing::TestWithParam<std::uint32_t> {
protected:
    World world{World::Options{.shards = GetParam()}};
    bool has_folder(const std::string& name) const {
        return world.files.directories.contains("/data/" + name);
    }
};
INSTANTIATE_TEST_SUITE_P(Shards, ReplicaShardOver, ::testing::Values(1U, 3U));

TEST_P(ReplicaShardOver, ADeletedPartitionAnswersEverybodyAndItsFolderGoes) {
    const auto topic = world.add_topic("t");
    world.publish();
    world.settle();
    EXPECT_TRUE(has_folder("t-0"));
    auto& append = world.append(topic);
    auto& fetch = world.fetch({World::from(topic, 0)}, world.wait(10'000));
    world.settle_but_disks();
    world.delete_topic("t");
    world.publish();
    world.settle();
    EXPECT_EQ(error_of(append), ErrorCode::unknown_topic_or_partition);
    EXPECT_EQ(error_of(fetch), ErrorCode::unknown_topic_or_partition);
    EXPECT_FALSE(has_folder("t-0"));
    auto& late = world.append(topic);
    world.settle();
    EXPECT_EQ(error_of(late), ErrorCode::unknown_topic_or_partition);
}

TEST_P(ReplicaShardOver, ATopicMadeAgainWhileItsOldFolderGoes) {
    const auto old_topic = world.add_topic("t");
    world.publish();
    world.settle();
    world.append({World::entry(old_topic, 0, {.records = 5})}, world.options());
    world.settle();
    world.delete_topic("t");
    const auto new_topic = world.add_topic("t");
    world.publish();
    world.settle_but_disks();
    auto& append = world.append(new_topic);
    world.settle();
    EXPECT_EQ(error_of(append), ErrorCode::none);
    EXPECT_EQ(base_of(append), 0);
    auto& gone = world.append(old_topic);
    world.settle();
    EXPECT_EQ(error_of(gone), ErrorCode::unknown_topic_or_partition);
    EXPECT_EQ(world.partition(new_topic)->high_watermark(), Offset{1});
}

TEST_P(ReplicaShardOver, ATopicDeletedWhileItLoads) {
    const auto topic = world.add_topic("t");
    world.publish();
    world.settle_but_disks();
    auto& append = world.append(topic);
    auto& fetch = world.fetch({World::from(topic, 0)}, world.wait(10'000));
    world.settle_but_disks();
    world.delete_topic("t");
    world.publish();
    world.settle();
    EXPECT_EQ(error_of(append), ErrorCode::unknown_topic_or_partition);
    EXPECT_EQ(error_of(fetch), ErrorCode::unknown_topic_or_partition);
    EXPECT_FALSE(has_folder("t-0"));
}

// Made, deleted, made, deleted and made: the one in the middle never had a folder, and nobody may wait for
// it.
TEST_P(ReplicaShardOver, ATopicDeletedWhileItWaitsForAFolder) {
    world.add_topic("t");
    world.publish();
    world.settle();
    world.delete_topic("t");
    const auto second = world.add_topic("t");
    world.publish();
    world.settle_but_disks();
    auto& append = world.append(second);
    world.settle_but_disks();
    world.delete_topic("t");
    world.publish();
    world.settle_but_disks();
    EXPECT_EQ(error_of(append), ErrorCode::unknown_topic_or_partition);
    const auto third = world.add_topic("t");
    world.publish();
    world.settle();
    auto& last = world.append(third);
    world.settle();
    EXPECT_EQ(error_of(last), ErrorCode::none);
    EXPECT_EQ(base_of(last), 0);
}

TEST(ReplicaShard, FoldersAreMadeAndRemovedAFewAtATime) {
    World world;
    const auto topic = world.add_topic("t", 10);
    world.publish();
    world.settle_but_disks();
    EXPECT_EQ(world.disk_jobs(), 2U);
    auto& append = world.append(topic, 9);  // whoever needs one does not wait for the others
    world.settle_but_disks();
    EXPECT_EQ(world.disk_jobs(), 3U);
    while (!append.is_there()) {
        world.run_disk_job();
        world.settle_but_disks();
    }
    EXPECT_EQ(error_of(append), ErrorCode::none);
    EXPECT_FALSE(world.files.directories.contains("/data/t-8"));
    world.settle();
    for (std::int32_t i = 0; i < 10; ++i)
        EXPECT_TRUE(world.files.directories.contains(fmt::format("/data/t-{}", i)));
    world.crash();
    world.start();
    world.publish_all();
    world.settle();
    world.delete_topic("t");
    world.publish();
    world.settle_but_disks();
    EXPECT_LE(world.disk_jobs(), 3U);  // with what the checkpoints have to write
    world.settle();
    for (const auto& directory : world.files.directories)
        EXPECT_FALSE(directory.starts_with("/data/t-")) << directory;
}

// Two that wait for the folders of older topics of their names do not hold up the removal of those.
TEST(ReplicaShard, ManyTopicsAreDeletedAndMadeAgainAtOnce) {
    World world;
    for (int i = 0; i < 8; ++i) world.add_topic(fmt::format("t{}", i), 2);
    world.publish();
    world.settle();
    world.crash();
    world.start();
    world.publish_all();
    world.settle();
    std::vector<Uuid> again;
    for (int i = 0; i < 8; ++i) world.delete_topic(fmt::format("t{}", i));
    for (int i = 0; i < 8; ++i) again.push_back(world.add_topic(fmt::format("t{}", i), 2));
    world.publish();
    world.settle();
    for (const auto& topic : again) {
        auto& append = world.append(topic, 1);
        world.settle();
        EXPECT_EQ(error_of(append), ErrorCode::none);
        EXPECT_EQ(base_of(append), 0);
    }
}

TEST(ReplicaShard, ATopicThatGoesBeforeItsTurnLeavesNothing) {
    World world;
    world.add_topic("t", 10);
    world.publish();
    world.settle_but_disks();
    world.delete_topic("t");
    world.publish();
    world.settle();
    for (const auto& directory : world.files.directories)
        EXPECT_FALSE(directory.starts_with("/data/t-")) << directory;
    const auto again = world.add_topic("t", 10);
    world.publish();
    world.settle();
    auto& append = world.append(again, 7);
    world.settle();
    EXPECT_EQ(base_of(append), 0);
}

TEST_P(ReplicaShardOver, ALoadThatFailsIsAnsweredAsAStorageError) {
    world.files.fail_writes = true;
    const auto topic = world.add_topic("t");
    world.publish();
    world.settle_but_disks();
    auto& append = world.append(topic);
    auto& fetch = world.fetch({World::from(topic, 0)}, world.wait(10'000));
    world.settle();
    EXPECT_EQ(error_of(append), ErrorCode::kafka_storage_error);
    EXPECT_EQ(error_of(fetch), ErrorCode::kafka_storage_error);
    // The directory is offline until the next start, on every shard, also for what was never loaded.
    world.files.fail_writes = false;
    world.delete_topic("t");
    const auto other = world.add_topic("other", 4);
    world.publish();
    world.settle();
    for (std::int32_t i = 0; i < 4; ++i) {
        auto& late = world.append(other, i);
        world.settle();
        EXPECT_EQ(error_of(late), ErrorCode::kafka_storage_error);
    }
    EXPECT_TRUE(world.close().empty());
}

TEST_P(ReplicaShardOver, ACheckpointThatFailsTakesTheDirectoryOffline) {
    const auto topic = world.add_topic("t", 4);
    world.publish();
    world.settle();
    for (std::int32_t i = 0; i < 4; ++i) world.append(topic, i);
    world.settle();
    world.files.fail_writes = true;
    world.advance(Duration::seconds(5));
    world.files.fail_writes = false;
    for (std::int32_t i = 0; i < 4; ++i) {
        auto& late = world.append(topic, i);
        world.settle();
        EXPECT_EQ(error_of(late), ErrorCode::kafka_storage_error);
    }
    EXPECT_TRUE(world.close().empty());
}

TEST_P(ReplicaShardOver, AReadThatFailsTakesTheDirectoryOffline) {
    const auto topic = world.add_topic("t", 4);
    world.publish();
    world.settle();
    for (std::int32_t i = 0; i < 4; ++i) world.append(topic, i);
    world.settle();
    world.close();
    world.crash();
    world.start();
    world.publish_all();
    world.settle();
    world.fetch({World::from(topic, 0)}, world.wait(0));
    world.settle();  // loaded; what was read is not kept
    auto& first = world.fetch({World::from(topic, 0)}, world.wait(0));
    world.settle_but_disks();
    world.files.fail_reads = true;
    world.settle();
    world.files.fail_reads = false;
    EXPECT_EQ(error_of(first), ErrorCode::kafka_storage_error);
    for (std::int32_t i = 0; i < 4; ++i) {
        auto& late = world.append(topic, i);
        world.settle();
        EXPECT_EQ(error_of(late), ErrorCode::kafka_storage_error);
    }
}

// ---------------------------------------------------------------- a disk that does not keep up

class ReplicaShardBehindASlowDisk : public ::testing::Test {
protected:
    ReplicaShardBehindASlowDisk() {
        topic = world.add_topic("t", 2);
        world.publish();
        world.settle();
        // One more than the queue takes is the last that gets in.
        full = &world.append({World::entry(topic, 0, {.value_bytes = 200})}, world.options(Acks::leader));
        world.settle_but_disks();
    }
    World world{{.write_queue_bytes = 100}};
    Uuid topic;
    World::Appended* full = nullptr;
};

TEST_F(ReplicaShardBehindASlowDisk, AppendsWaitForRoomInTheirOrder) {
    auto& first = world.append(topic, 0, Acks::leader);
    auto& other = world.append(topic, 1, Acks::none);
    auto& second = world.append({World::entry(topic, 0, {.value_bytes = 200})}, world.options(Acks::leader));
    auto& third = world.append(topic, 0, Acks::leader);
    world.settle_but_disks();
    EXPECT_EQ(first.calls + other.calls + second.calls + third.calls, 0);
    world.settle();
    EXPECT_EQ(base_of(*full), 0);
    EXPECT_EQ(base_of(first), 1);
    EXPECT_EQ(base_of(second), 2);
    EXPECT_EQ(base_of(third), 3);
    EXPECT_EQ(error_of(other), ErrorCode::none);
    EXPECT_EQ(world.partition(topic, 0)->log().log_end_offset(), Offset{4});
    EXPECT_EQ(world.partition(topic, 1)->log().log_end_offset(), Offset{1});
}

TEST_F(ReplicaShardBehindASlowDisk, AnAppendThatWaitsForRoomTimesOutAndLeavesNothing) {
    auto options = world.options();
    options.deadline = world.clock.at;
    auto& late = world.append({World::entry(topic)}, options);
    auto& next = world.append(topic);
    world.settle_but_disks();
    EXPECT_EQ(late.calls, 0);
    world.advance(Duration::millis(1));
    EXPECT_EQ(error_of(late), ErrorCode::request_timed_out);
    EXPECT_EQ(late.calls, 1);
    EXPECT_EQ(base_of(next), 1);
}

TEST_F(ReplicaShardBehindASlowDisk, AFailingDirectoryAnswersThoseWhoWait) {
    auto& waiting = world.append(topic);
    world.settle_but_disks();
    world.files.fail_writes = true;
    world.settle();
    EXPECT_EQ(error_of(waiting), ErrorCode::kafka_storage_error);
}

TEST_F(ReplicaShardBehindASlowDisk, ClosingAnswersThoseWhoWait) {
    auto& waiting = world.append(topic);
    world.settle_but_disks();
    world.close();
    EXPECT_EQ(error_of(waiting), ErrorCode::not_leader_or_follower);
    EXPECT_EQ(error_of(*full), ErrorCode::not_leader_or_follower);
}

TEST_P(ReplicaShardOver, AFolderWithAForeignTopicFailsAndComesBackOnceItIsDeleted) {
    world.files.make_directories("/data/t-0");
    world.files.put("/data/t-0/partition.metadata", "version: 0\ntopic_id: " + Uuid{9, 9}.to_string());
    const auto topic = world.add_topic("t");
    world.publish();
    world.settle();
    auto& append = world.append(topic);
    world.settle();
    EXPECT_EQ(error_of(append), ErrorCode::kafka_storage_error);
    world.delete_topic("t");
    const auto again = world.add_topic("t");
    world.publish();
    world.settle();
    auto& second = world.append(again);
    world.settle();
    EXPECT_EQ(error_of(second), ErrorCode::none);
}

TEST_P(ReplicaShardOver, AFailingDirectoryTakesItsPartitionsOffline) {
    const auto topic = world.add_topic("t", 4);
    world.publish();
    world.settle();
    std::vector<World::Appended*> appends;
    for (std::int32_t i = 0; i < 4; ++i) appends.push_back(&world.append(topic, i));
    auto& fetch = world.fetch({World::from(topic, 0)}, world.wait(10'000));
    world.settle_but_disks();
    world.files.fail_writes = true;
    world.settle();
    for (auto* append : appends) EXPECT_EQ(error_of(*append), ErrorCode::kafka_storage_error);
    EXPECT_EQ(error_of(fetch), ErrorCode::kafka_storage_error);
    auto& late = world.append(topic);
    world.settle();
    EXPECT_EQ(error_of(late), ErrorCode::kafka_storage_error);
    EXPECT_TRUE(world.close().empty());
}

// An answer lets the connection start its next request within the same call.
TEST_P(ReplicaShardOver, AnAnswerToADirectoryFailureMayAppendAgain) {
    const auto topic = world.add_topic("t", 8);
    world.publish();
    world.settle();
    const auto first = world.partition_on(0, topic);
    auto second = first + 1;
    while (world.owner(topic, second) != 0) ++second;
    testing::Reply<std::vector<AppendOutcome>> nested;
    const auto append_next = [&](std::vector<AppendOutcome>) {
        std::vector<PartitionAppend> more;
        for (const auto index : {first, second}) more.push_back(World::entry(topic, index));
        world.replicas().append(std::move(more), world.options(),
                                [&nested](std::vector<AppendOutcome> got) { nested(std::move(got)); });
    };
    std::vector<PartitionAppend> appends;
    appends.push_back(World::entry(topic, first));
    world.replicas().append(std::move(appends), world.options(), append_next);
    world.settle_but_disks();
    world.files.fail_writes = true;
    world.settle();
    ASSERT_TRUE(nested.is_there());
    EXPECT_EQ((*nested.value)[0].error, ErrorCode::kafka_storage_error);
    EXPECT_EQ((*nested.value)[1].error, ErrorCode::kafka_storage_error);
}

TEST_P(ReplicaShardOver, NothingIsServedOnceTheLogsClose) {
    const auto topic = world.add_topic("t", 4);
    world.publish();
    world.settle();
    for (std::int32_t i = 0; i < 4; ++i) world.append(topic, i);
    auto& fetch = world.fetch({World::from(topic, 0)}, world.wait(10'000));
    world.settle_but_disks();
    EXPECT_EQ(world.close(), std::set<std::size_t>{0});
    EXPECT_EQ(error_of(fetch), ErrorCode::not_leader_or_follower);
    auto& late = world.append(topic);
    auto& late_fetch = world.fetch({World::from(topic, 0)}, world.wait(10'000));
    world.add_topic("u");
    world.delete_topic("t");
    world.publish();
    world.settle();
    EXPECT_EQ(error_of(late), ErrorCode::not_leader_or_follower);
    EXPECT_EQ(error_of(late_fetch), ErrorCode::not_leader_or_follower);
}

TEST_P(ReplicaShardOver, WhatWasAnsweredIsThereAfterACrashAndAfterACleanStop) {
    const auto topic = world.add_topic("t", 3);
    world.publish();
    world.settle();
    for (std::int32_t i = 0; i < 3; ++i)
        world.append({World::entry(topic, i, {.records = i + 1})}, world.options());
    world.settle();
    world.crash();
    world.start();
    world.publish_all();
    world.settle();
    EXPECT_EQ(world.partition(topic), nullptr);  // loaded on first use
    auto& fetch = world.fetch({World::from(topic, 0, 2)}, world.wait(1000));
    world.settle();
    EXPECT_EQ(records_of(fetch), (Ranges{{0, 2}}));
    auto& append = world.append(topic, 2);
    world.settle();
    EXPECT_EQ(base_of(append), 3);
    EXPECT_TRUE(world.close().empty());  // two partitions were never looked at after the crash
}

TEST_P(ReplicaShardOver, LoadingAllMakesACleanStopPossibleAgain) {
    const auto topic = world.add_topic("t", 7);
    world.publish();
    world.settle();
    world.crash();
    world.start();
    world.publish_all();
    world.settle();
    std::uint32_t loaded = 0;
    for (std::uint32_t i = 0; i < GetParam(); ++i) world.shard(i).load_all([&loaded] { ++loaded; });
    world.settle();
    EXPECT_EQ(loaded, GetParam());
    for (std::int32_t i = 0; i < 7; ++i) EXPECT_EQ(world.partition(topic, i), nullptr);  // and none is kept
    EXPECT_EQ(world.close(), std::set<std::size_t>{0});
}

TEST_P(ReplicaShardOver, ATopicDeletedWhileTheNodeWasDownIsSetAside) {
    world.add_topic("t");
    const auto kept = world.add_topic("kept");
    world.publish();
    world.settle();
    world.append(kept);
    world.settle();
    world.crash();
    world.delete_topic("t");
    const auto again = world.add_topic("t");
    world.changes = {};
    world.start();
    world.publish_all();
    world.settle_but_disks();
    auto& append = world.append(again);
    world.settle();
    EXPECT_EQ(base_of(append), 0);
    int strays = 0;
    for (const auto& directory : world.files.directories) strays += directory.ends_with("-stray") ? 1 : 0;
    EXPECT_EQ(strays, 1);
    auto& fetch = world.fetch({World::from(kept, 0)}, world.wait(0));
    world.settle();
    EXPECT_EQ(records_of(fetch), (Ranges{{0, 0}}));
}

TEST_P(ReplicaShardOver, ChangedSettingsReachALoadedLog) {
    const auto topic = world.add_topic("t");
    world.publish();
    world.settle();
    metadata::ConfigMap configs;
    configs.set("max.message.bytes", "100");
    const metadata::ConfigResource resource{metadata::ConfigResourceType::topic, "t"};
    world.state.configs.set(resource, configs);
    world.changes.configs.insert(resource);
    world.publish();
    world.settle();
    auto& refused = world.append({World::entry(topic, 0, {.value_bytes = 200})}, world.options());
    world.settle();
    EXPECT_EQ(error_of(refused), ErrorCode::message_too_large);
    EXPECT_EQ((*refused.value)[0].log_start_offset, k_no_offset);  // Kafka does not tell it with such errors
    world.state.configs.erase(resource);
    world.properties.given["message.max.bytes"] = "1000";
    world.changes.configs.insert(resource);
    world.publish();
    world.settle();
    auto& taken = world.append({World::entry(topic, 0, {.value_bytes = 200})}, world.options());
    auto& again = world.append({World::entry(topic, 0, {.value_bytes = 2000})}, world.options());
    world.settle();
    EXPECT_EQ(error_of(taken), ErrorCode::none);
    EXPECT_EQ(error_of(again), ErrorCode::message_too_large);
}

TEST_P(ReplicaShardOver, LeadersAreToldOnTheShardThatOwnsThem) {
    const auto topic = world.add_topic("t");
    world.publish();
    world.settle();
    const auto owner = world.owner(topic);
    EXPECT_EQ(world.elections(owner), (std::vector<std::string>{"t-0 leads in 0"}));
    world.set_partition("t", 0, World::led_by(k_no_broker, 1));
    world.publish();
    world.settle();
    world.delete_topic("t");
    world.publish();
    world.settle();
    EXPECT_EQ(world.elections(owner),
              (std::vector<std::string>{"t-0 leads in 0", "t-0 does not", "t-0 does not"}));
}

// ---------------------------------------------------------------- checkpoints

TEST_P(ReplicaShardOver, CheckpointsFollowInTime) {
    const auto topic = world.add_topic("t", 2);
    world.publish();
    world.settle();
    world.append({World::entry(topic, 1, {.records = 3})}, world.options());
    world.settle();
    world.advance(Duration::seconds(6));
    EXPECT_EQ(world.files.text("/data/replication-offset-checkpoint"), "0\n1\nt 1 3\n");
    EXPECT_EQ(world.files.text("/data/recovery-point-offset-checkpoint"), "0\n1\nt 1 3\n");
    world.delete_topic("t");
    world.publish();
    world.settle();
    EXPECT_EQ(world.files.text("/data/replication-offset-checkpoint"), "0\n0\n");
}

TEST(Checkpointer, AFlushTellsWhichDirectoriesFailed) {
    World world({.shards = 1, .directories = {"/a", "/b"}});
    testing::Reply<std::set<std::size_t>> first;
    testing::Reply<std::set<std::size_t>> second;
    world.checkpointer->report(
        {{.directory = 1, .partition = {"t", PartitionIndex{0}}, .high_watermark = Offset{7}}});
    world.checkpointer->flush([&first](std::set<std::size_t> failed) { first(std::move(failed)); });
    world.settle();
    EXPECT_EQ(first.value, std::set<std::size_t>{});
    EXPECT_EQ(world.files.text("/b/replication-offset-checkpoint"), "0\n1\nt 0 7\n");
    world.files.fail_syncs = true;
    world.checkpointer->flush([&second](std::set<std::size_t> failed) { second(std::move(failed)); });
    world.settle();
    EXPECT_EQ(second.value, (std::set<std::size_t>{0, 1}));
}

TEST(Checkpointer, AFlushDoesNotWaitForThoseBehindIt) {
    World world;
    std::deque<testing::Reply<std::set<std::size_t>>> replies;
    const auto flush = [&] {
        auto& reply = replies.emplace_back();
        world.checkpointer->flush([&reply](std::set<std::size_t> failed) { reply(std::move(failed)); });
    };
    flush();  // its write begins
    for (std::size_t i = 0; i < 3; ++i) {
        flush();  // waits for the next one
        ASSERT_TRUE(world.run_disk_job());
        EXPECT_TRUE(replies[i].is_there()) << i;
        EXPECT_FALSE(replies[i + 1].is_there()) << i;
    }
    world.settle();
    EXPECT_TRUE(replies.back().is_there());
}

}  // namespace
}  // namespace gregor::replication
