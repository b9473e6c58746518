// Who may delete which records; the errors are those of Kafka's broker.
#include "gen/api/delete_records.h"

#include "server/handlers/test_replicas.h"

namespace gregor::server {
namespace {

using msg::DeleteRecordsRequest;
using msg::DeleteRecordsResponse;
using DeleteRecords = test::Question<DeleteRecordsRequest, DeleteRecordsResponse>;

class DeleteRecordsTest : public testing::Test {
protected:
    DeleteRecordsTest() {
        const auto topic = broker.add_topic("t", 2);
        broker.add_topic("__consumer_offsets");
        const storage::testing::TestBatch batch{.records = 3};
        broker.world.append({replication::testing::World::entry(topic, 0, batch)}, broker.world.options());
        broker.world.settle();
    }
    // "topic-partition error low_watermark" of every row.
    std::string ask(std::int16_t version, const std::vector<std::tuple<std::string, int, int>>& rows) {
        DeleteRecordsRequest request;
        request.timeout_ms = 1'000;
        for (const auto& [name, partition, offset] : rows) {
            auto& topic = request.topics.emplace_back();
            topic.name = name;
            auto& entry = topic.partitions.emplace_back();
            entry.partition_index = partition;
            entry.offset = offset;
        }
        DeleteRecords question(broker, &handle_delete_records, version, request);
        broker.world.settle();
        EXPECT_EQ(question.calls(), 1);
        std::string text;
        for (const auto& topic : question->topics) {
            for (const auto& row : topic.partitions) {
                text += (text.empty() ? "" : ", ") + std::string(topic.name) + "-" +
                        std::to_string(row.partition_index) + " " +
                        std::to_string(static_cast<int>(row.error_code)) + " " +
                        std::to_string(row.low_watermark);
            }
        }
        return text;
    }
    test::ReplicaBroker broker;
};

TEST_F(DeleteRecordsTest, EveryVersionIsAnswered) {
    for (std::int16_t version = DeleteRecordsRequest::k_min_version;
         version <= DeleteRecordsRequest::k_max_version; ++version)
        EXPECT_EQ(ask(version, {{"t", 0, 1}}), "t-0 0 1") << version;
    EXPECT_EQ(ask(2, {}), "");
}

TEST_F(DeleteRecordsTest, RowsFailOnTheirOwn) {
    EXPECT_EQ(ask(2, {{"t", 0, 4}, {"t", 1, -1}, {"t", 2, 0}, {"other", 0, 0}, {"__consumer_offsets", 0, 0}}),
              "t-0 1 -1, t-1 0 0, t-2 3 -1, other-0 3 -1, __consumer_offsets-0 17 -1");
}

// Seen at the peer, which keeps partitions in a map.
TEST_F(DeleteRecordsTest, OfAPartitionNamedTwiceTheLastOffsetCounts) {
    EXPECT_EQ(ask(2, {{"t", 0, -1}, {"t", 1, 0}, {"other", 0, 0}, {"t", 0, 4}, {"other", 0, 1}}),
              "t-0 1 -1, t-1 0 0, other-0 3 -1");
    EXPECT_EQ(ask(2, {{"t", 0, 4}, {"t", 0, 2}}), "t-0 0 2");
    DeleteRecordsRequest request;
    request.topics.emplace_back().name = "t";
    DeleteRecords nothing(broker, &handle_delete_records, 2, request);
    broker.world.settle();
    EXPECT_TRUE(nothing->topics.empty());
}

TEST_F(DeleteRecordsTest, AsksForDeleteOnTheTopic) {
    broker.authorizer.denied = {{security::Operation::remove, "t"}};
    EXPECT_EQ(ask(2, {{"t", 0, -1}, {"other", 0, 0}}), "t-0 29 -1, other-0 3 -1");
}

}  // namespace
}  // namespace gregor::server
