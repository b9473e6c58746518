#include "metadata/image_records.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "gen/meta/access_control_entry.h"
#include "gen/meta/client_quota.h"
#include "gen/meta/config.h"
#include "gen/meta/delegation_token.h"
#include "gen/meta/feature_level.h"
#include "gen/meta/partition.h"
#include "gen/meta/producer_ids.h"
#include "gen/meta/register_broker.h"
#include "gen/meta/register_controller.h"
#include "gen/meta/topic.h"
#include "gen/meta/user_scram_credential.h"
#include "metadata/delta.h"
#include "metadata/features.h"
#include "metadata/record_codec.h"

namespace gregor::metadata {
namespace {

// A cluster that holds something of everything an image can hold, as its records tell it.
class Everything {
public:
    explicit Everything(std::int16_t metadata_version) : version_(metadata_version) {
        features();
        nodes();
        topics();
        configs();
        quotas();
        security();
    }
    const ClusterState& state() const { return delta_.state(); }

private:
    template <class Record>
    void play(const Record& record, std::int16_t version = 0) {
        const auto played = delta_.replay(encode_record(record, version).bytes());
        ASSERT_TRUE(played.has_value()) << played.error().detail;
    }

    void features() {
        msg::FeatureLevelRecord record;
        record.name = "metadata.version";
        record.feature_level = version_;
        play(record);
        record.name = "group.version";
        record.feature_level = 1;
        play(record);
    }

    void nodes() {
        msg::RegisterBrokerRecord broker;
        broker.broker_id = 1;
        broker.broker_epoch = 12;
        broker.incarnation_id = Uuid{3, 4};
        broker.rack = "shelf";
        broker.fenced = false;
        broker.in_controlled_shutdown = true;
        auto& endpoint = broker.end_points.emplace_back();
        endpoint.name = "PLAINTEXT";
        endpoint.host = "here";
        endpoint.port = 9092;
        auto& feature = broker.features.emplace_back();
        feature.name = "metadata.version";
        feature.min_supported_version = 7;
        feature.max_supported_version = 30;
        if (version_ >= 17) broker.log_dirs = {Uuid{7, 7}, Uuid{7, 8}};
        if (version_ >= 30) broker.cordoned_log_dirs = std::vector<Uuid>{Uuid{7, 8}};
        play(broker, register_broker_version(version_));
        broker.broker_id = 2;
        broker.rack = std::nullopt;
        broker.cordoned_log_dirs = std::nullopt;
        play(broker, register_broker_version(version_));
        if (!has_controller_registration(version_)) return;
        msg::RegisterControllerRecord controller;
        controller.controller_id = 1;
        controller.incarnation_id = Uuid{3, 5};
        controller.zk_migration_ready = true;
        auto& own = controller.end_points.emplace_back();
        own.name = "CONTROLLER";
        own.host = "here";
        own.port = 9093;
        play(controller);
    }

    void topics() {
        for (const auto* name : {"alpha", "beta"}) {
            msg::TopicRecord topic;
            topic.name = name;
            topic.topic_id = Uuid{1, static_cast<std::uint64_t>(name[0])};
            play(topic);
            for (std::int32_t i = 0; i < 3; ++i) partition(topic.topic_id, i);
        }
    }

    void partition(Uuid topic_id, std::int32_t index) {
        const auto version = partition_version(version_);
        msg::PartitionRecord record;
        record.partition_id = index;
        record.topic_id = topic_id;
        record.replicas = {1, 2, 3};
        record.isr = {1};
        record.removing_replicas = {3};
        record.adding_replicas = {2};
        record.leader = index == 2 ? -1 : 1;
        record.leader_recovery_state = static_cast<std::int8_t>(index % 2);
        record.leader_epoch = 5 + index;
        record.partition_epoch = 9 + index;
        if (version >= 1) record.directories = {Uuid{7, 7}, k_unassigned_directory, k_lost_directory};
        if (version >= 2 && index == 2) {
            record.eligible_leader_replicas = List<std::int32_t>{2};
            record.last_known_elr = List<std::int32_t>{1};
        }
        play(record, version);
    }

    void configs() {
        msg::ConfigRecord record;
        for (const auto type : {2, 4, 16, 32}) {
            record.resource_type = static_cast<std::int8_t>(type);
            record.resource_name = type == 4 ? "" : "alpha";
            record.name = "some.key.of.a.later.version";
            record.value = "";
            play(record);
            record.name = "retention.ms";
            record.value = "5";
            play(record);
        }
    }

    void quotas() {
        msg::ClientQuotaRecord record;
        auto& user = record.entity.emplace_back();
        user.entity_type = "user";
        user.entity_name = std::nullopt;
        auto& client = record.entity.emplace_back();
        client.entity_type = "client-id";
        client.entity_name = "c";
        record.key = "producer_byte_rate";
        record.value = 1.5;
        play(record);
        record.key = "consumer_byte_rate";
        play(record);
        msg::ProducerIdsRecord ids;
        ids.broker_id = 1;
        ids.next_producer_id = 3'000;
        play(ids);
    }

    void security() {
        const std::string bytes = "\x01\x02\x03";
        msg::UserScramCredentialRecord scram;
        scram.name = "alice";
        scram.mechanism = 2;
        scram.salt = as_bytes(bytes);
        scram.stored_key = as_bytes(bytes);
        scram.server_key = as_bytes(bytes);
        scram.iterations = 4'096;
        play(scram);
        msg::AccessControlEntryRecord acl;
        acl.id = Uuid{8, 8};
        acl.resource_type = 2;
        acl.resource_name = "alpha";
        acl.pattern_type = 4;
        acl.principal = "User:bob";
        acl.host = "*";
        acl.operation = 3;
        acl.permission_type = 2;
        play(acl);
        msg::DelegationTokenRecord token;
        token.owner = "User:bob";
        token.requester = "User:eve";
        token.renewers = {"User:alice", "User:zoe"};
        token.issue_timestamp = 1;
        token.max_timestamp = 2;
        token.expiration_timestamp = 3;
        token.token_id = "t";
        play(token);
    }

    const std::int16_t version_;
    Delta delta_{ClusterState{}};
};

std::vector<Slice> records_of(const ClusterState& state) {
    std::vector<Slice> records;
    write_image(state, [&records](const Slice& record) { records.push_back(record); });
    return records;
}

TEST(ImageRecords, MakeTheSameImageAgainAtEveryLevel) {
    for (const auto version : std::to_array<std::int16_t>({7, 8, 13, 15, 17, 22, 23, 29, 30})) {
        const Everything cluster(version);
        Delta again{ClusterState{}};
        for (const auto& record : records_of(cluster.state())) {
            const auto played = again.replay(record.bytes());
            ASSERT_TRUE(played.has_value()) << version << ": " << played.error().detail;
        }
        EXPECT_TRUE(again.state() == cluster.state()) << version;
    }
}

TEST(ImageRecords, OfNothingAreNone) { EXPECT_TRUE(records_of(ClusterState{}).empty()); }

// The order of the records of a snapshot that Kafka 4.3.1 took.
TEST(ImageRecords, StandInKafkasOrder) {
    std::vector<std::int16_t> types;
    for (const auto& record : records_of(Everything(30).state())) {
        const auto type = open_record(record.bytes())->key;
        if (types.empty() || types.back() != type) types.push_back(type);
    }
    // features, brokers, controllers, two topics with partitions, configs, quotas, producer ids, ACLs, SCRAM,
    // tokens
    EXPECT_EQ(types, (std::vector<std::int16_t>{12, 0, 27, 2, 3, 2, 3, 4, 14, 15, 18, 11, 10}));
    const auto records = records_of(Everything(30).state());
    const auto first = decode_record<msg::FeatureLevelRecord>(records.front().bytes());
    ASSERT_TRUE(first.has_value());
    EXPECT_EQ(first->name, "metadata.version");
}

// Kafka leaves out what most partitions do not have, "to save space": 75 bytes with both, as it wrote them.
TEST(ImageRecords, AnEmptyElrIsNotWritten) {
    Partition partition;
    partition.replicas = {BrokerId{1}};
    partition.directories = {Uuid{7, 7}};
    partition.elr = partition.last_known_elr = {BrokerId{1}};
    EXPECT_EQ(partition_record(Uuid{1, 1}, PartitionIndex{0}, partition, 30).size(), 75U);
    partition.elr.clear();
    const auto record = decode_record<msg::PartitionRecord>(
        partition_record(Uuid{1, 1}, PartitionIndex{0}, partition, 30).bytes());
    EXPECT_FALSE(record->eligible_leader_replicas.has_value());
    EXPECT_TRUE(record->last_known_elr.has_value());
}

}  // namespace
}  // namespace gregor::metadata
