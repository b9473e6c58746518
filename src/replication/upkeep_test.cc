// What a shard does to its partitions by itself, and DeleteRecords.
#include <gtest/gtest.h>

#include <algorithm>

#include "records/builder.h"
#include "replication/test_world.h"

namespace gregor::replication {
namespace {

using storage::testing::TestBatch;
using testing::base_of;
using testing::error_of;
using testing::k_now_ms;
using testing::World;

constexpr auto k_first_round = Duration::seconds(30);
constexpr auto k_interval = Duration::seconds(300);

class Upkeep : public ::testing::Test {
protected:
    template <class T>
    using Reply = testing::Reply<T>;

    Uuid make_topic(const std::map<std::string, std::string>& configs) {
        const auto id = world.add_topic("t");
        for (const auto& [key, value] : configs) world.set_config("t", key, value);
        world.publish();
        world.settle();
        return id;
    }
    void append(Uuid topic, int batches, std::int64_t age_ms) {
        for (int i = 0; i < batches; ++i) {
            world.append({World::entry(topic, 0, TestBatch{.timestamp = k_now_ms - age_ms})},
                         world.options());
            world.settle();
        }
    }
    std::size_t deleted_files() const {
        const auto is_deleted = [](const auto& node) { return node.first.ends_with(".deleted"); };
        return static_cast<std::size_t>(std::ranges::count_if(world.files.nodes, is_deleted));
    }
    std::string log_starts() const {
        return world.files.nodes.contains("/data/log-start-offset-checkpoint")
                   ? world.files.text("/data/log-start-offset-checkpoint")
                   : "";
    }
    Reply<std::vector<RecordDeletionOutcome>>& remove(Uuid topic, std::int64_t before) {
        auto& reply = replies.emplace_back();
        world.replicas().delete_records(
            {{World::id_of(topic), Offset{before}}},
            [&reply](std::vector<RecordDeletionOutcome> outcomes) { reply(std::move(outcomes)); });
        world.settle();
        EXPECT_TRUE(reply.is_there());
        return reply;
    }
    std::string outcome(Uuid topic, std::int64_t before) {
        const auto& row = remove(topic, before).value->front();
        return std::to_string(static_cast<int>(row.error)) + " " + std::to_string(row.low_watermark.value());
    }

    World world;
    std::deque<Reply<std::vector<RecordDeletionOutcome>>> replies;
};

TEST_F(Upkeep, OldSegmentsGoInTheFirstRoundAndTheirFilesLater) {
    const auto topic = make_topic({{"retention.ms", "1000"}, {"file.delete.delay.ms", "5000"}});
    append(topic, 2, 2'000);
    world.advance(k_first_round - Duration::nanos(1));
    EXPECT_EQ(world.partition(topic)->log().log_start_offset(), Offset{0});
    world.advance(Duration::nanos(1));
    EXPECT_EQ(world.partition(topic)->log().log_start_offset(), Offset{2});
    EXPECT_EQ(deleted_files(), 3U);
    world.advance(Duration::millis(4'999));
    EXPECT_EQ(deleted_files(), 3U);
    world.advance(Duration::millis(1));
    EXPECT_EQ(deleted_files(), 0U);
    // The next round takes what came since.
    append(topic, 1, 2'000);
    world.advance(k_interval - Duration::seconds(6));
    EXPECT_EQ(world.partition(topic)->log().log_start_offset(), Offset{2});
    world.advance(Duration::seconds(1));
    EXPECT_EQ(world.partition(topic)->log().log_start_offset(), Offset{3});
}

TEST_F(Upkeep, WithoutAPolicyEverythingStays) {
    const auto topic = make_topic({{"retention.ms", "1000"}, {"cleanup.policy", ""}});
    append(topic, 2, 2'000);
    world.advance(k_first_round);
    EXPECT_EQ(world.partition(topic)->log().log_start_offset(), Offset{0});
}

TEST_F(Upkeep, APartitionThatNobodyUsedIsOpenedForIt) {
    const auto topic = make_topic({{"retention.ms", "1000"}});
    append(topic, 2, 2'000);
    world.close();
    world.crash();
    world.start();
    world.publish_all();
    world.settle();
    EXPECT_EQ(world.partition(topic), nullptr);
    world.advance(k_first_round);
    EXPECT_GT(deleted_files(), 0U);
    EXPECT_EQ(world.partition(topic), nullptr);  // and let go again
    auto& fetch = world.fetch({World::from(topic, 0)}, world.wait(0));
    world.settle();
    EXPECT_EQ(error_of(fetch), ErrorCode::offset_out_of_range);
    EXPECT_EQ(world.partition(topic)->log().log_start_offset(), Offset{2});
}

TEST_F(Upkeep, ProducersAreForgotten) {
    const auto topic = make_topic({{"retention.ms", "-1"}});
    const TestBatch old{.timestamp = k_now_ms - 86'400'000,
                        .producer_id = ProducerId{1},
                        .producer_epoch = 0,
                        .base_sequence = 0};
    auto fresh = old;
    fresh.timestamp = k_now_ms - 86'399'999;
    fresh.producer_id = ProducerId{2};
    for (const auto& batch : {old, fresh}) world.append({World::entry(topic, 0, batch)}, world.options());
    world.settle();
    world.advance(Duration::seconds(599));
    EXPECT_EQ(world.partition(topic)->log().active_producers().size(), 2U);
    world.advance(Duration::seconds(1));
    const auto left = world.partition(topic)->log().active_producers();
    ASSERT_EQ(left.size(), 1U);
    EXPECT_EQ(left.front().producer_id, ProducerId{2});
}

TEST_F(Upkeep, CompactedPartitionsAreCleanedWhileProducersAreActive) {
    const auto topic = make_topic(
        {{"cleanup.policy", "compact"}, {"min.cleanable.dirty.ratio", "0.1"}, {"file.delete.delay.ms", "0"}});
    const auto keyed = [&](const char* value) {
        records::BatchBuilder builder({});
        builder.append({.timestamp = k_now_ms, .key = as_bytes("k"), .value = as_bytes(value)});
        world.append({{World::id_of(topic), builder.build()}}, world.options());
        world.settle();
    };
    for (const auto* value : {"1", "2", "3"}) keyed(value);
    world.partition(topic)->log().roll(k_now_ms);
    world.settle();
    keyed("4");
    world.advance(Duration::seconds(15));  // log.cleaner.backoff.ms
    EXPECT_EQ(world.partition(topic)->log().clean_end(), Offset{3});
    auto& read = world.fetch({World::from(topic, 0)}, world.wait(0));
    world.settle();
    EXPECT_EQ(testing::records_of(read), (std::vector<std::pair<std::int64_t, std::int64_t>>{{2, 2}}));
    world.advance(Duration::seconds(5));
    EXPECT_EQ(world.files.text("/data/cleaner-offset-checkpoint"), "0\n1\nt 0 3\n");
    EXPECT_EQ(deleted_files(), 0U);
    // It goes on from there after a restart.
    world.crash();
    world.start();
    world.publish_all();
    world.settle();
    world.fetch({World::from(topic, 0)}, world.wait(0));
    world.settle();
    EXPECT_EQ(world.partition(topic)->log().clean_end(), Offset{3});
}

// The error rows are those of Kafka 4.3.1.
TEST_F(Upkeep, DeleteRecordsMovesTheStart) {
    const auto topic = make_topic({});
    append(topic, 3, 0);
    EXPECT_EQ(outcome(topic, 2), "0 2");
    EXPECT_EQ(outcome(topic, 1), "0 2");  // it never goes back
    EXPECT_EQ(outcome(topic, 4), "1 -1");
    EXPECT_EQ(outcome(topic, -2), "1 -1");
    EXPECT_EQ(outcome(topic, -1), "0 3");
    EXPECT_EQ(outcome(Uuid{9, 9}, 0), "3 -1");
    auto& old = world.fetch({World::from(topic, 2)}, world.wait(0));
    world.settle();
    EXPECT_EQ(error_of(old), ErrorCode::offset_out_of_range);
    // It outlives a crash that comes with the answer.
    EXPECT_EQ(log_starts(), "0\n1\nt 0 3\n");
    world.crash();
    world.start();
    world.publish_all();
    world.settle();
    EXPECT_EQ(outcome(topic, 0), "0 3");
}

TEST_F(Upkeep, TheStartIsNotWrittenWhereASegmentNamesIt) {
    const auto topic = make_topic({});
    append(topic, 3, 0);
    EXPECT_EQ(outcome(topic, -1), "0 3");
    EXPECT_EQ(log_starts(), "0\n1\nt 0 3\n");
    world.partition(topic)->log().roll(k_now_ms);
    world.advance(k_first_round);
    EXPECT_EQ(world.partition(topic)->log().first_segment_base(), Offset{3});
    world.advance(Duration::seconds(5));
    EXPECT_EQ(log_starts(), "0\n0\n");
}

TEST_F(Upkeep, DeleteRecordsIsRefusedWhereTheStartCannotBeKept) {
    const auto topic = make_topic({});
    append(topic, 3, 0);
    world.files.fail_writes = true;
    EXPECT_EQ(outcome(topic, 2), "56 -1");
}

TEST_F(Upkeep, DeleteRecordsObeysThePolicy) {
    const auto compacted = make_topic({{"cleanup.policy", "compact"}});
    EXPECT_EQ(outcome(compacted, -1), "44 -1");
    world.set_config("t", "cleanup.policy", "compact,delete");
    world.publish();
    world.settle();
    EXPECT_EQ(outcome(compacted, -1), "0 0");
}

}  // namespace
}  // namespace gregor::replication
