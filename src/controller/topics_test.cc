#include "controller/topics.h"

#include <limits>

#include <gtest/gtest.h>

#include "controller/testing.h"
#include "gen/api/broker_heartbeat.h"
#include "gen/api/broker_registration.h"
#include "metadata/features.h"

namespace gregor::controller {
namespace {

using testing::World;
using TopicsRequest = msg::CreateTopicsRequest;

// A world with brokers that serve, each with one directory.
class Topics : public ::testing::Test {
protected:
    Topics() {
        world.controller.on_became_leader(LeaderEpoch{1});
        join(1);
        world.new_records();
    }

    void join(std::int32_t id, bool serves = true) {
        msg::BrokerRegistrationRequest registration;
        registration.broker_id = id;
        registration.cluster_id = "AAAAAAAAQACAAAAAAAAAAQ";
        registration.incarnation_id = Uuid{3, static_cast<std::uint64_t>(id)};
        registration.log_dirs = {Uuid{4, static_cast<std::uint64_t>(id)}};
        for (const auto& feature : metadata::supported_features())
            registration.features.push_back({feature.name, feature.min, feature.max, {}});
        const auto epoch = world.call<msg::BrokerRegistrationResponse>(registration).broker_epoch;
        msg::BrokerHeartbeatRequest heartbeat;
        heartbeat.broker_id = id;
        heartbeat.broker_epoch = epoch;
        heartbeat.current_metadata_offset = world.log.end_offset().value();
        heartbeat.want_fence = !serves;
        EXPECT_EQ(world.call<msg::BrokerHeartbeatResponse>(heartbeat).is_fenced, !serves);
    }

    static TopicsRequest::CreatableTopic topic(std::string_view name, std::int32_t partitions = 1,
                                               std::int16_t replicas = 1) {
        TopicsRequest::CreatableTopic wish;
        wish.name = name;
        wish.num_partitions = partitions;
        wish.replication_factor = replicas;
        return wish;
    }
    static TopicsRequest::CreatableTopic assigned(std::string_view name,
                                                  std::vector<std::pair<int, List<std::int32_t>>> replicas) {
        auto wish = topic(name, -1, -1);
        for (auto& [index, brokers] : replicas) wish.assignments.push_back({index, brokers, {}});
        return wish;
    }
    static TopicsRequest::CreatableTopic configured(std::string_view name, std::string_view key,
                                                    std::optional<std::string_view> value) {
        auto wish = topic(name);
        wish.configs.push_back({key, value, {}});
        return wish;
    }

    ErrorCode create(TopicsRequest::CreatableTopic wish) {
        TopicsRequest request;
        request.topics.push_back(std::move(wish));
        return world.call<msg::CreateTopicsResponse>(request).topics.at(0).error_code;
    }

    World world;
};

TEST_F(Topics, RefusesBadNames) {
    for (const auto* name : {"", ".", "..", "a b", "a/b", "ü"})
        EXPECT_EQ(create(topic(name)), ErrorCode::invalid_topic_exception) << name;
    EXPECT_EQ(create(topic(std::string(250, 'a'))), ErrorCode::invalid_topic_exception);
    EXPECT_EQ(create(topic(std::string(249, 'a'))), ErrorCode::none);
    EXPECT_EQ(create(topic("__cluster_metadata")), ErrorCode::invalid_request);
    EXPECT_EQ(create(topic("a.b")), ErrorCode::none);
    EXPECT_EQ(create(topic("a_b")), ErrorCode::invalid_topic_exception);
    EXPECT_EQ(create(topic("a.b")), ErrorCode::topic_already_exists);
}

TEST_F(Topics, RefusesBadCounts) {
    EXPECT_EQ(create(topic("a", 0)), ErrorCode::invalid_partitions);
    EXPECT_EQ(create(topic("a", -2)), ErrorCode::invalid_partitions);
    EXPECT_EQ(create(topic("a", 1, 0)), ErrorCode::invalid_replication_factor);
    EXPECT_EQ(create(topic("a", 1, -2)), ErrorCode::invalid_replication_factor);
    EXPECT_EQ(create(topic("a", 1, 2)), ErrorCode::invalid_replication_factor);
    EXPECT_EQ(create(topic("a", 10'001)), ErrorCode::policy_violation);
    EXPECT_EQ(create(topic("a", std::numeric_limits<std::int32_t>::max())), ErrorCode::policy_violation);
    EXPECT_EQ(create(topic("a", 10'000)), ErrorCode::policy_violation);  // and the topic's own record
    EXPECT_EQ(create(topic("a", -1, -1)), ErrorCode::none);
    EXPECT_TRUE(world.controller.state().topic("a")->partitions.size() == 1);
}

TEST_F(Topics, RefusesBadAssignments) {
    join(2);
    join(3, false);
    constexpr auto k_invalid = ErrorCode::invalid_replica_assignment;
    EXPECT_EQ(create(assigned("a", {{0, {}}})), k_invalid);
    EXPECT_EQ(create(assigned("a", {{0, {1, 1}}})), k_invalid);
    EXPECT_EQ(create(assigned("a", {{0, {9}}})), k_invalid);
    EXPECT_EQ(create(assigned("a", {{1, {1}}})), k_invalid);
    EXPECT_EQ(create(assigned("a", {{0, {1}}, {0, {2}}})), k_invalid);
    EXPECT_EQ(create(assigned("a", {{0, {1}}, {1, {1, 2}}})), k_invalid);
    EXPECT_EQ(create(assigned("a", {{0, {3}}})), k_invalid);
    auto with_count = assigned("a", {{0, {1}}});
    with_count.num_partitions = 1;
    EXPECT_EQ(create(with_count), ErrorCode::invalid_request);
    auto with_factor = assigned("a", {{0, {1}}});
    with_factor.replication_factor = 1;
    EXPECT_EQ(create(with_factor), ErrorCode::invalid_request);
    EXPECT_EQ(create(assigned("a", {{1, {2, 3}}, {0, {1, 2}}})), ErrorCode::none);
    const auto& second = *world.controller.state().topic("a")->partitions.find(PartitionIndex{1});
    EXPECT_EQ(second.isr, std::vector{BrokerId{2}});  // 3 is fenced
    EXPECT_EQ(second.leader, BrokerId{2});
    EXPECT_EQ(second.directories, (std::vector{Uuid{4, 2}, Uuid{4, 3}}));
}

TEST_F(Topics, RefusesBadConfigs) {
    constexpr auto k_invalid = ErrorCode::invalid_config;
    EXPECT_EQ(create(configured("a", "retention.ms", "soon")), k_invalid);
    EXPECT_EQ(create(configured("a", "retention.ms", std::nullopt)), k_invalid);
    EXPECT_EQ(create(configured("a", "retention.millis", "5")), k_invalid);
    EXPECT_EQ(create(configured("a", "remote.storage.enable", "true")), k_invalid);
    auto conflict = configured("a", "min.compaction.lag.ms", "10");
    conflict.configs.push_back({"max.compaction.lag.ms", "5", {}});
    EXPECT_EQ(create(conflict), k_invalid);
    EXPECT_TRUE(world.new_records().empty());
    EXPECT_EQ(create(configured("a", "retention.ms", "5")), ErrorCode::none);
    EXPECT_EQ(*world.controller.state().config(metadata::ConfigResourceType::topic, "a", "retention.ms"),
              "5");
}

TEST_F(Topics, AnswersTheShapeOfWhatItMade) {
    world.properties.values["log.retention.hours"] = "2";
    TopicsRequest request;
    request.topics.push_back(configured("a", "cleanup.policy", "compact , delete"));
    request.topics.push_back(topic("b", 1));
    const auto response = world.call<msg::CreateTopicsResponse>(request);
    const auto& made = response.topics.at(0);
    EXPECT_EQ(made.num_partitions, 1);
    EXPECT_EQ(made.replication_factor, 1);
    EXPECT_FALSE(made.topic_id.is_zero());
    ASSERT_TRUE(made.configs.has_value());
    EXPECT_EQ(made.configs->size(), 33U);  // all but the internal one, as the peer
    for (const auto& config : *made.configs) {
        if (config.name == "cleanup.policy") {
            EXPECT_EQ(config.value, "compact , delete");
            EXPECT_EQ(config.config_source, 1);
        }
        if (config.name == "retention.ms") {
            EXPECT_EQ(config.value, "7200000");
            EXPECT_EQ(config.config_source, 4);
        }
        if (config.name == "segment.bytes") {
            EXPECT_EQ(config.config_source, 5);
        }
    }
    for (const auto& config : *response.topics.at(1).configs) {
        if (config.name == "cleanup.policy") {
            EXPECT_EQ(config.value, "delete");
            EXPECT_EQ(config.config_source, 5);
        }
    }
}

TEST_F(Topics, ValidatesWithoutWriting) {
    TopicsRequest request;
    request.validate_only = true;
    request.topics.push_back(topic("a", 3));
    EXPECT_EQ(world.call<msg::CreateTopicsResponse>(request).topics.at(0).num_partitions, 3);
    EXPECT_TRUE(world.new_records().empty());
}

TEST_F(Topics, RepeatedNamesAreRefusedOnce) {
    TopicsRequest request;
    for (const auto* name : {"a", "b", "a"}) request.topics.push_back(topic(name));
    const auto response = world.call<msg::CreateTopicsResponse>(request);
    ASSERT_EQ(response.topics.size(), 2U);
    EXPECT_EQ(response.topics[0].error_code, ErrorCode::invalid_request);
    EXPECT_EQ(response.topics[1].error_code, ErrorCode::none);
}

TEST_F(Topics, SpreadsLeadersAndReplicas) {
    join(2);
    join(3);
    EXPECT_EQ(create(topic("a", 6, 2)), ErrorCode::none);
    std::map<BrokerId, int> leads;
    for (const auto& [index, partition] : world.controller.state().topic("a")->partitions) {
        ++leads[partition.leader];
        EXPECT_EQ(partition.replicas.size(), 2U);
        EXPECT_NE(partition.replicas[0], partition.replicas[1]);
    }
    EXPECT_EQ(leads, (std::map<BrokerId, int>{{BrokerId{1}, 2}, {BrokerId{2}, 2}, {BrokerId{3}, 2}}));
}

TEST_F(Topics, DeletesByNameAndId) {
    create(topic("a"));
    create(topic("b"));
    create(configured("c", "retention.ms", "5"));
    const auto id_of_b = world.controller.state().topic("b")->id;
    world.new_records();
    msg::DeleteTopicsRequest request;
    request.topics.push_back({"a", {}, {}});
    request.topics.push_back({std::nullopt, id_of_b, {}});
    request.topics.push_back({"none", {}, {}});
    request.topics.push_back({std::nullopt, Uuid{9, 9}, {}});
    request.topics.push_back({std::nullopt, {}, {}});
    request.topics.push_back({"c", {}, {}});
    request.topics.push_back({"c", {}, {}});
    std::map<std::string, ErrorCode> codes;
    const auto response = world.call<msg::DeleteTopicsResponse>(request);
    for (const auto& each : response.responses)
        codes[each.name ? std::string(*each.name) : each.topic_id.to_string()] = each.error_code;
    EXPECT_EQ(codes["a"], ErrorCode::none);
    EXPECT_EQ(codes["b"], ErrorCode::none);
    EXPECT_EQ(codes["none"], ErrorCode::unknown_topic_or_partition);
    EXPECT_EQ(codes[(Uuid{9, 9}).to_string()], ErrorCode::unknown_topic_id);
    EXPECT_EQ(codes[Uuid{}.to_string()], ErrorCode::invalid_request);
    EXPECT_EQ(codes["c"], ErrorCode::invalid_request);
    EXPECT_EQ(world.new_records().size(), 2U);
    EXPECT_EQ(world.controller.state().topics_by_name.size(), 1U);
    msg::DeleteTopicsRequest old;
    old.topic_names = {"c"};
    EXPECT_EQ(world.call<msg::DeleteTopicsResponse>(old, 5).responses.at(0).error_code, ErrorCode::none);
    EXPECT_TRUE(world.controller.state().configs.find(
                    metadata::ConfigResource{metadata::ConfigResourceType::topic, "c"}) == nullptr);
}

// As the peer answers: once, for the name, with the id that it stands for.
TEST_F(Topics, ATopicByItsNameAndByItsIdIsNotDeleted) {
    create(topic("a"));
    const auto id = world.controller.state().topic("a")->id;
    world.new_records();
    msg::DeleteTopicsRequest request;
    request.topics.push_back({std::nullopt, id, {}});
    request.topics.push_back({"a", {}, {}});
    const auto response = world.call<msg::DeleteTopicsResponse>(request);
    ASSERT_EQ(response.responses.size(), 1U);
    EXPECT_EQ(response.responses[0].error_code, ErrorCode::invalid_request);
    EXPECT_EQ(response.responses[0].name, "a");
    EXPECT_EQ(response.responses[0].topic_id, id);
    request.topics.push_back({std::nullopt, id, {}});
    for (const auto& repeated : world.call<msg::DeleteTopicsResponse>(request).responses)
        EXPECT_EQ(repeated.error_code, ErrorCode::invalid_request);
    EXPECT_TRUE(world.new_records().empty());
}

TEST_F(Topics, AddsPartitions) {
    create(topic("a", 2));
    const auto grow = [this](std::string_view name, std::int32_t count,
                             std::optional<std::vector<List<std::int32_t>>> to) {
        msg::CreatePartitionsRequest request;
        auto& wish = request.topics.emplace_back();
        wish.name = name;
        wish.count = count;
        wish.assignments = std::nullopt;
        if (to) wish.assignments.emplace();
        if (to) {
            for (const auto& brokers : *to) wish.assignments->push_back({brokers, {}});
        }
        const auto response = world.call<msg::CreatePartitionsResponse>(request);
        const auto& outcome = response.results.at(0);
        EXPECT_EQ(outcome.error_message.has_value(), outcome.error_code != ErrorCode::none && name == "a");
        return outcome.error_code;
    };
    EXPECT_EQ(grow("a", 2, {}), ErrorCode::invalid_partitions);
    EXPECT_EQ(grow("a", 1, {}), ErrorCode::invalid_partitions);
    EXPECT_EQ(grow("a", 0, {}), ErrorCode::invalid_partitions);
    EXPECT_EQ(grow("none", 3, {}), ErrorCode::unknown_topic_or_partition);
    EXPECT_EQ(grow("a", 4, {{{1}}}), ErrorCode::invalid_replica_assignment);
    EXPECT_EQ(grow("a", 3, {{{9}}}), ErrorCode::invalid_replica_assignment);
    EXPECT_EQ(grow("a", 2'000'000'000, {}), ErrorCode::policy_violation);
    const auto no_assignments = std::vector<List<std::int32_t>>{};
    EXPECT_EQ(grow("a", 2'000'000'000, no_assignments), ErrorCode::invalid_replica_assignment);
    EXPECT_EQ(grow("a", 3, {{{1}}}), ErrorCode::none);
    EXPECT_EQ(grow("a", 5, {}), ErrorCode::none);
    EXPECT_EQ(world.controller.state().topic("a")->partitions.size(), 5U);
}

}  // namespace
}  // namespace gregor::controller
