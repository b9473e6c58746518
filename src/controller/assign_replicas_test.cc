// Codes and records are those of Kafka 4.3.1 for the same requests.
#include <gtest/gtest.h>

#include "controller/directories.h"
#include "controller/testing.h"
#include "gen/api/broker_heartbeat.h"
#include "gen/api/broker_registration.h"
#include "gen/api/create_topics.h"
#include "metadata/features.h"

namespace gregor::controller {
namespace {

constexpr Uuid k_first{4, 1};
constexpr Uuid k_second{4, 2};

class AssignReplicas : public ::testing::Test {
protected:
    AssignReplicas() {
        world.controller.on_became_leader(LeaderEpoch{1});
        world.commit();
        msg::BrokerRegistrationRequest registration;
        registration.broker_id = 1;
        registration.cluster_id = "AAAAAAAAQACAAAAAAAAAAQ";
        registration.incarnation_id = Uuid{3, 1};
        registration.log_dirs = {k_first, k_second};
        for (const auto& feature : metadata::supported_features())
            registration.features.push_back({feature.name, feature.min, feature.max, {}});
        epoch = world.call<msg::BrokerRegistrationResponse>(registration).broker_epoch;
        msg::BrokerHeartbeatRequest heartbeat;
        heartbeat.broker_id = 1;
        heartbeat.broker_epoch = epoch;
        heartbeat.current_metadata_offset = world.log.end_offset().value();
        world.call<msg::BrokerHeartbeatResponse>(heartbeat);
        msg::CreateTopicsRequest request;
        auto& wish = request.topics.emplace_back();
        wish.name = "t";
        wish.num_partitions = 2;
        wish.replication_factor = 1;
        topic = world.call<msg::CreateTopicsResponse>(request).topics[0].topic_id;
        world.new_records();
    }
    ErrorCode assign(Uuid topic_id, std::int32_t partition, Uuid directory) {
        msg::AssignReplicasToDirsRequest request;
        request.broker_id = 1;
        request.broker_epoch = epoch;
        auto& row = request.directories.emplace_back();
        row.id = directory;
        auto& of_topic = row.topics.emplace_back();
        of_topic.topic_id = topic_id;
        of_topic.partitions.emplace_back().partition_index = partition;
        const auto response = world.call<msg::AssignReplicasToDirsResponse>(request);
        if (response.error_code != ErrorCode::none) return response.error_code;
        return response.directories.at(0).topics.at(0).partitions.at(0).error_code;
    }
    Uuid directory_of(std::int32_t partition) {
        return world.controller.state()
            .partition(topic, PartitionIndex{partition})
            ->directory_of(BrokerId{1});
    }

    testing::World world;
    std::int64_t epoch = -1;
    Uuid topic;
};

TEST_F(AssignReplicas, APartitionIsWhereItsBrokerSays) {
    EXPECT_EQ(directory_of(0), metadata::k_unassigned_directory);
    EXPECT_EQ(assign(topic, 0, k_second), ErrorCode::none);
    EXPECT_EQ(directory_of(0), k_second);
    EXPECT_EQ(directory_of(1), metadata::k_unassigned_directory);
    const auto records = world.new_records();
    ASSERT_EQ(records.size(), 1U);
    EXPECT_TRUE(records[0].starts_with("PartitionChange v2 ")) << records[0];
    EXPECT_NE(records[0].find("\"directories\":[\"" + k_second.to_string() + "\"]"), std::string::npos)
        << records[0];
    EXPECT_EQ(assign(topic, 0, k_second), ErrorCode::none);  // it is so already
    EXPECT_TRUE(world.new_records().empty());
}

TEST_F(AssignReplicas, WhatIsRefused) {
    EXPECT_EQ(assign(Uuid{9, 9}, 0, k_first), ErrorCode::unknown_topic_id);
    EXPECT_EQ(assign(topic, 2, k_first), ErrorCode::unknown_topic_or_partition);
    EXPECT_EQ(assign(topic, 0, Uuid{8, 8}), ErrorCode::log_dir_not_found);
    ++epoch;
    EXPECT_EQ(assign(topic, 0, k_first), ErrorCode::stale_broker_epoch);
    EXPECT_TRUE(world.new_records().empty());
}

}  // namespace
}  // namespace gregor::controller
