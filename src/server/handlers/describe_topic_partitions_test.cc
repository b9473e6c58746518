// Pages and cursors as Kafka 4.3.1 answers them.
#include "gen/api/describe_topic_partitions.h"

#include "server/handlers/handlers.h"
#include "server/handlers/test_cluster.h"

namespace gregor::server {
namespace {

constexpr Uuid k_t1{1, 1};
constexpr Uuid k_t2{2, 2};

class DescribeTopicPartitionsTest : public testing::Test {
protected:
    using Request = msg::DescribeTopicPartitionsRequest;

    DescribeTopicPartitionsTest() {
        cluster.add_broker({.id = 1});
        cluster.add_topic("t1", k_t1);
        for (std::int32_t i = 0; i < 3; ++i) cluster.add_partition(k_t1, {.index = i});
        cluster.add_topic("t2", k_t2);
        cluster.add_partition(k_t2, {.replicas = {1, 2}, .elr = std::vector<std::int32_t>{2}});
    }
    struct Question {
        std::vector<const char*> topics = {};
        std::int32_t limit = 2000;
        std::optional<std::pair<const char*, std::int32_t>> cursor = std::nullopt;
    };
    msg::DescribeTopicPartitionsResponse ask(const Question& question) {
        Request request;
        for (const auto* name : question.topics) request.topics.push_back({.name = name, .unknown_tags = {}});
        request.response_partition_limit = question.limit;
        if (question.cursor) {
            request.cursor = msg::DescribeTopicPartitionsRequest::Cursor{};
            request.cursor->topic_name = question.cursor->first;
            request.cursor->partition_index = question.cursor->second;
        }
        return cluster.ask(&handle_describe_topic_partitions, 0, request);
    }
    // "name:error[partitions]" of each topic, then "next name/partition".
    std::string story(const Question& question) {
        const auto response = ask(question);
        std::string text;
        for (const auto& topic : response.topics) {
            text += std::string(topic.name.value_or("-")) + ":" +
                    std::to_string(static_cast<int>(topic.error_code)) + "[";
            for (const auto& row : topic.partitions) text += std::to_string(row.partition_index);
            text += "] ";
        }
        if (response.next_cursor) {
            text += "next " + std::string(response.next_cursor->topic_name) + "/" +
                    std::to_string(response.next_cursor->partition_index);
        }
        return text;
    }
    test::Cluster cluster;
};

TEST_F(DescribeTopicPartitionsTest, TopicsInOrderOfTheirNamesEachOnce) {
    EXPECT_EQ(story({.topics = {"t2", "t1", "nope", "bad name", "t1"}}),
              "bad name:17[] nope:3[] t1:0[012] t2:0[0] ");
    EXPECT_EQ(story({}), "t1:0[012] t2:0[0] ");
    const auto response = ask({.topics = {"nope", "t2"}});
    EXPECT_EQ(response.topics[0].topic_authorized_operations, 3576);
    EXPECT_EQ(response.topics[1].topic_authorized_operations, 3576);
    EXPECT_EQ(response.topics[1].topic_id, k_t2);
    const auto& row = response.topics[1].partitions[0];
    EXPECT_EQ(row.eligible_leader_replicas, (List<std::int32_t>{2}));
    EXPECT_EQ(row.last_known_elr, List<std::int32_t>{});
    EXPECT_EQ(row.offline_replicas, (List<std::int32_t>{2}));
    EXPECT_EQ(row.leader_epoch, 5);
}

TEST_F(DescribeTopicPartitionsTest, APageHoldsSoManyPartitions) {
    EXPECT_EQ(story({.topics = {"t2", "t1", "nope"}, .limit = 2}), "nope:3[] t1:0[01] next t1/2");
    EXPECT_EQ(story({.topics = {"t1", "t2"}, .limit = 3}), "t1:0[012] next t2/0");
    EXPECT_EQ(story({.topics = {"zz", "a", "t1"}, .limit = 3}), "a:3[] t1:0[012] next zz/0");
    EXPECT_EQ(story({.topics = {"t1", "t2"}, .limit = 0}), "t1:0[0] next t1/1");
    EXPECT_EQ(story({.topics = {"t1", "t2"}, .limit = -5}), "t1:0[0] next t1/1");
    cluster.properties.given["max.request.partition.size.limit"] = "2";
    EXPECT_EQ(story({}), "t1:0[01] next t1/2");
}

TEST_F(DescribeTopicPartitionsTest, GoesOnAtTheCursor) {
    EXPECT_EQ(story({.topics = {"t1", "t2"}, .cursor = std::pair("t1", 2)}), "t1:0[2] t2:0[0] ");
    EXPECT_EQ(story({.topics = {"t1", "t2"}, .cursor = std::pair("t1", 7)}), "t1:0[] t2:0[0] ");
    EXPECT_EQ(story({.cursor = std::pair("t11", 1)}), "t2:0[0] ");
    EXPECT_EQ(story({.topics = {"t1", "nope", "t2"}, .cursor = std::pair("nope", 5)}),
              "nope:3[] t1:0[012] t2:0[0] ");
}

TEST_F(DescribeTopicPartitionsTest, RefusesACursorOutsideTheRequest) {
    EXPECT_EQ(story({.topics = {"t1", "t2"}, .cursor = std::pair("t0", 0)}), "t1:42[] t2:42[] ");
    EXPECT_EQ(story({.topics = {"t1", "t2"}, .cursor = std::pair("t1", -1)}), "t1:42[] t2:42[] ");
}

TEST_F(DescribeTopicPartitionsTest, ForbiddenTopicsComeLastOrNotAtAll) {
    cluster.authorizer.denied = {{security::Operation::describe, "t1"}};
    EXPECT_EQ(story({.topics = {"t1", "t2"}}), "t2:0[0] t1:29[] ");
    EXPECT_EQ(story({}), "t2:0[0] ");
}

}  // namespace
}  // namespace gregor::server
