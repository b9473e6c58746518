// Partitions that nobody uses are let go, and come back as they were when somebody wants them.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "replication/test_world.h"

namespace gregor::replication {
namespace {

using storage::testing::TestBatch;
using testing::base_of;
using testing::error_of;
using testing::k_now_ms;
using testing::records_of;
using testing::Reply;
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
    World::Appended& produce(Uuid topic, std::int32_t sequence) {
        const TestBatch batch{.producer_id = ProducerId{3}, .producer_epoch = 0, .base_sequence = sequence};
        auto& reply = world.append({World::entry(topic, 0, batch)}, world.options());
        world.settle();
        return reply;
    }
    World::Fetched& fetch(Uuid topic, std::int64_t offset) {
        auto& reply = world.fetch({World::from(topic, offset)}, world.wait(0));
        world.settle();
        return reply;
    }
    void delete_records(Uuid topic, std::int64_t before) {
        Reply<std::vector<RecordDeletionOutcome>> reply;
        world.replicas().delete_records({{World::id_of(topic), Offset{before}}},
                                        [&reply](auto outcomes) { reply(std::move(outcomes)); });
        world.settle();
        EXPECT_EQ(reply.value->front().error, ErrorCode::none);
    }
    // The second look finds who was not used since the first.
    void be_idle() {
        world.advance(k_idle);
        world.advance(k_idle);
    }
    // The second look, without what the disks then have to do.
    void begin_to_let_go() {
        world.advance(k_idle);
        world.clock.at = world.clock.at + k_idle;
        world.fire_timers();
        world.settle_but_disks();
    }
    bool is_loaded(Uuid topic, std::int32_t partition = 0) {
        return world.partition(topic, partition) != nullptr;
    }
    void kill() {
        world.crash();
        world.start();
        world.publish_all();
        world.settle();
    }
    std::ptrdiff_t count_files(std::string_view suffix) const {
        return std::ranges::count_if(world.files.nodes,
                                     [&](const auto& node) { return node.first.ends_with(suffix); });
    }
    World world;
};

// ---------------------------------------------------------------- who is let go

TEST_F(Idle, IsLetGoAndComesBack) {
    const auto topic = make_topic(3);
    EXPECT_EQ(append(topic), 0);
    ASSERT_TRUE(is_loaded(topic));
    be_idle();
    EXPECT_FALSE(is_loaded(topic));
    EXPECT_EQ(records_of(fetch(topic, 0)).size(), 1U);
    EXPECT_TRUE(is_loaded(topic));
    be_idle();
    EXPECT_FALSE(is_loaded(topic));
    EXPECT_EQ(append(topic), 1);
}

TEST_F(Idle, NewOnesCostAFolderAndALine) {
    const auto topic = make_topic(5);
    for (std::int32_t i = 0; i < 5; ++i) EXPECT_FALSE(is_loaded(topic, i));
    EXPECT_EQ(count_files("leader-epoch-checkpoint"), 5);
    EXPECT_EQ(append(topic, 3), 0);
}

// Nothing is loaded: nothing wakes but the rounds of upkeep.
TEST_F(Idle, WhileNothingIsLoadedNothingWakes) {
    const auto topic = make_topic(3);
    be_idle();
    const auto before = world.timers();
    append(topic);
    EXPECT_GT(world.timers(), before);
    be_idle();
    world.advance(Duration::seconds(10));  // the checkpoint
    EXPECT_EQ(world.timers(), before);
}

TEST_F(Idle, StaysWhileItIsUsed) {
    const auto topic = make_topic();
    for (int i = 0; i < 5; ++i) {
        append(topic);
        world.advance(k_idle);
        EXPECT_TRUE(is_loaded(topic));
    }
}

TEST_F(Idle, StaysWhileSomebodyWaits) {
    const auto topic = make_topic();
    append(topic);
    auto& waiting = world.fetch({World::from(topic, 1)}, world.wait(600'000));
    be_idle();
    be_idle();
    EXPECT_TRUE(is_loaded(topic));
    append(topic);
    EXPECT_TRUE(waiting.is_there());
}

TEST_F(Idle, StaysWhileATransactionIsOpen) {
    const auto topic = make_topic();
    const TestBatch batch{
        .producer_id = ProducerId{3}, .producer_epoch = 0, .base_sequence = 0, .transactional = true};
    Reply<std::vector<VerificationOutcome>> verified;
    world.replicas().start_verification(
        {{.partition = World::id_of(topic), .producer_id = ProducerId{3}, .producer_epoch = 0}},
        [&verified](auto outcomes) { verified(std::move(outcomes)); });
    world.settle();
    be_idle();
    ASSERT_TRUE(is_loaded(topic));  // the guard is known here alone
    auto entry = World::entry(topic, 0, batch);
    entry.verification = verified.value->front().guard;
    auto& appended = world.append({entry}, world.options());
    world.settle();
    ASSERT_EQ(error_of(appended), ErrorCode::none);
    be_idle();
    ASSERT_TRUE(is_loaded(topic));
    auto options = world.options();
    options.origin = records::AppendOrigin::coordinator;
    auto& ended = world.append({marker_append({.partition = World::id_of(topic),
                                               .producer_id = ProducerId{3},
                                               .producer_epoch = 0,
                                               .commits = true},
                                              k_now_ms)},
                               options);
    world.settle();
    ASSERT_EQ(error_of(ended), ErrorCode::none);
    be_idle();
    world.advance(k_idle);  // a round of retention came in between
    EXPECT_FALSE(is_loaded(topic));
}

TEST_F(Idle, TheCoordinatorsKeepTheirs) {
    const auto topic = world.add_topic("__consumer_offsets");
    world.publish();
    world.settle();
    append(topic);
    be_idle();
    EXPECT_TRUE(is_loaded(topic));
}

// A request for many is answered from all of them, however long the disk takes for some.
TEST_F(Idle, StaysWhileARequestWaitsForAnother) {
    const auto topic = make_topic(2);
    append(topic, 0);
    append(topic, 1);
    be_idle();
    fetch(topic, 0);
    ASSERT_TRUE(is_loaded(topic, 0));
    auto& both = world.fetch({World::from(topic, 0, 0), World::from(topic, 0, 1)}, world.wait(0));
    world.settle_but_disks();
    for (int i = 0; i < 3; ++i) {  // while the other one is loaded
        world.clock.at = world.clock.at + k_idle;
        world.fire_timers();
        world.settle_but_disks();
    }
    ASSERT_TRUE(is_loaded(topic, 0));
    world.settle();
    EXPECT_EQ(error_of(both, 0), ErrorCode::none);
    EXPECT_EQ(records_of(both, 0).size(), 1U);
    EXPECT_EQ(records_of(both, 1).size(), 1U);
    be_idle();
    EXPECT_FALSE(is_loaded(topic, 0));
    EXPECT_FALSE(is_loaded(topic, 1));
}

// Exporters ask for both ends of everything, all the time.
TEST_F(Idle, IsNotOpenedForItsEnds) {
    const auto topic = make_topic(2);
    for (int i = 0; i < 3; ++i) append(topic);
    delete_records(topic, 2);
    const auto ends = [&](std::int64_t timestamp, std::int32_t partition,
                          LeaderEpoch epoch = k_no_leader_epoch) {
        Reply<std::vector<OffsetLookupOutcome>> reply;
        world.replicas().list_offsets({{.partition = World::id_of(topic, partition),
                                        .current_leader_epoch = epoch,
                                        .timestamp = timestamp}},
                                      [&reply](auto outcomes) { reply(std::move(outcomes)); });
        world.settle();
        const auto& outcome = reply.value->front();
        return fmt::format("{} {} {} {}", static_cast<int>(outcome.error), outcome.offset.value(),
                           outcome.leader_epoch.value(), outcome.timestamp);
    };
    const auto all = [&] {
        std::string text;
        for (const auto timestamp : {storage::k_latest_timestamp, storage::k_earliest_timestamp,
                                     storage::k_earliest_local_timestamp})
            for (std::int32_t i = 0; i < 2; ++i) text += ends(timestamp, i) + "; ";
        return text;
    };
    const auto loaded = all();
    EXPECT_EQ(loaded, "0 3 0 -1; 0 0 0 -1; 0 2 0 -1; 0 0 0 -1; 0 2 0 -1; 0 0 0 -1; ");
    world.advance(k_idle);
    EXPECT_EQ(all(), loaded);
    world.advance(k_idle);  // that was no use
    ASSERT_FALSE(is_loaded(topic));
    EXPECT_EQ(all(), loaded);
    EXPECT_FALSE(is_loaded(topic));
    EXPECT_EQ(ends(storage::k_latest_timestamp, 0, LeaderEpoch{5}), "75 -1 -1 -1");
    EXPECT_EQ(ends(storage::k_max_timestamp, 0), fmt::format("0 2 0 {}", k_now_ms));
    EXPECT_TRUE(is_loaded(topic));
}

// ---------------------------------------------------------------- meanwhile

// Whoever comes while it is being closed waits until it is loaded again.
TEST_F(Idle, RequestsThatComeMeanwhileWait) {
    const auto topic = make_topic();
    append(topic);
    begin_to_let_go();
    ASSERT_FALSE(is_loaded(topic));
    auto& late = world.append(topic);
    auto& later = world.append(topic);
    auto& read = world.fetch({World::from(topic, 0)}, world.wait(0));
    world.settle();
    EXPECT_EQ(base_of(late), 1);
    EXPECT_EQ(base_of(later), 2);
    EXPECT_EQ(error_of(read), ErrorCode::none);
}

TEST_F(Idle, ATopicMayBeDeletedMeanwhile) {
    const auto topic = make_topic();
    append(topic);
    begin_to_let_go();
    auto& late = world.append(topic);
    world.delete_topic("t");
    world.publish();
    world.settle();
    EXPECT_EQ(error_of(late), ErrorCode::unknown_topic_or_partition);
    EXPECT_FALSE(world.files.directories.contains("/data/t-0"));
    EXPECT_EQ(append(make_topic()), 0);
}

TEST_F(Idle, ADirectoryMayFailMeanwhile) {
    const auto topic = make_topic(2);
    append(topic);
    begin_to_let_go();
    world.files.fail_syncs = true;
    world.settle();
    auto& late = world.append(topic);
    world.settle();
    EXPECT_EQ(error_of(late), ErrorCode::kafka_storage_error);
    world.delete_topic("t");
    world.publish();
    world.settle();
    EXPECT_TRUE(world.close().empty());
}

TEST_F(Idle, ATopicMayBeDeletedWhileItsDirectoryFails) {
    const auto topic = make_topic();
    append(topic);
    begin_to_let_go();
    world.delete_topic("t");
    world.publish();
    world.settle_but_disks();
    world.files.fail_syncs = true;
    world.settle();
    auto& late = world.append(topic);
    world.settle();
    EXPECT_EQ(error_of(late), ErrorCode::unknown_topic_or_partition);
}

TEST_F(Idle, TheNodeMayStopMeanwhile) {
    const auto topic = make_topic(2);
    append(topic, 0);
    append(topic, 1);
    begin_to_let_go();
    auto& late = world.append(topic, 0);
    world.settle_but_disks();
    EXPECT_EQ(world.close(), std::set<std::size_t>{0});
    EXPECT_EQ(error_of(late), ErrorCode::not_leader_or_follower);
}

// ---------------------------------------------------------------- as it was

TEST_F(Idle, KnowsItsDuplicatesAndItsStart) {
    const auto topic = make_topic();
    for (std::int32_t i = 0; i < 5; ++i) EXPECT_EQ(base_of(produce(topic, i)), i);
    for (int i = 0; i < 3; ++i) append(topic);
    delete_records(topic, 2);
    const auto before = world.partition(topic)->log().active_producers();
    be_idle();
    ASSERT_FALSE(is_loaded(topic));
    for (std::int32_t i = 0; i < 5; ++i) EXPECT_EQ(base_of(produce(topic, i)), i);  // all five are known
    auto& log = world.partition(topic)->log();
    EXPECT_EQ(log.log_end_offset(), Offset{8});
    EXPECT_EQ(log.log_start_offset(), Offset{2});
    EXPECT_EQ(log.recovery_point(), Offset{8});
    EXPECT_EQ(world.partition(topic)->high_watermark(), Offset{8});
    EXPECT_EQ(log.latest_epoch(), LeaderEpoch{0});
    ASSERT_EQ(log.active_producers().size(), before.size());
    EXPECT_EQ(log.active_producers().front().last_sequence, before.front().last_sequence);
    EXPECT_EQ(base_of(produce(topic, 5)), 8);
    EXPECT_EQ(error_of(fetch(topic, 1)), ErrorCode::offset_out_of_range);
}

// Also those that lie too far back in the log to be read again.
TEST_F(Idle, KnowsDuplicatesOfLongAgo) {
    const auto topic = make_topic(1, {{"max.message.bytes", "2000000"}});
    const auto large = [&](std::int32_t sequence) -> World::Appended& {
        const TestBatch batch{.value_bytes = 900'000,
                              .producer_id = ProducerId{3},
                              .producer_epoch = 0,
                              .base_sequence = sequence};
        auto& reply = world.append({World::entry(topic, 0, batch)}, world.options());
        world.settle();
        return reply;
    };
    for (std::int32_t i = 0; i < 5; ++i) EXPECT_EQ(base_of(large(i)), i);
    be_idle();
    ASSERT_FALSE(is_loaded(topic));
    for (std::int32_t i = 0; i < 5; ++i) EXPECT_EQ(base_of(large(i)), i);
    EXPECT_EQ(world.partition(topic)->log().log_end_offset(), Offset{5});
}

TEST_F(Idle, WhatItWasReachesTheCheckpoints) {
    const auto topic = make_topic();
    for (int i = 0; i < 5; ++i) append(topic);
    delete_records(topic, 2);
    be_idle();
    world.advance(Duration::seconds(5));
    EXPECT_EQ(world.files.text("/data/log-start-offset-checkpoint"), "0\n1\nt 0 2\n");
    EXPECT_EQ(world.files.text("/data/replication-offset-checkpoint"), "0\n1\nt 0 5\n");
    EXPECT_EQ(world.files.text("/data/recovery-point-offset-checkpoint"), "0\n1\nt 0 5\n");
    EXPECT_NE(world.files.text("/data/gregor.marks").find("t 0 "), std::string::npos);
    kill();
    EXPECT_FALSE(is_loaded(topic));
    EXPECT_EQ(error_of(fetch(topic, 1)), ErrorCode::offset_out_of_range);
    EXPECT_EQ(append(topic), 5);
}

// What is told of one that is gone since would be believed of the next one of its name.
TEST_F(Idle, NothingIsToldOfOneThatIsGone) {
    const auto topic = make_topic();
    for (int i = 0; i < 3; ++i) append(topic);
    delete_records(topic, 2);
    begin_to_let_go();
    world.settle();
    world.delete_topic("t");
    const auto again = make_topic();
    world.advance(Duration::seconds(10));
    EXPECT_EQ(world.files.text("/data/log-start-offset-checkpoint"), "0\n0\n");
    EXPECT_EQ(world.files.text("/data/recovery-point-offset-checkpoint"), "0\n0\n");
    kill();
    EXPECT_EQ(append(again), 0);
}

TEST_F(Idle, ACompactedOneIsNotCleanedAgain) {
    const auto topic = make_topic(
        1,
        {{"cleanup.policy", "compact"}, {"min.cleanable.dirty.ratio", "0.1"}, {"file.delete.delay.ms", "0"}});
    const auto keyed = [&] {
        records::BatchBuilder builder({});
        builder.append({.timestamp = k_now_ms, .key = as_bytes("k"), .value = as_bytes("v")});
        world.append({{World::id_of(topic), builder.build()}}, world.options());
        world.settle();
    };
    for (int i = 0; i < 3; ++i) keyed();
    world.partition(topic)->log().roll(k_now_ms);
    world.settle();
    keyed();
    world.advance(Duration::seconds(15));  // log.cleaner.backoff.ms
    ASSERT_EQ(world.partition(topic)->log().clean_end(), Offset{3});
    be_idle();
    ASSERT_FALSE(is_loaded(topic));
    fetch(topic, 0);
    EXPECT_EQ(world.partition(topic)->log().clean_end(), Offset{3});
}

TEST_F(Idle, AStopThatFollowsIsClean) {
    const auto topic = make_topic(3);
    append(topic, 1);
    be_idle();
    world.advance(Duration::seconds(5));  // the checkpoint
    const auto before = world.files.syncs;
    EXPECT_EQ(world.close(), std::set<std::size_t>{0});
    EXPECT_EQ(world.files.syncs, before);  // and has nothing to do
}

// ---------------------------------------------------------------- what happens by itself

// What was never loaded does not make an unclean directory clean; a look at all of it does, and keeps none.
TEST_F(Idle, ALookAtEverythingLeavesNothingLoaded) {
    const auto topic = make_topic(20);
    append(topic, 7);
    kill();
    bool is_over = false;
    world.shard().load_all([&] { is_over = true; });
    world.settle();
    EXPECT_TRUE(is_over);
    for (std::int32_t i = 0; i < 20; ++i) EXPECT_FALSE(is_loaded(topic, i));
    EXPECT_EQ(world.close(), std::set<std::size_t>{0});
}

TEST_F(Idle, RetentionOpensItOnlyWhenItsTimeHasCome) {
    const auto topic = make_topic(2, {{"retention.ms", "100000000"}});
    for (int i = 0; i < 3; ++i) {
        append(topic);
        world.partition(topic)->log().roll(k_now_ms);
    }
    be_idle();
    world.advance(Duration::seconds(5));  // the checkpoint
    ASSERT_FALSE(is_loaded(topic));
    const auto opens = count_files(".log");
    for (int i = 0; i < 3; ++i) {
        world.clock.at = world.clock.at + Duration::seconds(300);
        world.fire_timers();
        world.settle_but_disks();
        EXPECT_LE(world.disk_jobs(), 1U);  // closes files that nobody uses, and loads nothing
        world.settle();
    }
    // Its configuration changes: the next round looks.
    world.set_config("t", "retention.ms", "-1");
    world.set_config("t", "retention.bytes", "1");
    world.publish();
    world.settle();
    world.advance(Duration::seconds(300));
    EXPECT_GT(count_files(".deleted"), 0);
    EXPECT_LT(count_files(".log"), opens);
    EXPECT_FALSE(is_loaded(topic));
}

TEST_F(Idle, RetentionComesWhenARecordIsOldEnough) {
    world.clock.wall_ms = k_now_ms;
    const auto topic = make_topic(1, {{"retention.ms", "500000"}, {"file.delete.delay.ms", "0"}});
    append(topic);
    be_idle();
    ASSERT_FALSE(is_loaded(topic));
    world.clock.wall_ms = k_now_ms + 500'000;
    world.advance(Duration::seconds(300));
    EXPECT_EQ(error_of(fetch(topic, 0)), ErrorCode::none);
    be_idle();
    world.clock.wall_ms = k_now_ms + 500'001;
    world.advance(Duration::seconds(300));
    EXPECT_EQ(error_of(fetch(topic, 0)), ErrorCode::offset_out_of_range);
}

// The folder that belongs to an older topic of the name is found out by the first load.
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

TEST_F(Idle, OneWhoseFolderIsGoneIsNotMadeAnew) {
    const auto topic = make_topic();
    append(topic);
    be_idle();
    std::erase_if(world.files.nodes, [](const auto& node) { return node.first.starts_with("/data/t-0/"); });
    world.files.directories.erase("/data/t-0");
    auto& late = world.append(topic);
    world.settle();
    EXPECT_EQ(error_of(late), ErrorCode::kafka_storage_error);
    EXPECT_FALSE(world.files.directories.contains("/data/t-0"));
}

// ---------------------------------------------------------------- without room

TEST_F(Idle, ALoadWithoutHandlesIsTriedAgain) {
    const auto topic = make_topic();
    append(topic);
    be_idle();
    ASSERT_FALSE(is_loaded(topic));
    world.files.fail_opens = true;
    auto& refused = world.append(topic);
    auto& read = world.fetch({World::from(topic, 0)}, world.wait(0));
    world.settle();
    EXPECT_EQ(error_of(refused), ErrorCode::kafka_storage_error);
    EXPECT_EQ(error_of(read), ErrorCode::kafka_storage_error);
    world.files.fail_opens = false;
    EXPECT_EQ(append(topic), 1);
}

// Without a handle it cannot be closed in order: the next load looks at what comes behind its recovery point.
TEST_F(Idle, OneThatCouldNotBeClosedInOrderLosesNothing) {
    const auto topic = make_topic();
    for (std::int32_t i = 0; i < 3; ++i) produce(topic, i);
    begin_to_let_go();
    world.files.fail_opens = true;
    world.settle();
    world.files.fail_opens = false;
    ASSERT_FALSE(is_loaded(topic));
    EXPECT_EQ(base_of(produce(topic, 2)), 2);
    EXPECT_EQ(base_of(produce(topic, 3)), 3);
    EXPECT_EQ(world.close(), std::set<std::size_t>{0});
}

}  // namespace
}  // namespace gregor::replication
