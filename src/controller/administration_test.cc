// Codes and records are those of Kafka 4.3.1 for the same requests.
#include "controller/administration.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "controller/testing.h"
#include "gen/api/broker_heartbeat.h"
#include "gen/api/broker_registration.h"
#include "gen/api/create_topics.h"
#include "metadata/features.h"

namespace gregor::controller {
namespace {

using testing::World;

std::string code(ErrorCode error) { return std::to_string(static_cast<int>(error)); }

class Administration : public ::testing::Test {
protected:
    Administration() {
        world.controller.on_became_leader(LeaderEpoch{1});
        join(1, true);
        create("r", {{1}, {1}, {1}});
        world.new_records();
    }

    void join(std::int32_t id, bool serves) {
        msg::BrokerRegistrationRequest registration;
        registration.broker_id = id;
        registration.cluster_id = "AAAAAAAAQACAAAAAAAAAAQ";
        registration.incarnation_id = Uuid{3, static_cast<std::uint64_t>(id)};
        registration.log_dirs = {Uuid{4, static_cast<std::uint64_t>(id)}};
        for (const auto& feature : metadata::supported_features())
            registration.features.push_back({feature.name, feature.min, feature.max, {}});
        const auto epoch = world.call<msg::BrokerRegistrationResponse>(registration).broker_epoch;
        beat(id, epoch, !serves);
        epochs[id] = epoch;
    }
    void beat(std::int32_t id, std::int64_t epoch, bool fence) {
        msg::BrokerHeartbeatRequest heartbeat;
        heartbeat.broker_id = id;
        heartbeat.broker_epoch = epoch;
        heartbeat.current_metadata_offset = world.log.end_offset().value();
        heartbeat.want_fence = fence;
        world.call<msg::BrokerHeartbeatResponse>(heartbeat);
    }
    void create(std::string_view name, const std::vector<List<std::int32_t>>& replicas) {
        msg::CreateTopicsRequest request;
        auto& topic = request.topics.emplace_back();
        topic.name = name;
        topic.num_partitions = -1;
        topic.replication_factor = -1;
        for (std::size_t i = 0; i < replicas.size(); ++i)
            topic.assignments.push_back({static_cast<std::int32_t>(i), replicas[i], {}});
        EXPECT_EQ(world.call<msg::CreateTopicsResponse>(request).topics.at(0).error_code, ErrorCode::none);
    }

    World world;
    std::map<std::int32_t, std::int64_t> epochs;
};

// ---------------------------------------------------------------- elections

class Elections : public Administration {
protected:
    // "topic-partition:code" of each result.
    std::string elect(std::int8_t type,
                      std::optional<std::vector<std::pair<std::string_view, int>>> partitions) {
        msg::ElectLeadersRequest request;
        request.election_type = type;
        request.topic_partitions = std::nullopt;
        if (partitions) {
            request.topic_partitions.emplace();
            for (const auto& [topic, index] : *partitions) {
                auto& row = request.topic_partitions->emplace_back();
                row.topic = topic;
                row.partitions = {index};
            }
        }
        const auto response = world.call<msg::ElectLeadersResponse>(request);
        auto text = code(response.error_code);
        for (const auto& topic : response.replica_election_results) {
            for (const auto& result : topic.partition_result)
                text += fmt::format(" {}-{}:{}", topic.topic, result.partition_id, code(result.error_code));
        }
        return text;
    }
};

TEST_F(Elections, NothingToDoOnOneBroker) {
    EXPECT_EQ(elect(0, {{{"r", 0}, {"r", 9}, {"nope", 0}}}), "0 r-0:84 r-9:3 nope-0:3");
    EXPECT_EQ(elect(1, {{{"r", 0}}}), "0 r-0:84");
    EXPECT_EQ(elect(0, std::nullopt), "0");
    EXPECT_EQ(elect(1, std::nullopt), "0");
    EXPECT_EQ(elect(5, std::nullopt), "42");
    EXPECT_EQ(elect(5, {{{"r", 0}, {"nope", 9}}}), "42 r-0:42 nope-9:42");
    EXPECT_EQ(elect(5, std::vector<std::pair<std::string_view, int>>{}), "0");
    EXPECT_TRUE(world.new_records().empty());
}

TEST_F(Elections, ThePreferredLeaderComesBack) {
    join(2, true);
    create("p", {{2, 1}});
    beat(2, epochs[2], true);
    const auto* topic = world.controller.state().topic("p");
    EXPECT_EQ(topic->partitions.begin()->value.leader, BrokerId{1});
    EXPECT_EQ(elect(0, {{{"p", 0}}}), "0 p-0:80");  // it is not in the ISR
    EXPECT_EQ(elect(0, std::nullopt), "0 p-0:80");
    EXPECT_EQ(elect(1, {{{"p", 0}}}), "0 p-0:84");  // somebody leads
}

// ---------------------------------------------------------------- reassignments

class Reassignments : public Administration {
protected:
    std::string reassign(std::string_view topic, std::int32_t index,
                         std::optional<List<std::int32_t>> replicas, bool may_change_factor = true) {
        msg::AlterPartitionReassignmentsRequest request;
        request.allow_replication_factor_change = may_change_factor;
        auto& row = request.topics.emplace_back();
        row.name = topic;
        auto& partition = row.partitions.emplace_back();
        partition.partition_index = index;
        partition.replicas = std::move(replicas);
        const auto response = world.call<msg::AlterPartitionReassignmentsResponse>(request);
        EXPECT_EQ(response.allow_replication_factor_change, may_change_factor);
        return code(response.responses.at(0).partitions.at(0).error_code);
    }
};

TEST_F(Reassignments, OnOneBroker) {
    using Replicas = List<std::int32_t>;
    EXPECT_EQ(reassign("r", 0, Replicas{1}), "0");
    EXPECT_EQ(reassign("r", 0, std::nullopt), "85");
    EXPECT_EQ(reassign("r", 0, Replicas{}), "39");
    EXPECT_EQ(reassign("r", 0, Replicas{2}), "39");
    EXPECT_EQ(reassign("r", 0, Replicas{1, 1}), "39");
    EXPECT_EQ(reassign("r", 0, Replicas{-1}), "39");
    EXPECT_EQ(reassign("r", 9, Replicas{1}), "3");
    EXPECT_EQ(reassign("nope", 0, std::nullopt), "3");
    EXPECT_EQ(reassign("r", 0, Replicas{1, 2}, false), "39");
    EXPECT_TRUE(world.new_records().empty());
    const auto listed =
        world.call<msg::ListPartitionReassignmentsResponse>(msg::ListPartitionReassignmentsRequest{});
    EXPECT_TRUE(listed.topics.empty());
}

TEST_F(Reassignments, WordsAsThePeerHasThem) {
    msg::AlterPartitionReassignmentsRequest request;
    request.allow_replication_factor_change = false;
    const auto empty = world.call<msg::AlterPartitionReassignmentsResponse>(request);
    EXPECT_TRUE(empty.allow_replication_factor_change);  // a response that nobody filled
    EXPECT_EQ(empty.error_message, "");
    auto& topic = request.topics.emplace_back();
    topic.name = "r";
    topic.partitions.emplace_back().replicas = std::nullopt;
    const auto nothing_to_cancel = world.call<msg::AlterPartitionReassignmentsResponse>(request);
    EXPECT_FALSE(nothing_to_cancel.error_message);
    EXPECT_FALSE(nothing_to_cancel.responses.at(0).partitions.at(0).error_message);
}

TEST_F(Reassignments, AReplicaThatGoesTakesItsEpochAlong) {
    using Replicas = List<std::int32_t>;
    join(2, true);
    create("p", {{1, 2}});
    world.new_records();
    EXPECT_EQ(reassign("p", 0, Replicas{1}, false), "38");
    EXPECT_EQ(reassign("p", 0, Replicas{1}), "0");
    EXPECT_EQ(world.new_records().size(), 1U);
    const auto& partition = world.controller.state().topic("p")->partitions.begin()->value;
    EXPECT_EQ(partition.replicas, std::vector{BrokerId{1}});
    EXPECT_EQ(partition.isr, std::vector{BrokerId{1}});
    EXPECT_EQ(partition.directories.size(), 1U);
    EXPECT_EQ(partition.leader, BrokerId{1});
    EXPECT_EQ(partition.leader_epoch, LeaderEpoch{1});
}

// ---------------------------------------------------------------- the quorum

TEST_F(Administration, DescribesTheQuorum) {
    msg::DescribeQuorumRequest request;
    auto& topic = request.topics.emplace_back();
    topic.topic_name = "__cluster_metadata";
    topic.partitions.emplace_back().partition_index = 0;
    for (std::int16_t version = 0; version <= 2; ++version) {
        const auto response = world.call<msg::DescribeQuorumResponse>(request, version);
        const auto& partition = response.topics.at(0).partitions.at(0);
        EXPECT_EQ(partition.error_code, ErrorCode::none);
        EXPECT_EQ(partition.leader_id, 1);
        EXPECT_EQ(partition.high_watermark, world.log.end_offset().value());
        ASSERT_EQ(partition.current_voters.size(), 1U);
        EXPECT_EQ(partition.current_voters[0].log_end_offset, world.log.end_offset().value());
        EXPECT_EQ(partition.current_voters[0].last_caught_up_timestamp, version >= 1 ? 5'000 : -1);
        if (version < 2) continue;
        EXPECT_EQ(partition.current_voters[0].replica_directory_id, (Uuid{1, 10}));
        EXPECT_EQ(response.nodes.at(0).listeners.at(0).port, 22'001);
    }
    request.topics[0].partitions.emplace_back().partition_index = 1;
    const auto refused = world.call<msg::DescribeQuorumResponse>(request);
    ASSERT_EQ(refused.topics.at(0).partitions.size(), 2U);
    EXPECT_EQ(refused.topics[0].partitions[0].error_code, ErrorCode::unknown_topic_or_partition);
    EXPECT_TRUE(refused.nodes.empty());
}

TEST_F(Administration, ForgetsBrokersThatDoNotServe) {
    join(2, false);
    world.new_records();
    msg::UnregisterBrokerRequest request;
    request.broker_id = 9;
    EXPECT_EQ(world.call<msg::UnregisterBrokerResponse>(request).error_code,
              ErrorCode::broker_id_not_registered);
    request.broker_id = 1;
    EXPECT_EQ(world.call<msg::UnregisterBrokerResponse>(request).error_code, ErrorCode::invalid_request);
    EXPECT_TRUE(world.new_records().empty());
    request.broker_id = 2;
    EXPECT_EQ(world.call<msg::UnregisterBrokerResponse>(request).error_code, ErrorCode::none);
    EXPECT_EQ(world.new_records().size(), 1U);
    EXPECT_EQ(world.controller.state().broker(BrokerId{2}), nullptr);
}

// ---------------------------------------------------------------- features

class Features : public Administration {
protected:
    struct Wish {
        std::string_view feature;
        std::int16_t level;
        std::int8_t kind;
    };
    std::string update(const std::vector<Wish>& wishes, bool validate_only = false) {
        msg::UpdateFeaturesRequest request;
        request.validate_only = validate_only;
        for (const auto& wish : wishes) {
            auto& row = request.feature_updates.emplace_back();
            row.feature = wish.feature;
            row.max_version_level = wish.level;
            row.upgrade_type = wish.kind;
        }
        const auto response = world.call<msg::UpdateFeaturesResponse>(request);
        return fmt::format("{} {}", code(response.error_code), world.new_records().size());
    }
};

TEST_F(Features, LevelsAsThePeerAllowsThem) {
    constexpr std::int8_t k_up = 1;
    constexpr std::int8_t k_safe = 2;
    constexpr std::int8_t k_unsafe = 3;
    EXPECT_EQ(update({}), "0 0");
    EXPECT_EQ(update({{"metadata.version", 30, k_up}}), "0 1");
    EXPECT_EQ(update({{"metadata.version", 31, k_up}}), "95 0");
    EXPECT_EQ(update({{"metadata.version", 29, k_safe}}), "95 0");
    EXPECT_EQ(update({{"metadata.version", 29, k_unsafe}}), "95 0");
    EXPECT_EQ(update({{"metadata.version", 29, k_up}}), "95 0");
    EXPECT_EQ(update({{"metadata.version", 6, k_unsafe}}), "95 0");
    EXPECT_EQ(update({{"nofeature", 1, k_up}}), "95 0");
    EXPECT_EQ(update({{"nofeature", 0, k_safe}}), "95 0");
    EXPECT_EQ(update({{"group.version", 0, k_safe}}, true), "0 0");
    EXPECT_EQ(update({{"group.version", 0, k_up}}), "95 0");
    EXPECT_EQ(update({{"group.version", 2, k_up}}), "95 0");
    EXPECT_EQ(update({{"group.version", -1, k_up}}), "95 0");
    EXPECT_EQ(update({{"share.version", 0, k_safe}}), "0 1");
    EXPECT_EQ(world.controller.state().feature_level("share.version"), 0);
    EXPECT_EQ(update({{"share.version", 1, 7}}), "95 0");
    EXPECT_EQ(update({{"share.version", 1, 0}}), "95 0");
    EXPECT_EQ(update({{"share.version", 1, k_up}, {"nofeature", 1, k_up}}), "95 0");
    EXPECT_EQ(update({{"share.version", 1, k_up}, {"transaction.version", 1, k_safe}}), "0 2");
    EXPECT_EQ(update({{"kraft.version", 0, k_safe}}), "95 0");
    EXPECT_EQ(update({{"kraft.version", 1, k_up}}), "0 0");
    EXPECT_EQ(update({{"kraft.version", 2, k_up}}), "95 0");
    EXPECT_EQ(update({{"eligible.leader.replicas.version", 0, k_safe}}), "0 1");
    EXPECT_EQ(update({{"eligible.leader.replicas.version", 1, k_up}}),
              "0 1");  // the minimum is written already
}

TEST_F(Features, TheFirstVersionOnlyUpgrades) {
    msg::UpdateFeaturesRequest request;
    auto& update = request.feature_updates.emplace_back();
    update.feature = "share.version";
    update.max_version_level = 0;
    update.allow_downgrade = true;  // Kafka does not look at it
    EXPECT_EQ(world.call<msg::UpdateFeaturesResponse>(request, 0).error_code,
              ErrorCode::invalid_update_version);
    update.max_version_level = 1;
    const auto response = world.call<msg::UpdateFeaturesResponse>(request, 0);
    EXPECT_EQ(response.error_code, ErrorCode::none);
    EXPECT_EQ(response.results.size(), 1U);
}

// ---------------------------------------------------------------- quotas

class Quotas : public Administration {
protected:
    using Entity = std::vector<std::pair<std::string_view, std::optional<std::string_view>>>;
    struct Op {
        std::string_view key;
        double value = 0;
        bool remove = false;
    };
    // The code and the number of records.
    std::string alter(const Entity& entity, const std::vector<Op>& ops, bool validate_only = false) {
        msg::AlterClientQuotasRequest request;
        request.validate_only = validate_only;
        add(request, entity, ops);
        const auto response = world.call<msg::AlterClientQuotasResponse>(request);
        return fmt::format("{} {}", code(response.entries.at(0).error_code), world.new_records().size());
    }
    static void add(msg::AlterClientQuotasRequest& request, const Entity& entity,
                    const std::vector<Op>& ops) {
        auto& entry = request.entries.emplace_back();
        for (const auto& [type, name] : entity) entry.entity.push_back({type, name, {}});
        for (const auto& op : ops) entry.ops.push_back({op.key, op.value, op.remove, {}});
    }
};

TEST_F(Quotas, WriteWhatChanges) {
    EXPECT_EQ(alter({{"user", "bob"}}, {{"producer_byte_rate", 1000}}), "0 1");
    EXPECT_EQ(alter({{"user", "bob"}}, {{"producer_byte_rate", 1000}}), "0 0");
    EXPECT_EQ(alter({{"user", "val"}}, {{"producer_byte_rate", 7}}, true), "0 0");
    EXPECT_EQ(alter({{"user", "bob"}, {"client-id", std::nullopt}},
                    {{"consumer_byte_rate", 5000}, {"request_percentage", 12.5}}),
              "0 2");
    EXPECT_EQ(alter({{"ip", "127.0.0.1"}}, {{"connection_creation_rate", 10}}), "0 1");
    EXPECT_EQ(alter({{"ip", std::nullopt}}, {{"connection_creation_rate", 10}}), "0 1");
    EXPECT_EQ(alter({{"user", "bob"}}, {{"controller_mutation_rate", 1.5}}), "0 1");
    EXPECT_EQ(alter({{"user", "bob"}}, {{"nokey", 7, true}}), "0 0");
    EXPECT_EQ(alter({{"user", "zed"}}, {{"producer_byte_rate", 7, true}}), "0 0");
    EXPECT_EQ(alter({{"user", "bob"}}, {}), "0 0");
    EXPECT_EQ(alter({{"user", "a"}, {"user", "b"}}, {{"producer_byte_rate", 7}}), "0 1");
    EXPECT_EQ(alter({{"user", "bob"}}, {{"producer_byte_rate", 1, true}}), "0 1");
}

TEST_F(Quotas, RefuseWhatCannotBe) {
    EXPECT_EQ(alter({{"user", "bob"}}, {{"x", 20}}), "42 0");
    EXPECT_EQ(alter({{"ip", "not an ip!"}}, {{"connection_creation_rate", 10}}), "42 0");
    EXPECT_EQ(alter({{"ip", "127.0.0.1"}, {"user", "bob"}}, {{"connection_creation_rate", 10}}), "42 0");
    EXPECT_EQ(alter({{"ip", "127.0.0.1"}}, {{"producer_byte_rate", 10}}), "42 0");
    EXPECT_EQ(alter({{"user", "bob"}}, {{"connection_creation_rate", 10}}), "42 0");
    EXPECT_EQ(alter({{"user", "bob"}}, {{"producer_byte_rate", 0}}), "42 0");
    EXPECT_EQ(alter({{"user", "bob"}}, {{"producer_byte_rate", -5}}), "42 0");
    EXPECT_EQ(alter({{"user", "bob"}}, {{"producer_byte_rate", 1.5}}), "42 0");
    EXPECT_EQ(alter({{"user", "ann"}}, {{"producer_byte_rate", 1e-7}}), "0 1");
    EXPECT_EQ(alter({{"user", "ann"}}, {{"producer_byte_rate", 1.9999999}}), "0 1");
    EXPECT_EQ(alter({{"user", "bob"}}, {{"producer_byte_rate", 1e300}}), "42 0");
    EXPECT_EQ(alter({{"user", "bob"}}, {{"producer_byte_rate", std::nan("")}}), "42 0");  // Kafka takes it
    EXPECT_EQ(alter({{"user", "bob"}}, {{"producer_byte_rate", 1}, {"producer_byte_rate", 2}}), "42 0");
    EXPECT_EQ(alter({{"user", ""}}, {{"producer_byte_rate", 7}}), "42 0");
    EXPECT_EQ(alter({}, {{"producer_byte_rate", 7}}), "42 0");
    EXPECT_EQ(alter({{"weird", "x"}}, {{"producer_byte_rate", 7}}), "42 0");
    msg::AlterClientQuotasRequest twice;
    add(twice, {{"user", "bob"}}, {{"producer_byte_rate", 7}});
    add(twice, {{"user", "bob"}}, {{"consumer_byte_rate", 2}});
    const auto response = world.call<msg::AlterClientQuotasResponse>(twice);
    ASSERT_EQ(response.entries.size(), 1U);
    EXPECT_EQ(response.entries[0].error_code, ErrorCode::invalid_request);
    EXPECT_TRUE(world.new_records().empty());  // Kafka applies the first of them all the same
}

// ---------------------------------------------------------------- SCRAM

class Scram : public Administration {
protected:
    struct Set {
        std::string_view user;
        std::int8_t mechanism = 1;
        std::int32_t iterations = 4096;
        std::string_view password = "pppp";
    };
    struct Remove {
        std::string_view user;
        std::int8_t mechanism = 1;
    };
    // "user:code" of each result, and the number of records.
    std::string alter(const std::vector<Remove>& removals, const std::vector<Set>& sets) {
        msg::AlterUserScramCredentialsRequest request;
        for (const auto& each : removals) request.deletions.push_back({each.user, each.mechanism, {}});
        for (const auto& each : sets) {
            request.upsertions.push_back(
                {each.user, each.mechanism, each.iterations, as_bytes("salt"), as_bytes(each.password), {}});
        }
        const auto response = world.call<msg::AlterUserScramCredentialsResponse>(request);
        std::string text;
        for (const auto& row : response.results)
            text += fmt::format("{}:{} ", row.user, code(row.error_code));
        return text + std::to_string(world.new_records().size());
    }
};

TEST_F(Scram, CredentialsAsThePeerTakesThem) {
    EXPECT_EQ(alter({}, {{"bob", 1, 4096}, {"eve", 2, 8192}}), "bob:0 eve:0 2");
    EXPECT_EQ(alter({}, {{"bob", 1, 4095}}), "bob:93 0");
    EXPECT_EQ(alter({}, {{"bob", 1, 16385}}), "bob:93 0");
    EXPECT_EQ(alter({}, {{"", 1}}), ":93 0");
    EXPECT_EQ(alter({}, {{"bob", 3}}), "bob:33 0");
    EXPECT_EQ(alter({}, {{"bob", 0}}), "bob:33 0");
    EXPECT_EQ(alter({}, {{"bob", 1}, {"bob", 2}}), "bob:92 0");
    EXPECT_EQ(alter({{"bob", 1}}, {{"bob", 2}}), "bob:92 0");
    EXPECT_EQ(alter({{"nob", 1}}, {}), "nob:91 0");
    EXPECT_EQ(alter({{"bob", 9}}, {}), "bob:33 0");
    EXPECT_EQ(alter({{"", 1}}, {}), ":93 0");
    EXPECT_EQ(alter({}, {{"carl", 1, 4096, ""}}), "carl:-1 0");
    EXPECT_EQ(alter({{"nob", 1}}, {{"dan", 1}}), "nob:91 dan:0 1");
    EXPECT_EQ(alter({{"bob", 1}}, {}), "bob:0 1");
    EXPECT_EQ(alter({{"bob", 1}}, {}), "bob:91 0");
    // Trouble with a user stays; only what would have been done can be altered twice.
    EXPECT_EQ(alter({{"nob", 1}}, {{"nob", 1}}), "nob:91 0");
    EXPECT_EQ(alter({{"nob", 1}, {"nob", 9}}, {}), "nob:91 0");
    EXPECT_EQ(alter({}, {{"bob", 9}, {"bob", 1}}), "bob:33 0");
    EXPECT_EQ(alter({}, {{"bob", 1}, {"bob", 9}}), "bob:92 0");
    EXPECT_EQ(alter({{"eve", 2}, {"eve", 2}}, {{"eve", 2}}), "eve:92 0");
    EXPECT_EQ(alter({}, {{"carl", 1, 4096, ""}, {"carl", 1}}), "carl:92 0");
    const auto* eve = world.controller.state().scram_credentials.find(metadata::ScramKey{2, "eve"});
    ASSERT_NE(eve, nullptr);
    EXPECT_EQ(eve->iterations, 8192);
    EXPECT_EQ(eve->stored_key.back(), std::byte{2});  // derived by its mechanism
}

}  // namespace
}  // namespace gregor::controller
