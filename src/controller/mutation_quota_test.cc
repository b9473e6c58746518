#include "controller/mutation_quota.h"

#include <gtest/gtest.h>

#include "controller/testing.h"
#include "gen/api/alter_client_quotas.h"
#include "gen/api/broker_heartbeat.h"
#include "gen/api/broker_registration.h"
#include "gen/api/create_partitions.h"
#include "gen/api/create_topics.h"
#include "gen/api/delete_topics.h"
#include "metadata/features.h"

namespace gregor::controller {
namespace {

class MutationQuotaTest : public ::testing::Test {
protected:
    MutationQuotaTest() {
        world.log.now_ms = 1'700'000'000'000;
        world.controller.on_became_leader(LeaderEpoch{1});
        world.commit();
        msg::BrokerRegistrationRequest registration;
        registration.broker_id = 1;
        registration.cluster_id = "AAAAAAAAQACAAAAAAAAAAQ";
        registration.incarnation_id = Uuid{3, 1};
        registration.log_dirs = {Uuid{4, 1}};
        for (const auto& feature : metadata::supported_features())
            registration.features.push_back({feature.name, feature.min, feature.max, {}});
        msg::BrokerHeartbeatRequest heartbeat;
        heartbeat.broker_id = 1;
        heartbeat.broker_epoch = world.call<msg::BrokerRegistrationResponse>(registration).broker_epoch;
        heartbeat.current_metadata_offset = world.log.end_offset().value();
        EXPECT_FALSE(world.call<msg::BrokerHeartbeatResponse>(heartbeat).is_fenced);
    }
    void set_rate(double rate) {
        msg::AlterClientQuotasRequest request;
        auto& entry = request.entries.emplace_back();
        entry.entity.emplace_back().entity_type = "user";
        entry.entity.back().entity_name = std::nullopt;
        auto& op = entry.ops.emplace_back();
        op.key = "controller_mutation_rate";
        op.value = rate;
        ASSERT_EQ(world.call<msg::AlterClientQuotasResponse>(request).entries[0].error_code, ErrorCode::none);
    }
    struct Outcome {
        ErrorCode error;
        std::int32_t throttle_ms;
        friend bool operator==(const Outcome&, const Outcome&) = default;
    };
    Outcome create(std::string_view name, std::int32_t partitions, std::int16_t version = 7) {
        msg::CreateTopicsRequest request;
        auto& topic = request.topics.emplace_back();
        topic.name = name;
        topic.num_partitions = partitions;
        topic.replication_factor = 1;
        const auto response = world.call<msg::CreateTopicsResponse>(request, version);
        return {response.topics[0].error_code, response.throttle_time_ms};
    }
    Outcome remove(std::string_view name, std::int16_t version) {
        msg::DeleteTopicsRequest request;
        if (version < 6) {
            request.topic_names.push_back(name);
        } else {
            request.topics.emplace_back().name = name;
        }
        const auto response = world.call<msg::DeleteTopicsResponse>(request, version);
        return {response.responses[0].error_code, response.throttle_time_ms};
    }
    Outcome grow(std::string_view name, std::int32_t count, std::int16_t version) {
        msg::CreatePartitionsRequest request;
        auto& topic = request.topics.emplace_back();
        topic.name = name;
        topic.count = count;
        topic.assignments = std::nullopt;
        const auto response = world.call<msg::CreatePartitionsResponse>(request, version);
        return {response.results[0].error_code, response.throttle_time_ms};
    }

    testing::World world;
};

// A rate of 2 gives 22 at once, and one more overdraft; then the debt is waited for.
TEST_F(MutationQuotaTest, NewVersionsAreRefusedWhileTokensAreOwed) {
    set_rate(2);
    EXPECT_EQ(create("a", 30), (Outcome{ErrorCode::none, 0}));
    EXPECT_EQ(create("b", 1), (Outcome{ErrorCode::throttling_quota_exceeded, 4'000}));
    EXPECT_EQ(grow("a", 31, 3), (Outcome{ErrorCode::throttling_quota_exceeded, 4'000}));
    EXPECT_EQ(remove("a", 5), (Outcome{ErrorCode::throttling_quota_exceeded, 4'000}));
    EXPECT_NE(world.controller.state().topic("a"), nullptr);
    world.log.now_ms += 4'000;
    EXPECT_EQ(create("b", 1), (Outcome{ErrorCode::none, 0}));
}

TEST_F(MutationQuotaTest, OldVersionsDoItAndWaitAfterwards) {
    set_rate(2);
    EXPECT_EQ(create("a", 30, 5), (Outcome{ErrorCode::none, 4'000}));
    EXPECT_EQ(grow("a", 32, 2), (Outcome{ErrorCode::none, 5'000}));
    EXPECT_EQ(remove("a", 4), (Outcome{ErrorCode::none, 21'000}));
    EXPECT_EQ(world.controller.state().topic("a"), nullptr);
}

TEST_F(MutationQuotaTest, WhatIsRefusedAnywayCostsNothing) {
    set_rate(2);
    EXPECT_EQ(create("a", 22), (Outcome{ErrorCode::none, 0}));
    for (int i = 0; i < 3; ++i) EXPECT_EQ(create("a", 22).error, ErrorCode::topic_already_exists);
    EXPECT_EQ(create("b", 1), (Outcome{ErrorCode::none, 0}));
    EXPECT_EQ(create("c", 1).error, ErrorCode::throttling_quota_exceeded);
}

TEST_F(MutationQuotaTest, AClockThatGoesBackGivesNothingAndTakesNothing) {
    TokenBucket bucket;
    MutationQuota first(bucket, {.per_second = 1, .burst = 11, .now_ms = 100'000, .is_strict = true});
    ASSERT_TRUE(first.charge(12));
    MutationQuota second(bucket, {.per_second = 1, .burst = 11, .now_ms = 50'000, .is_strict = true});
    EXPECT_FALSE(second.charge(1));
    EXPECT_EQ(second.throttle_time_ms(), 1'000);
}

}  // namespace
}  // namespace gregor::controller
