// Codes and sentences are those of Kafka 4.3.1.
#include "gen/api/describe_cluster.h"

#include "gen/meta/register_controller.h"
#include "server/config.h"
#include "server/handlers/handlers.h"
#include "server/handlers/test_cluster.h"

namespace gregor::server {
namespace {

class DescribeClusterTest : public testing::Test {
protected:
    DescribeClusterTest() {
        cluster.config.listeners = {{.name = "PLAINTEXT"}};
        cluster.add_broker({.id = 1, .rack = "r1"});
        cluster.add_broker({.id = 2, .fenced = true});
        cluster.add_broker({.id = 3, .listener = "OTHER"});
    }
    msg::DescribeClusterResponse ask(std::int16_t version, const msg::DescribeClusterRequest& request) {
        return cluster.ask(&handle_describe_cluster, version, request);
    }
    test::Cluster cluster;
};

TEST_F(DescribeClusterTest, NamesTheBrokersOfThisListener) {
    for (std::int16_t version = 0; version <= 2; ++version) {
        const auto response = ask(version, {});
        EXPECT_EQ(response.error_code, ErrorCode::none);
        EXPECT_EQ(response.cluster_id, "cluster");
        EXPECT_EQ(response.controller_id, 1);
        EXPECT_EQ(response.cluster_authorized_operations, INT32_MIN);
        ASSERT_EQ(response.brokers.size(), 1U);
        EXPECT_EQ(response.brokers[0].host, "host1");
        EXPECT_EQ(response.brokers[0].rack, "r1");
    }
}

TEST_F(DescribeClusterTest, FencedBrokersWhenAskedFor) {
    msg::DescribeClusterRequest request;
    request.include_fenced_brokers = true;
    const auto response = ask(2, request);
    ASSERT_EQ(response.brokers.size(), 2U);
    EXPECT_FALSE(response.brokers[0].is_fenced);
    EXPECT_EQ(response.brokers[1].broker_id, 2);
    EXPECT_TRUE(response.brokers[1].is_fenced);
}

TEST_F(DescribeClusterTest, OperationsWhenAskedFor) {
    msg::DescribeClusterRequest request;
    request.include_cluster_authorized_operations = true;
    EXPECT_EQ(ask(1, request).cluster_authorized_operations, 8096);
}

TEST_F(DescribeClusterTest, ControllersAreAskedElsewhere) {
    msg::DescribeClusterRequest request;
    request.endpoint_type = 2;
    const auto mismatched = ask(1, request);
    EXPECT_EQ(mismatched.error_code, ErrorCode::mismatched_endpoint_type);
    EXPECT_EQ(
        mismatched.error_message,
        "The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER");
    EXPECT_TRUE(mismatched.brokers.empty());
    request.endpoint_type = 3;
    const auto unsupported = ask(2, request);
    EXPECT_EQ(unsupported.error_code, ErrorCode::unsupported_endpoint_type);
    EXPECT_EQ(unsupported.error_message, "Unsupported endpoint type 3");
}

// The same listener, as if it were the controller's.
TEST_F(DescribeClusterTest, AControllerNamesTheControllers) {
    cluster.config.listeners[0].is_controller = true;
    msg::RegisterControllerRecord record;
    record.controller_id = 1;
    auto& endpoint = record.end_points.emplace_back();
    endpoint.name = "PLAINTEXT";
    endpoint.host = "there";
    endpoint.port = 9093;
    cluster.replay_record(record, 0);
    msg::DescribeClusterRequest request;
    request.endpoint_type = 2;
    const auto response = ask(2, request);
    EXPECT_EQ(response.error_code, ErrorCode::none);
    EXPECT_EQ(response.endpoint_type, 2);
    EXPECT_EQ(response.controller_id, 1);
    ASSERT_EQ(response.brokers.size(), 1U);
    EXPECT_EQ(response.brokers[0].host, "there");
    EXPECT_EQ(response.brokers[0].port, 9093);
    request.endpoint_type = 1;
    const auto mismatched = ask(2, request);
    EXPECT_EQ(mismatched.error_code, ErrorCode::mismatched_endpoint_type);
    EXPECT_EQ(
        mismatched.error_message,
        "The request was sent to an endpoint of type CONTROLLER, but we wanted an endpoint of type BROKER");
}

}  // namespace
}  // namespace gregor::server
