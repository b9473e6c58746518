// What Kafka 4.3.1 answers in the same cases; the cases with dead brokers follow KIP-430, KIP-516 and Kafka's
// protocol guide.
#include "gen/api/metadata.h"

#include "gen/api/create_topics.h"
#include "server/handlers/handlers.h"
#include "server/handlers/test_cluster.h"

namespace gregor::server {
namespace {

using msg::MetadataRequest;
using Wanted = MetadataRequest::MetadataRequestTopic;
using security::Operation;

constexpr Uuid k_t1{1, 1};
constexpr Uuid k_t2{2, 2};
constexpr std::int32_t k_all_topic_operations = 3576;
constexpr std::int32_t k_all_cluster_operations = 8096;
constexpr std::int32_t k_not_requested = INT32_MIN;

MetadataRequest by_name(std::initializer_list<const char*> names) {
    MetadataRequest request;
    for (const auto* name : names)
        request.topics->push_back({.topic_id = {}, .name = name, .unknown_tags = {}});
    return request;
}

class MetadataTest : public testing::Test {
protected:
    MetadataTest() {
        cluster.add_broker({.id = 1, .rack = "r1"});
        cluster.add_topic("t2", k_t2);
        cluster.add_partition(k_t2, {});
        cluster.add_topic("t1", k_t1);
        cluster.add_partition(k_t1, {.index = 0});
        cluster.add_partition(k_t1, {.index = 1});
    }
    msg::MetadataResponse ask(std::int16_t version, const MetadataRequest& request) {
        return cluster.ask(&handle_metadata, version, request);
    }
    // "name:error" of each topic, "-" for a null name.
    static std::string topics(const msg::MetadataResponse& response) {
        std::string text;
        for (const auto& topic : response.topics) {
            text += text.empty() ? "" : " ";
            text += std::string(topic.name.value_or("-")) + ":" +
                    std::to_string(static_cast<int>(topic.error_code));
        }
        return text;
    }
    test::Cluster cluster;
};

TEST_F(MetadataTest, DescribesTheClusterAndItsTopics) {
    const auto response = ask(13, by_name({"t1"}));
    ASSERT_EQ(response.brokers.size(), 1U);
    EXPECT_EQ(response.brokers[0].node_id, 1);
    EXPECT_EQ(response.brokers[0].host, "host1");
    EXPECT_EQ(response.brokers[0].port, 9001);
    EXPECT_EQ(response.brokers[0].rack, "r1");
    EXPECT_EQ(response.cluster_id, "cluster");
    EXPECT_EQ(response.controller_id, 1);
    ASSERT_EQ(response.topics.size(), 1U);
    const auto& topic = response.topics[0];
    EXPECT_EQ(topic.topic_id, k_t1);
    EXPECT_FALSE(topic.is_internal);
    EXPECT_EQ(topic.topic_authorized_operations, k_not_requested);
    ASSERT_EQ(topic.partitions.size(), 2U);
    EXPECT_EQ(topic.partitions[1].partition_index, 1);
    EXPECT_EQ(topic.partitions[1].leader_id, 1);
    EXPECT_EQ(topic.partitions[1].leader_epoch, 5);
    EXPECT_EQ(topic.partitions[1].replica_nodes, (List<std::int32_t>{1}));
    EXPECT_TRUE(topic.partitions[1].offline_replicas.empty());
}

TEST_F(MetadataTest, EveryVersionAnswers) {
    for (std::int16_t version = 0; version <= 13; ++version)
        EXPECT_EQ(topics(ask(version, by_name({"t1"}))), "t1:0") << version;
}

TEST_F(MetadataTest, AllTopicsAreEmptyInTheFirstVersionAndNullAfterIt) {
    MetadataRequest all;
    EXPECT_EQ(topics(ask(0, all)), "t1:0 t2:0");
    EXPECT_EQ(topics(ask(1, all)), "");
    all.topics = std::nullopt;
    EXPECT_EQ(topics(ask(1, all)), "t1:0 t2:0");
    cluster.authorizer.denied = {{Operation::describe, "t1"}};
    EXPECT_EQ(topics(ask(1, all)), "t2:0");
}

TEST_F(MetadataTest, NamesOnceKnownFirst) {
    auto request = by_name({"nope", "bad name", "", "t1", "t1"});
    request.allow_auto_topic_creation = false;
    EXPECT_EQ(topics(ask(4, request)), "t1:0 nope:3 bad name:17 :17");
    EXPECT_TRUE(cluster.world.controller.requests.empty());
}

TEST_F(MetadataTest, CreatesWhatIsAskedForAndAnswersThatItIsUnknown) {
    EXPECT_EQ(topics(ask(3, by_name({"new", "t1", "bad/x"}))), "t1:0 new:3 bad/x:17");
    EXPECT_EQ(topics(ask(3, by_name({"new"}))), "new:3");
    auto& controller = cluster.world.controller;
    ASSERT_EQ(controller.requests.size(), 1U);  // not again while the first is on its way
    const auto& forwarded = controller.requests[0];
    EXPECT_EQ(forwarded.principal, "User:alice");
    EXPECT_EQ(forwarded.client_id, "tester");
    EXPECT_EQ(forwarded.host, "192.0.2.7");
    protocol::Reader reader(forwarded.body);
    msg::CreateTopicsRequest create;
    create.decode(reader, forwarded.version);
    ASSERT_TRUE(reader.finished());
    ASSERT_EQ(create.topics.size(), 1U);
    EXPECT_EQ(create.topics[0].name, "new");
    EXPECT_EQ(create.topics[0].num_partitions, -1);
    EXPECT_EQ(create.topics[0].replication_factor, -1);

    controller.waiting[0](fail(ErrorCode::request_timed_out));
    ask(3, by_name({"new"}));
    EXPECT_EQ(controller.requests.size(), 2U);
}

TEST_F(MetadataTest, CreatesNothingWhenTheBrokerMayNot) {
    cluster.config.auto_create_topics = false;
    EXPECT_EQ(topics(ask(3, by_name({"new"}))), "new:3");
    EXPECT_TRUE(cluster.world.controller.requests.empty());
}

TEST_F(MetadataTest, CreatingNeedsARightOnTheClusterOrTheTopic) {
    cluster.authorizer.denied = {{Operation::create, "kafka-cluster"}, {Operation::create, "mine"}};
    EXPECT_EQ(topics(ask(13, by_name({"mine", "other"}))), "other:3 mine:29");
    EXPECT_EQ(cluster.world.controller.requests.size(), 1U);
}

TEST_F(MetadataTest, HidesWhetherAForbiddenNameExists) {
    cluster.authorizer.denied = {{Operation::describe, "t1"}, {Operation::describe, "nope"}};
    const auto response = ask(13, by_name({"t1", "nope", "t2"}));
    EXPECT_EQ(topics(response), "t2:0 t1:29 nope:29");
    EXPECT_TRUE(response.topics[1].topic_id.is_zero());
}

TEST_F(MetadataTest, TopicsByIdAndThenNoNames) {
    MetadataRequest request;
    request.topics->push_back({.topic_id = k_t1, .name = std::nullopt, .unknown_tags = {}});
    request.topics->push_back({.topic_id = Uuid{9, 9}, .name = std::nullopt, .unknown_tags = {}});
    request.topics->push_back({.topic_id = {}, .name = "t2", .unknown_tags = {}});
    auto response = ask(12, request);
    EXPECT_EQ(topics(response), "-:100 t1:0");
    EXPECT_EQ(response.topics[0].topic_id, (Uuid{9, 9}));

    cluster.authorizer.denied = {{Operation::describe, "t1"}};
    response = ask(12, request);
    EXPECT_EQ(topics(response), "-:100 -:29");
    EXPECT_EQ(response.topics[1].topic_id, k_t1);
}

TEST_F(MetadataTest, RefusesIdsBeforeTheirVersionAndTopicsWithoutName) {
    MetadataRequest request;
    request.topics->push_back({.topic_id = k_t1, .name = "t1", .unknown_tags = {}});
    auto response = ask(10, request);
    EXPECT_EQ(topics(response), "t1:42");
    EXPECT_EQ(response.topics[0].topic_id, k_t1);
    EXPECT_TRUE(response.brokers.empty());
    EXPECT_EQ(response.controller_id, -1);
    EXPECT_EQ(response.cluster_id, std::nullopt);

    request.topics = List<Wanted>{{.topic_id = {}, .name = std::nullopt, .unknown_tags = {}}};
    EXPECT_EQ(topics(ask(11, request)), ":42");
    EXPECT_EQ(topics(ask(12, request)), ":-1");
    EXPECT_EQ(ask(13, request).error_code, ErrorCode::unknown_server_error);
}

TEST_F(MetadataTest, AuthorisedOperationsWhenAskedFor) {
    auto request = by_name({"t1", "nope"});
    request.allow_auto_topic_creation = false;
    request.include_topic_authorized_operations = true;
    request.include_cluster_authorized_operations = true;
    auto response = ask(8, request);
    EXPECT_EQ(response.cluster_authorized_operations, k_all_cluster_operations);
    EXPECT_EQ(response.topics[0].topic_authorized_operations, k_all_topic_operations);
    EXPECT_EQ(response.topics[1].topic_authorized_operations, k_all_topic_operations);
    cluster.authorizer.denied = {{Operation::describe, "kafka-cluster"}, {Operation::write, "t1"}};
    response = ask(8, request);
    EXPECT_EQ(response.cluster_authorized_operations, 0);
    EXPECT_EQ(response.topics[0].topic_authorized_operations, k_all_topic_operations - (1 << 4));
}

// Broker 2 is fenced, 3 has no such listener, 4 was never registered.
TEST_F(MetadataTest, LeadersThatTheClientCannotReach) {
    cluster.add_broker({.id = 2, .fenced = true});
    cluster.add_broker({.id = 3, .listener = "OTHER"});
    for (std::int32_t i = 0; i < 4; ++i) {
        cluster.add_partition(
            k_t2, {.index = i, .replicas = {1, 2, 3, 4}, .isr = {i + 1, 1}, .leader = i < 3 ? i + 1 : 4});
    }
    cluster.add_partition(k_t2, {.index = 4, .replicas = {1}, .isr = {1}, .leader = -1});
    const auto errors = [](const msg::MetadataResponse& response) {
        std::vector<int> codes;
        for (const auto& row : response.topics.at(0).partitions)
            codes.push_back(static_cast<int>(row.error_code));
        return codes;
    };
    const auto response = ask(13, by_name({"t2"}));
    EXPECT_EQ(errors(response), (std::vector{0, 72, 72, 5, 5}));
    EXPECT_EQ(response.brokers.size(), 1U);
    const auto& second = response.topics[0].partitions[1];
    EXPECT_EQ(second.leader_id, -1);
    EXPECT_EQ(second.leader_epoch, 5);
    EXPECT_EQ(second.replica_nodes, (List<std::int32_t>{1, 2, 3, 4}));
    EXPECT_EQ(second.offline_replicas, (List<std::int32_t>{2, 3, 4}));

    EXPECT_EQ(errors(ask(5, by_name({"t2"}))), (std::vector{0, 5, 5, 5, 5}));
    const auto first_version = ask(0, by_name({"t2"}));
    EXPECT_EQ(errors(first_version), (std::vector{9, 5, 5, 5, 5}));
    EXPECT_EQ(first_version.topics[0].partitions[0].replica_nodes, (List<std::int32_t>{1}));
}

TEST_F(MetadataTest, MarksTheCoordinatorsTopics) {
    cluster.add_topic("__consumer_offsets", Uuid{3, 3});
    EXPECT_TRUE(ask(13, by_name({"__consumer_offsets"})).topics[0].is_internal);
}

}  // namespace
}  // namespace gregor::server
