// Moves between log directories: under load, with crashes at every step, with a second thought.
#include <gtest/gtest.h>

#include "replication/test_world.h"

namespace gregor::replication::testing {
namespace {

World::Options two_directories(std::uint32_t shards = 1) {
    World::Options options;
    options.shards = shards;
    options.directories = {"/a", "/b"};
    return options;
}

class MovesTest : public ::testing::Test {
protected:
    explicit MovesTest(std::uint32_t shards = 1) : world(two_directories(shards)) {
        topic = world.add_topic("t");
        world.publish();
        world.settle();
        for (int i = 0; i < 3; ++i) append();
    }
    void append() {
        auto& reply = world.append(topic);
        world.settle();
        ASSERT_EQ(error_of(reply), ErrorCode::none);
        ++acked;
    }
    ErrorCode move(std::size_t directory) {
        Reply<std::vector<ErrorCode>> reply;
        world.replicas().move({{World::id_of(topic), directory}},
                              [&reply](std::vector<ErrorCode> errors) { reply(std::move(errors)); });
        return reply.is_there() ? reply.value->front() : ErrorCode::unknown_server_error;
    }
    // The folders of the partition that are there, whatever they are called.
    std::vector<std::string> folders() const {
        std::vector<std::string> found;
        for (const auto& path : world.files.directories) {
            if (path.find("/t-0") != std::string::npos) found.push_back(path);
        }
        return found;
    }
    void restart() {
        world.crash();
        world.start();
        world.publish_all();
        world.settle();
    }
    void expect_all_records() {
        std::int64_t next = 0;
        while (next < acked) {
            auto& fetched = world.fetch({World::from(topic, next)}, world.wait(0));
            world.settle();
            ASSERT_EQ(error_of(fetched), ErrorCode::none);
            ASSERT_FALSE(records_of(fetched).empty());
            EXPECT_EQ(records_of(fetched).front().first, next);
            next = records_of(fetched).back().second + 1;
        }
    }

    World world;
    Uuid topic;
    std::int64_t acked = 0;
};

TEST_F(MovesTest, APartitionIsFoundInItsNewDirectory) {
    ASSERT_EQ(folders(), (std::vector<std::string>{"/a/t-0"}));
    EXPECT_EQ(move(1), ErrorCode::none);
    world.settle();
    EXPECT_EQ(folders(), (std::vector<std::string>{"/b/t-0"}));
    expect_all_records();
    append();
    expect_all_records();
    restart();
    EXPECT_EQ(folders(), (std::vector<std::string>{"/b/t-0"}));
    expect_all_records();
    EXPECT_EQ(world.close(), (std::set<std::size_t>{0, 1}));
}

TEST_F(MovesTest, WhatIsAppendedMeanwhileComesAlong) {
    for (int jobs = 0; jobs < 12; ++jobs) {
        ASSERT_EQ(move(jobs % 2 == 0 ? 1 : 0), ErrorCode::none);
        world.settle_but_disks();
        for (int i = 0; i < jobs; ++i) {
            world.run_disk_job();
            world.settle_but_disks();
        }
        auto& waiting = world.fetch({World::from(topic, acked)}, world.wait(60'000));
        append();
        world.settle();
        ASSERT_TRUE(waiting.is_there()) << jobs;
        EXPECT_EQ(error_of(waiting), ErrorCode::none) << jobs;
        EXPECT_EQ(folders().size(), 1U) << jobs;
        expect_all_records();
    }
}

TEST_F(MovesTest, ACrashAtAnyStepLosesNothing) {
    for (int jobs = 0; jobs < 16; ++jobs) {
        const std::size_t target = folders() == std::vector<std::string>{"/a/t-0"} ? 1 : 0;
        ASSERT_EQ(move(target), ErrorCode::none);
        world.settle_but_disks();
        for (int i = 0; i < jobs; ++i) {
            world.run_disk_job();
            world.settle_but_disks();
        }
        restart();
        EXPECT_EQ(folders().size(), 1U) << jobs;  // the move has begun anew, or was over
        if (jobs > 1) {
            EXPECT_EQ(folders().front(), target == 1 ? "/b/t-0" : "/a/t-0") << jobs;
        }
        expect_all_records();
        append();
    }
}

TEST_F(MovesTest, AMoveIsTakenBack) {
    for (int jobs = 0; jobs < 12; ++jobs) {
        const std::size_t home = folders() == std::vector<std::string>{"/a/t-0"} ? 0 : 1;
        ASSERT_EQ(move(1 - home), ErrorCode::none);
        world.settle_but_disks();
        for (int i = 0; i < jobs; ++i) {
            world.run_disk_job();
            world.settle_but_disks();
        }
        ASSERT_EQ(move(home), ErrorCode::none);
        world.settle();
        EXPECT_EQ(folders(), (std::vector<std::string>{home == 0 ? "/a/t-0" : "/b/t-0"})) << jobs;
        expect_all_records();
    }
}

// Kafka's start refuses two copies of a partition.
TEST_F(MovesTest, TheNextCopyWaitsUntilTheLastOneIsGone) {
    ASSERT_EQ(move(1), ErrorCode::none);
    ASSERT_EQ(move(0), ErrorCode::none);  // a second thought
    world.settle_but_disks();
    world.run_disk_job();
    world.settle_but_disks();
    ASSERT_EQ(folders().size(), 2U);
    ASSERT_EQ(world.disk_jobs(), 1U);  // which removes the copy
    ASSERT_EQ(move(1), ErrorCode::none);
    world.settle_but_disks();
    EXPECT_EQ(world.disk_jobs(), 1U);
    world.settle();
    EXPECT_EQ(folders(), (std::vector<std::string>{"/b/t-0"}));
    expect_all_records();
}

TEST_F(MovesTest, ATopicThatIsDeletedLeavesNoCopy) {
    for (int jobs = 0; jobs < 12; ++jobs) {
        if (world.state.topics_by_name.find("t") == nullptr) {
            topic = world.add_topic("t");
            world.publish();
            world.settle();
            acked = 0;
            append();
        }
        const std::size_t target = folders() == std::vector<std::string>{"/a/t-0"} ? 1 : 0;
        ASSERT_EQ(move(target), ErrorCode::none);
        world.settle_but_disks();
        for (int i = 0; i < jobs; ++i) {
            world.run_disk_job();
            world.settle_but_disks();
        }
        world.delete_topic("t");
        world.publish();
        world.settle();
        EXPECT_EQ(folders(), (std::vector<std::string>{})) << jobs;
    }
}

TEST_F(MovesTest, WhereNothingCanBeMoved) {
    Reply<std::vector<ErrorCode>> reply;
    world.replicas().move({{World::id_of(Uuid{9, 9}), 0}, {World::id_of(topic), 7}},
                          [&reply](std::vector<ErrorCode> errors) { reply(std::move(errors)); });
    EXPECT_EQ(*reply.value,
              (std::vector<ErrorCode>{ErrorCode::replica_not_available, ErrorCode::kafka_storage_error}));
    EXPECT_EQ(move(0), ErrorCode::none);  // it is there
    EXPECT_EQ(world.disk_jobs(), 0U);
    world.shard().take_offline(1, {ErrorCode::kafka_storage_error, "broken"});
    world.settle();
    EXPECT_EQ(move(1), ErrorCode::kafka_storage_error);
}

TEST_F(MovesTest, ATargetThatFailsLeavesThePartitionWhereItIs) {
    ASSERT_EQ(move(1), ErrorCode::none);
    world.settle_but_disks();
    world.files.fail_writes = true;
    world.run_disk_job();
    world.files.fail_writes = false;
    world.settle();
    EXPECT_EQ(folders().front(), "/a/t-0");
    expect_all_records();
    append();
}

TEST_F(MovesTest, ARateIsKept) {
    metadata::ConfigMap configs;
    configs.set("replica.alter.log.dirs.io.max.bytes.per.second", std::to_string(1 << 20));
    world.state.configs.set({metadata::ConfigResourceType::broker, ""}, configs);
    world.publish();
    for (int i = 0; i < 7; ++i) {
        auto& reply = world.append({World::entry(topic, 0, {.value_bytes = 900 << 10})}, world.options());
        world.settle();
        ASSERT_EQ(error_of(reply), ErrorCode::none);
        ++acked;
    }
    ASSERT_EQ(move(1), ErrorCode::none);
    world.settle();
    world.advance(Duration::seconds(3));
    EXPECT_EQ(folders().size(), 2U);  // 4 MiB take four seconds
    world.advance(Duration::seconds(1));
    world.advance(Duration::seconds(3));
    EXPECT_EQ(folders(), (std::vector<std::string>{"/b/t-0"}));
    expect_all_records();
}

// ---------------------------------------------------------------- placement

class PlacementTest : public ::testing::Test {
protected:
    std::map<std::string, int> counts(const World& world) {
        std::map<std::string, int> found;
        for (const auto& path : world.files.directories) {
            if (path.find("/p-") != std::string::npos) ++found[path.substr(0, path.find('/', 1))];
        }
        return found;
    }
};

TEST_F(PlacementTest, NewPartitionsGoWhereTheFewestAre) {
    World world(two_directories(3));
    world.add_topic("p", 10);
    world.publish();
    world.settle();
    EXPECT_EQ(counts(world), (std::map<std::string, int>{{"/a", 5}, {"/b", 5}}));
    world.add_topic("p-more", 7);
    world.publish();
    world.settle();
    EXPECT_LE(std::abs(counts(world)["/a"] - counts(world)["/b"]), 1);
}

TEST_F(PlacementTest, NothingNewGoesIntoACordonedDirectory) {
    World world(two_directories(2));
    world.properties.given["cordoned.log.dirs"] = "/a";
    world.add_topic("p", 6);
    world.publish();
    world.settle();
    EXPECT_EQ(counts(world), (std::map<std::string, int>{{"/b", 6}}));
}

TEST_F(PlacementTest, NothingNewGoesIntoADirectoryThatFailed) {
    World world(two_directories(2));
    world.shard(0).take_offline(0, {ErrorCode::kafka_storage_error, "broken"});
    world.settle();
    world.add_topic("p", 6);
    world.publish();
    world.settle();
    EXPECT_EQ(counts(world), (std::map<std::string, int>{{"/b", 6}}));
}

TEST_F(PlacementTest, APartitionMayBeToldWhereToGoBeforeItExists) {
    World world(two_directories(2));
    for (std::int32_t i = 0; i < 4; ++i) world.replicas().prefer_directory({"p", PartitionIndex{i}}, 1);
    world.settle();
    world.add_topic("p", 4);
    world.publish();
    world.settle();
    EXPECT_EQ(counts(world), (std::map<std::string, int>{{"/b", 4}}));
}

}  // namespace
}  // namespace gregor::replication::testing
