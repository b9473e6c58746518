// Appends, fetches and look-ups as a handler asks for them, over one shard and over several.
#include "replication/replicas.h"

#include <gtest/gtest.h>

#include "base/fault.h"
#include "replication/test_world.h"

namespace gregor::replication {
namespace {

using testing::base_of;
using testing::error_of;
using testing::records_of;
using testing::World;
using Ranges = std::vector<std::pair<std::int64_t, std::int64_t>>;

World::Options shards(std::uint32_t count) { return {.shards = count}; }

// Every test that does not need to know runs with one shard and with three.
class ReplicasOver : public ::testing::TestWithParam<std::uint32_t> {
protected:
    World world{shards(GetParam())};
};
INSTANTIATE_TEST_SUITE_P(Shards, ReplicasOver, ::testing::Values(1U, 3U));

// ---------------------------------------------------------------- append

TEST_P(ReplicasOver, AcksDecideWhatAnAppendWaitsFor) {
    const auto topic = world.add_topic("t");
    world.publish();
    world.settle();
    world.open(topic);
    auto& none = world.append(topic, 0, Acks::none);
    auto& leader = world.append(topic, 0, Acks::leader);
    auto& all = world.append(topic, 0, Acks::all);
    world.settle_but_disks();
    EXPECT_TRUE(none.is_there());
    EXPECT_EQ(leader.calls, 0);
    EXPECT_EQ(all.calls, 0);
    world.settle();
    EXPECT_EQ(base_of(none), 0);
    EXPECT_EQ(base_of(leader), 1);
    EXPECT_EQ(base_of(all), 2);
    EXPECT_EQ(error_of(all), ErrorCode::none);
}

TEST_P(ReplicasOver, OutcomesAreInTheOrderOfTheRequest) {
    const auto topic = world.add_topic("t", 8);
    world.publish();
    world.settle();
    std::vector<PartitionAppend> appends;
    for (std::int32_t i = 7; i >= 0; --i) appends.push_back(World::entry(topic, i, {.records = i + 1}));
    appends.push_back(World::entry(topic, 99));
    auto& reply = world.append(std::move(appends), world.options());
    world.settle();
    ASSERT_TRUE(reply.is_there());
    ASSERT_EQ(reply.value->size(), 9U);
    for (std::size_t i = 0; i < 8; ++i)
        EXPECT_EQ((*reply.value)[i].last_offset, Offset{7 - static_cast<int>(i)});
    EXPECT_EQ(error_of(reply, 8), ErrorCode::unknown_topic_or_partition);
}

TEST_P(ReplicasOver, NothingAskedIsAnsweredWithNothing) {
    auto& append = world.append({}, world.options());
    auto& fetch = world.fetch({}, world.wait(1000));
    world.settle();
    EXPECT_TRUE(append.is_there());
    EXPECT_TRUE(fetch.is_there());
}

// A late disk: the answer is a timeout, the data stays, and nobody is answered twice when it arrives.
TEST_P(ReplicasOver, AnAppendTimesOutAndStaysInTheLog) {
    const auto topic = world.add_topic("t");
    world.publish();
    world.settle();
    world.open(topic);
    auto options = world.options();
    options.deadline = world.clock.at;
    auto& reply = world.append({World::entry(topic)}, options);
    world.settle_but_disks();
    EXPECT_EQ(reply.calls, 0);
    world.advance(Duration::millis(0));
    EXPECT_EQ(error_of(reply), ErrorCode::request_timed_out);
    EXPECT_EQ(base_of(reply), 0);
    world.settle();
    EXPECT_EQ(reply.calls, 1);
    EXPECT_EQ(world.partition(topic)->high_watermark(), Offset{1});
}

// Producers send ahead, so a later request must never overtake an earlier one in the same partition.
TEST_P(ReplicasOver, LaterRequestsDoNotOvertakeOnesThatTouchOtherShards) {
    const auto topic = world.add_topic("t", 16);
    world.publish();
    world.settle();
    const auto here = world.partition_on(0, topic);
    const auto there = world.partition_on(GetParam() - 1, topic);
    auto& first = world.append({World::entry(topic, there), World::entry(topic, here)}, world.options());
    auto& second = world.append(topic, here);
    world.settle();
    ASSERT_TRUE(first.is_there());
    EXPECT_LT((*first.value)[1].base_offset.value(), base_of(second));
}

// p0 is loaded and p1 is not: what waits for p1 must not let a later request to p0 go first.
TEST_P(ReplicasOver, LaterRequestsDoNotOvertakeOnesThatWaitForALoad) {
    const auto topic = world.add_topic("t");
    world.publish();
    world.settle();
    world.open(topic);
    const auto slow = world.add_topic("slow");
    world.publish();
    world.settle_but_disks();
    auto& first = world.append({World::entry(topic), World::entry(slow)}, world.options(Acks::leader));
    auto& second = world.append(topic, 0, Acks::leader);
    world.settle();
    ASSERT_TRUE(first.is_there());
    EXPECT_EQ(base_of(first, 0), 0);
    EXPECT_EQ(base_of(first, 1), 0);
    EXPECT_EQ(base_of(second), 1);
}

TEST_P(ReplicasOver, AnAppendThatWaitsForALoadTimesOut) {
    const auto topic = world.add_topic("t");
    world.publish();
    world.settle_but_disks();
    auto options = world.options();
    options.deadline = world.clock.at;
    auto& reply = world.append({World::entry(topic)}, options);
    world.settle_but_disks();
    EXPECT_EQ(reply.calls, 0);
    world.advance(Duration::millis(1));
    EXPECT_EQ(error_of(reply), ErrorCode::request_timed_out);
    world.settle();
    EXPECT_EQ(reply.calls, 1);
}

TEST_P(ReplicasOver, TooFewInSyncReplicasAreRefusedBeforeTheAppend) {
    const auto topic = world.add_topic("t");
    auto partition = World::led_by(testing::k_self);
    partition.replicas = {testing::k_self, BrokerId{2}};
    partition.directories.push_back(metadata::k_unassigned_directory);
    world.set_partition("t", 0, partition);
    metadata::ConfigMap configs;
    configs.set("min.insync.replicas", "2");
    world.state.configs.set({metadata::ConfigResourceType::topic, "t"}, configs);
    world.publish();
    world.settle();
    world.open(topic);
    EXPECT_EQ(world.partition(topic)->leadership().min_isr, 2U);
    auto& all = world.append(topic);
    auto& one = world.append(topic, 0, Acks::leader);
    world.settle();
    EXPECT_EQ(error_of(all), ErrorCode::not_enough_replicas);
    EXPECT_EQ(error_of(one), ErrorCode::none);
    EXPECT_EQ(base_of(one), 0);
}

TEST_P(ReplicasOver, ADuplicateIsAnsweredAfterItsFirstCopyIsDurable) {
    const auto topic = world.add_topic("t");
    world.publish();
    world.settle();
    const storage::testing::TestBatch batch{
        .producer_id = ProducerId{5}, .producer_epoch = 0, .base_sequence = 0};
    auto& first = world.append({World::entry(topic, 0, batch)}, world.options());
    world.append(topic);
    auto& again = world.append({World::entry(topic, 0, batch)}, world.options());
    world.settle_but_disks();
    EXPECT_EQ(again.calls, 0);
    world.settle();
    EXPECT_EQ(base_of(first), 0);
    EXPECT_EQ(error_of(again), ErrorCode::none);
    EXPECT_EQ(base_of(again), 0);
}

TEST_P(ReplicasOver, ANodeThatDoesNotLeadRefusesWithAHint) {
    const auto topic = world.add_topic("t");
    world.publish();
    world.settle();
    world.open(topic);
    auto& waiting = world.append(topic);
    auto& fetching = world.fetch({World::from(topic, 0)}, world.wait(1000));
    world.settle_but_disks();
    world.set_partition("t", 0, World::led_by(BrokerId{2}, 1));
    world.publish();
    world.settle_but_disks();
    EXPECT_EQ(error_of(waiting), ErrorCode::not_leader_or_follower);
    EXPECT_EQ(error_of(fetching), ErrorCode::not_leader_or_follower);
    auto& late = world.append(topic);
    world.settle();
    EXPECT_EQ(error_of(late), ErrorCode::not_leader_or_follower);
    EXPECT_EQ((*late.value)[0].leader.leader, BrokerId{2});
    world.set_partition("t", 0, World::led_by(testing::k_self, 2));
    world.publish();
    world.settle();
    auto& again = world.append(topic);
    world.settle();
    EXPECT_EQ(error_of(again), ErrorCode::none);
}

// ---------------------------------------------------------------- fetch

TEST_P(ReplicasOver, AFetchSeesOnlyWhatIsDurable) {
    const auto topic = world.add_topic("t");
    world.publish();
    world.settle();
    world.open(topic);
    world.append(topic, 0, Acks::none);
    world.settle_but_disks();
    auto& early = world.fetch({World::from(topic, 0)}, world.wait(0));
    world.settle_but_disks();
    ASSERT_TRUE(early.is_there());
    EXPECT_TRUE((*early.value)[0].records.empty());
    EXPECT_EQ((*early.value)[0].high_watermark, Offset{0});
    world.settle();
    auto& late = world.fetch({World::from(topic, 0)}, world.wait(0));
    world.settle();
    EXPECT_EQ(records_of(late), (Ranges{{0, 0}}));
    EXPECT_EQ((*late.value)[0].high_watermark, Offset{1});
    EXPECT_EQ((*late.value)[0].last_stable_offset, Offset{1});
    EXPECT_EQ((*late.value)[0].log_start_offset, Offset{0});
}

TEST_P(ReplicasOver, AFetchWaitsUntilThereIsEnough) {
    const auto topic = world.add_topic("t", 4);
    world.publish();
    world.settle();
    std::vector<PartitionFetch> everything;
    for (std::int32_t i = 0; i < 4; ++i) everything.push_back(World::from(topic, 0, i));
    const auto one_batch = static_cast<std::int32_t>(World::entry(topic).records.size());
    auto& one = world.fetch(everything, world.wait(1000, 1));
    auto& two = world.fetch(everything, world.wait(1000, 2 * one_batch));
    world.settle();
    EXPECT_EQ(one.calls + two.calls, 0);
    world.append(topic, 2);
    world.settle();
    EXPECT_EQ(records_of(one, 2), (Ranges{{0, 0}}));
    EXPECT_EQ(two.calls, 0);
    world.append(topic, 3);
    world.settle();
    EXPECT_EQ(one.calls, 1);
    EXPECT_EQ(records_of(two, 2), (Ranges{{0, 0}}));
    EXPECT_EQ(records_of(two, 3), (Ranges{{0, 0}}));
    EXPECT_EQ(world.replicas().waiting_fetches(), 0U);
}

// Counts the marks of one name on this thread.
struct MarkCounter final : FaultObserver {
    explicit MarkCounter(std::string_view mark) : name(mark) {}
    void on_mark(const FaultSite& site) override { count += site.name() == name; }
    bool is_planted(const FaultSite&) override { return false; }
    std::string_view name;
    int count = 0;
};

TEST_P(ReplicasOver, AFetchThatWaitsForMuchIsNotReadForEveryBatch) {
    const auto topic = world.add_topic("t", 2);
    world.publish();
    world.settle();
    constexpr int k_batches = 64;
    const auto one_batch = static_cast<std::int32_t>(World::entry(topic).records.size());
    auto& reply = world.fetch({World::from(topic, 0, 0), World::from(topic, 0, 1)},
                              world.wait(1000, k_batches * one_batch));
    world.settle();
    MarkCounter wakes("fetch_woken_by_append");
    const FaultScope scope(wakes);
    for (int i = 0; i < k_batches; ++i) {
        EXPECT_EQ(reply.calls, 0);
        world.append(topic, i % 4 == 0 ? 1 : 0);
        world.settle();
    }
    EXPECT_EQ(records_of(reply, 0).size() + records_of(reply, 1).size(), std::size_t{k_batches});
    EXPECT_LE(wakes.count, 2 * 6 + 2);  // each read brings the missing bytes down by a half or more
}

TEST_P(ReplicasOver, AFetchEndsAtItsDeadlineWithWhatThereIs) {
    const auto topic = world.add_topic("t");
    world.publish();
    world.settle();
    world.append(topic);
    world.settle();
    auto& reply = world.fetch({World::from(topic, 0)}, world.wait(500, 1 << 20));
    world.settle();
    world.advance(Duration::millis(499));
    EXPECT_EQ(reply.calls, 0);
    world.advance(Duration::millis(1));
    EXPECT_EQ(records_of(reply), (Ranges{{0, 0}}));
}

TEST_P(ReplicasOver, AFetchThatIsNoLongerWantedIsAnswered) {
    const auto topic = world.add_topic("t");
    world.publish();
    world.settle();
    auto& reply = world.fetch({World::from(topic, 0)}, world.wait(500));
    world.settle();
    world.replicas().finish_fetch(world.last_fetch);
    EXPECT_TRUE(reply.is_there());
    world.append(topic);
    world.settle();
    world.advance(Duration::seconds(1));
    EXPECT_EQ(reply.calls, 1);
}

TEST_P(ReplicasOver, APartitionNamedTwiceIsAnsweredTwice) {
    const auto topic = world.add_topic("t");
    world.publish();
    world.settle();
    auto& reply = world.fetch({World::from(topic, 0), World::from(topic, 0)}, world.wait(500));
    world.settle();
    world.append(topic);
    world.settle();
    EXPECT_EQ(records_of(reply, 0), (Ranges{{0, 0}}));
    EXPECT_EQ(records_of(reply, 1), (Ranges{{0, 0}}));
}

TEST_P(ReplicasOver, AnErrorEndsTheWait) {
    const auto topic = world.add_topic("t", 2);
    world.publish();
    world.settle();
    auto& reply = world.fetch({World::from(topic, 0, 0), World::from(topic, 5, 1)}, world.wait(500));
    world.settle();
    EXPECT_EQ(error_of(reply, 0), ErrorCode::none);
    EXPECT_EQ(error_of(reply, 1), ErrorCode::offset_out_of_range);
    EXPECT_EQ((*reply.value)[1].high_watermark, k_no_offset);
    EXPECT_EQ((*reply.value)[1].log_start_offset, k_no_offset);
}

// The budget is the request's, whatever the shards: the first batch always comes, then only what fits.
TEST_P(ReplicasOver, ABudgetOfBytesIsSharedInTheOrderOfTheRequest) {
    const auto topic = world.add_topic("t", 6);
    world.publish();
    world.settle();
    for (std::int32_t i = 0; i < 6; ++i)
        world.append({World::entry(topic, i, {.value_bytes = 1000})}, world.options());
    world.settle();
    const auto batch =
        static_cast<std::int32_t>(World::entry(topic, 0, {.value_bytes = 1000}).records.size());
    const auto answered = [&](std::int32_t max_bytes) {
        std::vector<PartitionFetch> everything;
        for (std::int32_t i = 0; i < 6; ++i) everything.push_back(World::from(topic, 0, i));
        auto how = world.wait(0);
        how.max_bytes = max_bytes;
        auto& reply = world.fetch(everything, how);
        world.settle();
        std::string given;
        for (const auto& outcome : *reply.value) given += outcome.records.empty() ? '-' : 'x';
        return given;
    };
    EXPECT_EQ(answered(1), "x-----");
    EXPECT_EQ(answered(0), "x-----");
    EXPECT_EQ(answered(-1), "x-----");
    EXPECT_EQ(answered(batch), "x-----");
    EXPECT_EQ(answered(2 * batch), "xx----");
    EXPECT_EQ(answered(6 * batch), "xxxxxx");
    EXPECT_EQ(answered(INT32_MAX), "xxxxxx");
}

TEST_P(ReplicasOver, APartitionLimitIsRaisedToTheFirstBatchOnce) {
    const auto topic = world.add_topic("t", 2);
    world.publish();
    world.settle();
    for (std::int32_t i = 0; i < 2; ++i) world.append(topic, i);
    world.settle();
    for (const std::int32_t limit : {0, 1, -5, INT32_MIN}) {
        std::vector<PartitionFetch> both{World::from(topic, 0, 0), World::from(topic, 0, 1)};
        for (auto& fetch : both) fetch.max_bytes = limit;
        auto& reply = world.fetch(both, world.wait(0));
        world.settle();
        EXPECT_EQ(records_of(reply, 0), (Ranges{{0, 0}})) << limit;
        EXPECT_TRUE((*reply.value)[1].records.empty()) << limit;
    }
}

TEST_P(ReplicasOver, LeaderEpochsAreChecked) {
    const auto topic = world.add_topic("t");
    world.set_partition("t", 0, World::led_by(testing::k_self, 3));
    world.publish();
    world.settle();
    const auto with_epoch = [&](std::int32_t epoch) {
        auto fetch = World::from(topic, 0);
        fetch.current_leader_epoch = LeaderEpoch{epoch};
        auto& reply = world.fetch({fetch}, world.wait(0));
        world.settle();
        return error_of(reply);
    };
    EXPECT_EQ(with_epoch(-1), ErrorCode::none);
    EXPECT_EQ(with_epoch(3), ErrorCode::none);
    EXPECT_EQ(with_epoch(2), ErrorCode::fenced_leader_epoch);
    EXPECT_EQ(with_epoch(-2), ErrorCode::fenced_leader_epoch);
    EXPECT_EQ(with_epoch(4), ErrorCode::unknown_leader_epoch);
}

// KIP-595: divergence is looked at before the end of the log, because a log that was cut is both.
TEST_P(ReplicasOver, DivergenceIsToldBeforeTheRange) {
    const auto topic = world.add_topic("t");
    world.publish();
    world.settle();
    world.append({World::entry(topic, 0, {.records = 3})}, world.options());
    world.settle();
    world.set_partition("t", 0, World::led_by(testing::k_self, 4));
    world.publish();
    world.settle();
    world.append({World::entry(topic, 0, {.records = 2})}, world.options());
    world.settle();
    struct Case {
        std::int64_t offset;
        std::int32_t last_epoch;
        ErrorCode error;
        std::int32_t diverging_epoch;  // -1: none
        std::int64_t diverging_end;
    };
    for (const auto& [offset, last_epoch, error, epoch, end] :
         std::vector<Case>{{3, 0, ErrorCode::none, -1, -1},
                           {5, 4, ErrorCode::none, -1, -1},
                           {4, 0, ErrorCode::none, 0, 3},
                           {9, 4, ErrorCode::none, 4, 5},
                           {9, 0, ErrorCode::none, 0, 3},
                           {4, 2, ErrorCode::none, 0, 3},
                           {4, 9, ErrorCode::offset_out_of_range, -1, -1},
                           {-1, 0, ErrorCode::offset_out_of_range, -1, -1},
                           {9, -1, ErrorCode::offset_out_of_range, -1, -1}}) {
        auto fetch = World::from(topic, offset);
        fetch.last_fetched_epoch = LeaderEpoch{last_epoch};
        auto& reply = world.fetch({fetch}, world.wait(0));
        world.settle();
        const auto& outcome = (*reply.value)[0];
        EXPECT_EQ(outcome.error, error) << offset << " after epoch " << last_epoch;
        ASSERT_EQ(outcome.diverging_epoch.has_value(), epoch >= 0) << offset << " after " << last_epoch;
        if (epoch < 0) continue;
        EXPECT_EQ(outcome.diverging_epoch->epoch, LeaderEpoch{epoch});
        EXPECT_EQ(outcome.diverging_epoch->end_offset, Offset{end});
        EXPECT_TRUE(outcome.records.empty());
        EXPECT_EQ(outcome.high_watermark, Offset{5});
    }
}

// The tail cache holds nothing, so every batch comes from the disk, partition by partition.
TEST(Replicas, ReadsFromTheDiskKeepOrderAndBudget) {
    World world({.shards = 2, .directories = {"/data"}, .tail_cache_bytes = 0});
    const auto topic = world.add_topic("t", 4);
    world.publish();
    world.settle();
    for (std::int32_t i = 0; i < 4; ++i)
        world.append({World::entry(topic, i, {.records = i + 1})}, world.options());
    world.settle();
    std::vector<PartitionFetch> everything;
    for (std::int32_t i = 0; i < 4; ++i) everything.push_back(World::from(topic, 0, i));
    auto& reply = world.fetch(everything, world.wait(0));
    world.settle_but_disks();
    EXPECT_EQ(reply.calls, 0);
    world.settle();
    for (std::int32_t i = 0; i < 4; ++i)
        EXPECT_EQ(records_of(reply, static_cast<std::size_t>(i)), (Ranges{{0, i}}));
}

// A deadline that passes while the disk is read: the answer is what the read brings, once.
TEST(Replicas, ADeadlineDuringAReadIsAnsweredByTheRead) {
    World world({.shards = 1, .directories = {"/data"}, .tail_cache_bytes = 0});
    const auto topic = world.add_topic("t");
    world.publish();
    world.settle();
    auto& reply = world.fetch({World::from(topic, 0)}, world.wait(10, 1 << 20));
    world.settle();
    world.append(topic);
    while (reply.calls == 0 && (world.run_turns() || world.run_disk_job())) {
        if (world.disk_jobs() > 0) world.clock.at = world.clock.at + Duration::millis(4);
    }
    world.advance(Duration::seconds(1));
    EXPECT_EQ(records_of(reply), (Ranges{{0, 0}}));
}

// ---------------------------------------------------------------- look-ups

TEST_P(ReplicasOver, OffsetsByTime) {
    const auto topic = world.add_topic("t", 2);
    world.publish();
    world.settle();
    constexpr auto k_now = testing::k_now_ms;
    world.append({World::entry(topic, 1, {.records = 3, .timestamp = k_now - 1000})}, world.options());
    world.settle();
    const auto look_up = [&](std::int64_t timestamp) {
        testing::Reply<std::vector<OffsetLookupOutcome>> reply;
        std::vector<OffsetLookup> lookups;
        lookups.push_back(
            {World::id_of(topic, 1), k_no_leader_epoch, timestamp, Isolation::read_uncommitted});
        lookups.push_back(
            {World::id_of(topic, 9), k_no_leader_epoch, timestamp, Isolation::read_uncommitted});
        world.replicas().list_offsets(std::move(lookups),
                                      [&](std::vector<OffsetLookupOutcome> got) { reply(std::move(got)); });
        world.settle();
        EXPECT_EQ((*reply.value)[1].error, ErrorCode::unknown_topic_or_partition);
        const auto& found = reply.value->front();
        return std::tuple(found.offset.value(), found.timestamp, found.leader_epoch.value());
    };
    EXPECT_EQ(look_up(storage::k_latest_timestamp), std::tuple(3, -1, 0));
    EXPECT_EQ(look_up(storage::k_earliest_timestamp), std::tuple(0, -1, 0));
    EXPECT_EQ(look_up(storage::k_max_timestamp), std::tuple(2, k_now - 998, 0));
    EXPECT_EQ(look_up(k_now - 999), std::tuple(1, k_now - 999, 0));
    EXPECT_EQ(look_up(k_now), std::tuple(-1, -1, -1));
}

TEST_P(ReplicasOver, EndsOfEpochs) {
    const auto topic = world.add_topic("t");
    world.publish();
    world.settle();
    world.append({World::entry(topic, 0, {.records = 3})}, world.options());
    world.settle();
    world.set_partition("t", 0, World::led_by(testing::k_self, 4));
    world.publish();
    world.settle();
    const auto end_of = [&](std::int32_t epoch, std::int32_t current = -1) {
        testing::Reply<std::vector<EpochLookupOutcome>> reply;
        std::vector<EpochLookup> lookups;
        lookups.push_back({World::id_of(topic), LeaderEpoch{current}, LeaderEpoch{epoch}});
        world.replicas().end_offsets_for_epochs(
            std::move(lookups), [&](std::vector<EpochLookupOutcome> got) { reply(std::move(got)); });
        world.settle();
        const auto& found = reply.value->front();
        return std::tuple(found.error, found.end.epoch.value(), found.end.end_offset.value());
    };
    EXPECT_EQ(end_of(0), std::tuple(ErrorCode::none, 0, 3));
    EXPECT_EQ(end_of(2), std::tuple(ErrorCode::none, 0, 3));
    EXPECT_EQ(end_of(4), std::tuple(ErrorCode::none, 4, 3));
    EXPECT_EQ(end_of(5), std::tuple(ErrorCode::none, -1, -1));
    EXPECT_EQ(end_of(0, 3), std::tuple(ErrorCode::fenced_leader_epoch, -1, -1));
    EXPECT_EQ(end_of(0, 5), std::tuple(ErrorCode::unknown_leader_epoch, -1, -1));
}

}  // namespace
}  // namespace gregor::replication
