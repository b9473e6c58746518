// Special timestamps by version, and what is refused, as Kafka's broker has it (KIP-734, 1005, 1023).
#include "gen/api/list_offsets.h"

#include "gen/api/offset_for_leader_epoch.h"
#include "server/handlers/test_replicas.h"

namespace gregor::server {
namespace {

using msg::ListOffsetsRequest;
using msg::ListOffsetsResponse;
using msg::OffsetForLeaderEpochRequest;
using msg::OffsetForLeaderEpochResponse;
using ListOffsets = test::Question<ListOffsetsRequest, ListOffsetsResponse>;
using EpochQuestion = test::Question<OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse>;

class ListOffsetsTest : public testing::Test {
protected:
    ListOffsetsTest() {
        topic_ = broker.add_topic("t", 2);
        const storage::testing::TestBatch batch{.records = 3};
        broker.world.append({replication::testing::World::entry(topic_, 0, batch)}, broker.world.options());
        broker.world.settle();
    }
    static ListOffsetsRequest request(std::int64_t timestamp,
                                      std::initializer_list<std::int32_t> partitions = {0}) {
        ListOffsetsRequest request;
        request.replica_id = -1;
        auto& topic = request.topics.emplace_back();
        topic.name = "t";
        for (const auto index : partitions) {
            auto& entry = topic.partitions.emplace_back();
            entry.partition_index = index;
            entry.timestamp = timestamp;
        }
        return request;
    }
    // "error offset timestamp" of every row.
    std::string ask(std::int16_t version, const ListOffsetsRequest& asked) {
        ListOffsets question(broker, &handle_list_offsets, version, asked);
        broker.world.settle();
        EXPECT_EQ(question.calls(), 1);
        std::string text;
        for (const auto& topic : question->topics) {
            for (const auto& row : topic.partitions) {
                text += (text.empty() ? "" : ", ") + std::to_string(static_cast<int>(row.error_code)) + " " +
                        std::to_string(row.offset) + " " + std::to_string(row.timestamp);
            }
        }
        return text;
    }
    test::ReplicaBroker broker;
    Uuid topic_;
};

TEST_F(ListOffsetsTest, EveryVersionIsAnswered) {
    for (std::int16_t version = ListOffsetsRequest::k_min_version;
         version <= ListOffsetsRequest::k_max_version; ++version) {
        EXPECT_EQ(ask(version, request(-1)), "0 3 -1") << version;
        EXPECT_EQ(ask(version, request(-2)), "0 0 -1") << version;
    }
}

TEST_F(ListOffsetsTest, SpecialTimestampsHaveAFirstVersion) {
    struct Case {
        std::int64_t timestamp;
        std::int16_t since;
        std::string answer;
    };
    const auto last = std::to_string(storage::testing::k_test_now_ms + 2);
    for (const auto& [timestamp, since, answer] : std::vector<Case>{
             {-3, 7, "0 2 " + last}, {-4, 8, "0 0 -1"}, {-5, 9, "0 -1 -1"}, {-6, 11, "0 -1 -1"}}) {
        EXPECT_EQ(ask(static_cast<std::int16_t>(since - 1), request(timestamp)), "35 -1 -1") << timestamp;
        EXPECT_EQ(ask(since, request(timestamp)), answer) << timestamp;
    }
    for (const std::int64_t timestamp : {std::int64_t{-7}, INT64_MIN})
        EXPECT_EQ(ask(11, request(timestamp)), "35 -1 -1");
    EXPECT_EQ(ask(11, request(INT64_MAX)), "0 -1 -1");
    EXPECT_EQ(ask(11, request(0)), "0 0 " + std::to_string(storage::testing::k_test_now_ms));
}

TEST_F(ListOffsetsTest, RefusalsAreOfEachPartition) {
    // A repeated partition is answered once.
    EXPECT_EQ(ask(5, request(-1, {0, 1, 9, 0})), "42 -1 -1, 0 0 -1, 3 -1 -1");
    auto fenced = request(-1);
    fenced.topics[0].partitions[0].current_leader_epoch = 1;
    EXPECT_EQ(ask(5, fenced), "75 -1 -1");
    fenced.topics[0].partitions[0].timestamp =
        -5;  // of what is tiered: nothing is, but the leader is checked
    EXPECT_EQ(ask(9, fenced), "75 -1 -1");
    broker.authorizer.denied = {{security::Operation::describe, "t"}};
    EXPECT_EQ(ask(5, request(-1, {0, 9})), "29 -1 -1, 29 -1 -1");
}

// Seen at the peer: whatever else is wrong with them, repetitions included.
TEST_F(ListOffsetsTest, AnIsolationLevelThatDoesNotExistFailsEveryPartition) {
    for (const auto level : std::initializer_list<std::int8_t>{-1, 2}) {
        auto asked = request(-1, {0, 9, 0});
        asked.isolation_level = level;
        EXPECT_EQ(ask(5, asked), "-1 -1 -1, -1 -1 -1, -1 -1 -1");
    }
}

// A request that names one partition a hundred thousand times costs what its size says, not its square.
TEST_F(ListOffsetsTest, ManyRepetitionsAreCheap) {
    auto asked = request(-1);
    asked.topics[0].partitions.resize(100'000, asked.topics[0].partitions[0]);
    ListOffsets question(broker, &handle_list_offsets, 5, asked);
    broker.world.settle();
    ASSERT_EQ(question->topics.at(0).partitions.size(), 1U);
    EXPECT_EQ(question->topics[0].partitions[0].error_code, ErrorCode::invalid_request);
}

TEST_F(ListOffsetsTest, EndsOfLeaderEpochs) {
    OffsetForLeaderEpochRequest asked;
    asked.replica_id = -1;
    auto& topic = asked.topics.emplace_back();
    topic.topic = "t";
    for (const auto& [partition, epoch] : {std::pair(0, 0), std::pair(0, 1), std::pair(7, 0)}) {
        auto& entry = topic.partitions.emplace_back();
        entry.partition = partition;
        entry.current_leader_epoch = -1;
        entry.leader_epoch = epoch;
    }
    for (const auto version : std::initializer_list<std::int16_t>{2, 3, 4}) {
        EpochQuestion question(broker, &handle_offset_for_leader_epoch, version, asked);
        broker.world.settle();
        ASSERT_EQ(question.calls(), 1);
        const auto& rows = question->topics.at(0).partitions;
        ASSERT_EQ(rows.size(), 3U);
        EXPECT_EQ(rows[0].leader_epoch, 0);
        EXPECT_EQ(rows[0].end_offset, 3);
        EXPECT_EQ(rows[1].leader_epoch, -1);
        EXPECT_EQ(rows[1].end_offset, -1);
        EXPECT_EQ(rows[2].error_code, ErrorCode::unknown_topic_or_partition);
    }
}

}  // namespace
}  // namespace gregor::server
