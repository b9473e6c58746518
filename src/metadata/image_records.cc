#include "metadata/image_records.h"

#include "base/fault.h"
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
#include "metadata/features.h"
#include "metadata/record_codec.h"

namespace gregor::metadata {
namespace {

List<std::int32_t> to_numbers(const std::vector<BrokerId>& ids) {
    List<std::int32_t> numbers;
    for (const auto id : ids) numbers.push_back(id.value());
    return numbers;
}

template <class Record>
void add_node(Record& record, const std::vector<Endpoint>& endpoints,
              const std::vector<SupportedFeature>& features) {
    for (const auto& endpoint : endpoints) {
        auto& out = record.end_points.emplace_back();
        out.name = endpoint.name;
        out.host = endpoint.host;
        out.port = endpoint.port;
        out.security_protocol = endpoint.security_protocol;
    }
    for (const auto& feature : features) {
        auto& out = record.features.emplace_back();
        out.name = feature.name;
        out.min_supported_version = feature.min_version;
        out.max_supported_version = feature.max_version;
    }
}

// One function a part of the image.
class ImageWriter {
public:
    ImageWriter(const ClusterState& state, const RecordSink& sink) : state_(state), sink_(sink) {}

    // metadata.version stands first: it says how to read the rest.
    void features() {
        if (state_.metadata_version != 0) feature(k_metadata_version, state_.metadata_version);
        for (const auto& [name, level] : state_.features) feature(name, level);
    }

    void brokers() {
        const auto version = register_broker_version(state_.metadata_version);
        for (const auto& [id, broker] : state_.brokers) {
            msg::RegisterBrokerRecord record;
            record.broker_id = id.value();
            record.broker_epoch = broker.epoch;
            record.incarnation_id = broker.incarnation_id;
            add_node(record, broker.endpoints, broker.features);
            record.rack = broker.rack ? std::optional<std::string_view>(*broker.rack) : std::nullopt;
            record.fenced = broker.fenced;
            record.in_controlled_shutdown = broker.in_controlled_shutdown;
            if (version >= 2) record.is_migrating_zk_broker = broker.is_migrating_zk_broker;
            if (version >= 3) record.log_dirs = broker.log_dirs;
            if (version >= 4) record.cordoned_log_dirs = broker.cordoned_log_dirs;
            put(record, version);
        }
    }

    void controllers() {
        if (!has_controller_registration(state_.metadata_version)) return;
        for (const auto& [id, controller] : state_.controllers) {
            msg::RegisterControllerRecord record;
            record.controller_id = id.value();
            record.incarnation_id = controller.incarnation_id;
            record.zk_migration_ready = controller.zk_migration_ready;
            add_node(record, controller.endpoints, controller.features);
            put(record);
        }
    }

    void topics() {
        for (const auto& [id, topic] : state_.topics_by_id) {
            msg::TopicRecord record;
            record.name = topic->name;
            record.topic_id = id;
            put(record);
            for (const auto& [index, partition] : topic->partitions)
                sink_(partition_record(id, index, partition, state_.metadata_version));
        }
    }

    void configs() {
        for (const auto& [resource, configs] : state_.configs) {
            const bool is_of_group = resource.type == ConfigResourceType::group;
            if (is_of_group && PLANTED_BUG("snapshot_without_group_configs")) continue;
            for (const auto& [name, value] : configs) {
                msg::ConfigRecord record;
                record.resource_type = static_cast<std::int8_t>(resource.type);
                record.resource_name = resource.name;
                record.name = name;
                record.value = value;
                put(record);
            }
        }
    }

    void client_quotas() {
        for (const auto& [entity, quotas] : state_.client_quotas) {
            for (const auto& [key, value] : quotas) {
                msg::ClientQuotaRecord record;
                for (const auto& part : entity) {
                    auto& out = record.entity.emplace_back();
                    out.entity_type = part.type;
                    out.entity_name = part.name ? std::optional<std::string_view>(*part.name) : std::nullopt;
                }
                record.key = key;
                record.value = value;
                put(record);
            }
        }
    }

    // Whose block it was does not matter any more.
    void producer_ids() {
        if (state_.next_producer_id <= 0 || PLANTED_BUG("snapshot_without_producer_ids")) return;
        msg::ProducerIdsRecord record;
        record.broker_id = -1;
        record.broker_epoch = -1;
        record.next_producer_id = state_.next_producer_id;
        put(record);
    }

    void acls() {
        for (const auto& [id, entry] : state_.acls) {
            msg::AccessControlEntryRecord record;
            record.id = id;
            record.resource_type = entry.resource_type;
            record.resource_name = entry.resource_name;
            record.pattern_type = entry.pattern_type;
            record.principal = entry.principal;
            record.host = entry.host;
            record.operation = entry.operation;
            record.permission_type = entry.permission_type;
            put(record);
        }
    }

    void scram_credentials() {
        for (const auto& [key, credential] : state_.scram_credentials) {
            msg::UserScramCredentialRecord record;
            record.name = key.user;
            record.mechanism = key.mechanism;
            record.salt = credential.salt;
            record.stored_key = credential.stored_key;
            record.server_key = credential.server_key;
            record.iterations = credential.iterations;
            put(record);
        }
    }

    void delegation_tokens() {
        for (const auto& [id, token] : state_.delegation_tokens) {
            msg::DelegationTokenRecord record;
            record.owner = token.owner;
            record.requester = token.requester;
            for (const auto& renewer : token.renewers) record.renewers.push_back(renewer);
            record.issue_timestamp = token.issue_timestamp;
            record.max_timestamp = token.max_timestamp;
            record.expiration_timestamp = token.expiration_timestamp;
            record.token_id = id;
            put(record);
        }
    }

private:
    template <class Record>
    void put(const Record& record, std::int16_t version = 0) {
        sink_(encode_record(record, version));
    }
    void feature(std::string_view name, std::int16_t level) {
        msg::FeatureLevelRecord record;
        record.name = name;
        record.feature_level = level;
        put(record);
    }

    const ClusterState& state_;
    const RecordSink& sink_;
};

}  // namespace

Slice partition_record(Uuid topic_id, PartitionIndex index, const Partition& partition,
                       std::int16_t metadata_version) {
    const auto version = partition_version(metadata_version);
    msg::PartitionRecord record;
    record.partition_id = index.value();
    record.topic_id = topic_id;
    record.replicas = to_numbers(partition.replicas);
    record.isr = to_numbers(partition.isr);
    record.removing_replicas = to_numbers(partition.removing_replicas);
    record.adding_replicas = to_numbers(partition.adding_replicas);
    record.leader = partition.leader.value();
    record.leader_recovery_state = static_cast<std::int8_t>(partition.leader_recovery_state);
    record.leader_epoch = partition.leader_epoch.value();
    record.partition_epoch = partition.partition_epoch;
    if (version >= 1) record.directories = partition.directories;
    // Written only where there is one: most partitions have none.
    if (version >= 2 && !partition.elr.empty()) record.eligible_leader_replicas = to_numbers(partition.elr);
    if (version >= 2 && !partition.last_known_elr.empty())
        record.last_known_elr = to_numbers(partition.last_known_elr);
    return encode_record(record, version);
}

void write_image(const ClusterState& state, const RecordSink& sink) {
    ImageWriter writer(state, sink);
    writer.features();
    writer.brokers();
    writer.controllers();
    writer.topics();
    writer.configs();
    writer.client_quotas();
    writer.producer_ids();
    writer.acls();
    writer.scram_credentials();
    writer.delegation_tokens();
}

}  // namespace gregor::metadata
