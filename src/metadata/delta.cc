#include "metadata/delta.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/fault.h"
#include "base/format.h"
#include "gen/meta/abort_transaction.h"
#include "gen/meta/access_control_entry.h"
#include "gen/meta/begin_transaction.h"
#include "gen/meta/broker_registration_change.h"
#include "gen/meta/clear_elr.h"
#include "gen/meta/client_quota.h"
#include "gen/meta/config.h"
#include "gen/meta/delegation_token.h"
#include "gen/meta/end_transaction.h"
#include "gen/meta/feature_level.h"
#include "gen/meta/fence_broker.h"
#include "gen/meta/no_op.h"
#include "gen/meta/partition.h"
#include "gen/meta/partition_change.h"
#include "gen/meta/producer_ids.h"
#include "gen/meta/register_broker.h"
#include "gen/meta/register_controller.h"
#include "gen/meta/remove_access_control_entry.h"
#include "gen/meta/remove_delegation_token.h"
#include "gen/meta/remove_topic.h"
#include "gen/meta/remove_user_scram_credential.h"
#include "gen/meta/topic.h"
#include "gen/meta/unfence_broker.h"
#include "gen/meta/unregister_broker.h"
#include "gen/meta/user_scram_credential.h"
#include "gen/meta/zk_migration_state.h"
#include "metadata/features.h"
#include "metadata/record_codec.h"

namespace gregor::metadata {
namespace {

std::unexpected<Error> unreplayable(std::string why) {
    return fail(ErrorCode::unknown_server_error, std::move(why));
}

std::vector<BrokerId> to_ids(const List<std::int32_t>& numbers) { return {numbers.begin(), numbers.end()}; }
std::vector<BrokerId> to_ids(const std::optional<List<std::int32_t>>& numbers) {
    return numbers ? to_ids(*numbers) : std::vector<BrokerId>{};
}
std::vector<std::byte> to_vector(Bytes bytes) { return {bytes.begin(), bytes.end()}; }

template <class List>
std::vector<Endpoint> to_endpoints(const List& list) {
    std::vector<Endpoint> endpoints;
    for (const auto& each : list)
        endpoints.push_back(
            {std::string(each.name), std::string(each.host), each.port, each.security_protocol});
    return endpoints;
}
template <class List>
std::vector<SupportedFeature> to_features(const List& list) {
    std::vector<SupportedFeature> features;
    for (const auto& each : list)
        features.push_back({std::string(each.name), each.min_supported_version, each.max_supported_version});
    return features;
}

}  // namespace

// One function a record type; the next state goes straight into the delta.
class RecordReplay {
public:
    explicit RecordReplay(Delta& delta) : state_(delta.state_), changes_(delta.changes_) {}

    Status apply(const msg::RegisterBrokerRecord& record);
    Status apply(const msg::UnregisterBrokerRecord& record);
    Status apply(const msg::FenceBrokerRecord& record);
    Status apply(const msg::UnfenceBrokerRecord& record);
    Status apply(const msg::BrokerRegistrationChangeRecord& record);
    Status apply(const msg::RegisterControllerRecord& record);
    Status apply(const msg::FeatureLevelRecord& record);
    Status apply(const msg::TopicRecord& record);
    Status apply(const msg::PartitionRecord& record);
    Status apply(const msg::PartitionChangeRecord& record);
    Status apply(const msg::RemoveTopicRecord& record);
    Status apply(const msg::ClearElrRecord& record);
    Status apply(const msg::ConfigRecord& record);
    Status apply(const msg::ClientQuotaRecord& record);
    Status apply(const msg::ProducerIdsRecord& record);
    Status apply(const msg::AccessControlEntryRecord& record);
    Status apply(const msg::RemoveAccessControlEntryRecord& record);
    Status apply(const msg::UserScramCredentialRecord& record);
    Status apply(const msg::RemoveUserScramCredentialRecord& record);
    Status apply(const msg::DelegationTokenRecord& record);
    Status apply(const msg::RemoveDelegationTokenRecord& record);
    // Bookkeeping of the log; whoever feeds us acts on the transaction marks (loader.h).
    Status apply(const msg::NoOpRecord&) { return {}; }
    Status apply(const msg::ZkMigrationStateRecord&) { return {}; }
    Status apply(const msg::BeginTransactionRecord&) { return {}; }
    Status apply(const msg::EndTransactionRecord&) { return {}; }
    Status apply(const msg::AbortTransactionRecord&) { return {}; }

private:
    Result<BrokerRegistration> registered(std::int32_t id, std::int64_t epoch) const;
    void set_broker(BrokerRegistration broker);
    void set_topic(Ref<const Topic> topic);
    void set_partition(const Topic& topic, PartitionIndex index, Partition partition);
    void clear_elr(const Topic& topic);

    ClusterState& state_;
    Changes& changes_;
};

// ---------------------------------------------------------------- nodes

Status RecordReplay::apply(const msg::RegisterBrokerRecord& record) {
    BrokerRegistration broker;
    broker.id = BrokerId{record.broker_id};
    broker.epoch = record.broker_epoch;
    broker.incarnation_id = record.incarnation_id;
    broker.endpoints = to_endpoints(record.end_points);
    broker.features = to_features(record.features);
    if (record.rack) broker.rack = std::string(*record.rack);
    broker.fenced = record.fenced;
    broker.in_controlled_shutdown = record.in_controlled_shutdown;
    broker.is_migrating_zk_broker = record.is_migrating_zk_broker;
    broker.log_dirs = record.log_dirs;
    std::ranges::sort(broker.log_dirs);
    broker.cordoned_log_dirs = record.cordoned_log_dirs;
    set_broker(std::move(broker));
    return {};
}

Status RecordReplay::apply(const msg::UnregisterBrokerRecord& record) {
    const BrokerId id{record.broker_id};
    if (!state_.brokers.erase(id)) return unreplayable(fmt::format("unregisters unknown broker {}", id));
    changes_.brokers.insert(id);
    return {};
}

Result<BrokerRegistration> RecordReplay::registered(std::int32_t id, std::int64_t epoch) const {
    const auto* broker = state_.brokers.find(BrokerId{id});
    if (broker == nullptr) return unreplayable(fmt::format("changes unknown broker {}", id));
    if (broker->epoch != epoch)
        return unreplayable(
            fmt::format("changes unknown epoch {} of broker {}, which has {}", epoch, id, broker->epoch));
    return *broker;
}

void RecordReplay::set_broker(BrokerRegistration broker) {
    changes_.brokers.insert(broker.id);
    const auto id = broker.id;
    state_.brokers.set(id, std::move(broker));
}

Status RecordReplay::apply(const msg::FenceBrokerRecord& record) {
    auto broker = TRY(registered(record.id, record.epoch));
    broker.fenced = true;
    set_broker(std::move(broker));
    return {};
}

Status RecordReplay::apply(const msg::UnfenceBrokerRecord& record) {
    auto broker = TRY(registered(record.id, record.epoch));
    broker.fenced = false;
    set_broker(std::move(broker));
    return {};
}

Status RecordReplay::apply(const msg::BrokerRegistrationChangeRecord& record) {
    auto broker = TRY(registered(record.broker_id, record.broker_epoch));
    if (record.fenced < -1 || record.fenced > 1 || record.in_controlled_shutdown < 0 ||
        record.in_controlled_shutdown > 1)
        return unreplayable(fmt::format("changes broker {} to an unknown state", record.broker_id));
    if (record.fenced != 0) broker.fenced = record.fenced == 1;
    if (record.in_controlled_shutdown == 1) broker.in_controlled_shutdown = true;
    if (!record.log_dirs.empty()) {
        broker.log_dirs = record.log_dirs;
        std::ranges::sort(broker.log_dirs);
    }
    if (record.cordoned_log_dirs) broker.cordoned_log_dirs = record.cordoned_log_dirs;
    set_broker(std::move(broker));
    return {};
}

Status RecordReplay::apply(const msg::RegisterControllerRecord& record) {
    ControllerRegistration controller;
    controller.id = BrokerId{record.controller_id};
    controller.incarnation_id = record.incarnation_id;
    controller.zk_migration_ready = record.zk_migration_ready;
    controller.endpoints = to_endpoints(record.end_points);
    controller.features = to_features(record.features);
    state_.controllers.set(controller.id, controller);
    return {};
}

Status RecordReplay::apply(const msg::FeatureLevelRecord& record) {
    changes_.features = true;
    if (record.name == k_kraft_version) return {};  // lives in control records; ignored here as Kafka does
    if (record.name != k_metadata_version) {
        if (record.feature_level == 0) {
            state_.features.erase(record.name);
        } else {
            state_.features.set(std::string(record.name), record.feature_level);
        }
        return {};
    }
    if (record.feature_level < k_metadata_version_min ||
        record.feature_level > k_metadata_version_readable_max) {
        return fail(
            ErrorCode::unsupported_version,
            fmt::format("metadata.version {} is outside {} to {}, which this program knows",
                        record.feature_level, k_metadata_version_min, k_metadata_version_readable_max));
    }
    state_.metadata_version = record.feature_level;
    return {};
}

// ---------------------------------------------------------------- topics

void RecordReplay::set_topic(Ref<const Topic> topic) {
    state_.topics_by_id.set(topic->id, topic);
    state_.topics_by_name.set(topic->name, topic);
}

void RecordReplay::set_partition(const Topic& topic, PartitionIndex index, Partition partition) {
    auto changed = make_ref<Topic>(topic);
    changed->partitions.set(index, std::move(partition));
    changes_.changed_partitions[topic.id].insert(index);
    set_topic(std::move(changed));
}

Status RecordReplay::apply(const msg::TopicRecord& record) {
    if (state_.topic(record.name) != nullptr || state_.topic(record.topic_id) != nullptr)
        return unreplayable(fmt::format("creates topic {} a second time", record.name));
    changes_.created_topics.insert(record.topic_id);
    set_topic(make_ref<const Topic>(std::string(record.name), record.topic_id));
    return {};
}

Status RecordReplay::apply(const msg::PartitionRecord& record) {
    const auto* topic = state_.topic(record.topic_id);
    if (topic == nullptr)
        return unreplayable(fmt::format("adds a partition to unknown topic {}", record.topic_id));
    if (record.partition_id < 0) return unreplayable("adds a partition without a number");
    Partition partition;
    partition.replicas = to_ids(record.replicas);
    partition.directories = record.directories;
    if (partition.directories.empty())
        partition.directories.assign(record.replicas.size(), k_migrating_directory);
    if (partition.directories.size() != partition.replicas.size())
        return unreplayable(
            fmt::format("gives {}-{} other directories than replicas", topic->name, record.partition_id));
    partition.isr = to_ids(record.isr);
    partition.removing_replicas = to_ids(record.removing_replicas);
    partition.adding_replicas = to_ids(record.adding_replicas);
    partition.elr = to_ids(record.eligible_leader_replicas);
    partition.last_known_elr = to_ids(record.last_known_elr);
    partition.leader = BrokerId{record.leader};
    partition.leader_epoch = LeaderEpoch{record.leader_epoch};
    partition.partition_epoch = record.partition_epoch;
    partition.leader_recovery_state = static_cast<LeaderRecoveryState>(record.leader_recovery_state);
    set_partition(*topic, PartitionIndex{record.partition_id}, std::move(partition));
    return {};
}

Status RecordReplay::apply(const msg::PartitionChangeRecord& record) {
    const PartitionIndex index{record.partition_id};
    const auto* topic = state_.topic(record.topic_id);
    const auto* before = topic == nullptr ? nullptr : topic->partitions.find(index);
    if (before == nullptr)
        return unreplayable(
            fmt::format("changes unknown partition {}-{}", record.topic_id, record.partition_id));
    constexpr std::int32_t k_no_leader_change = -2;
    Partition partition = *before;
    if (record.replicas) partition.replicas = to_ids(*record.replicas);
    if (record.directories) partition.directories = *record.directories;
    if (partition.directories.size() != partition.replicas.size())
        return unreplayable(
            fmt::format("gives {}-{} other directories than replicas", topic->name, record.partition_id));
    if (record.isr) partition.isr = to_ids(*record.isr);
    if (record.removing_replicas) partition.removing_replicas = to_ids(*record.removing_replicas);
    if (record.adding_replicas) partition.adding_replicas = to_ids(*record.adding_replicas);
    if (record.eligible_leader_replicas) partition.elr = to_ids(*record.eligible_leader_replicas);
    if (record.last_known_elr) partition.last_known_elr = to_ids(*record.last_known_elr);
    if (record.leader_recovery_state != -1)
        partition.leader_recovery_state = static_cast<LeaderRecoveryState>(record.leader_recovery_state);
    if (record.leader != k_no_leader_change) {  // even when it names the leader there is
        partition.leader = BrokerId{record.leader};
        partition.leader_epoch = LeaderEpoch{partition.leader_epoch.value() + 1};
    }
    ++partition.partition_epoch;
    set_partition(*topic, index, std::move(partition));
    return {};
}

Status RecordReplay::apply(const msg::RemoveTopicRecord& record) {
    const auto* found = state_.topics_by_id.find(record.topic_id);
    if (found == nullptr) return unreplayable(fmt::format("removes unknown topic {}", record.topic_id));
    const Ref<const Topic> topic = *found;
    if (!PLANTED_BUG("deleted_topic_keeps_its_id")) state_.topics_by_id.erase(topic->id);
    state_.topics_by_name.erase(topic->name);
    const ConfigResource resource{ConfigResourceType::topic, topic->name};
    if (state_.configs.erase(resource)) changes_.configs.insert(resource);
    changes_.changed_partitions.erase(topic->id);
    // What was born and died unseen concerns nobody.
    if (changes_.created_topics.erase(topic->id) == 0) changes_.deleted_topics.emplace(topic->id, topic);
    return {};
}

void RecordReplay::clear_elr(const Topic& topic) {
    auto changed = make_ref<Topic>(topic);
    bool any = false;
    for (const auto& [index, partition] : topic.partitions) {
        if (partition.elr.empty() && partition.last_known_elr.empty()) continue;
        Partition cleared = partition;
        cleared.elr.clear();
        cleared.last_known_elr.clear();
        ++cleared.partition_epoch;
        changed->partitions.set(index, std::move(cleared));
        changes_.changed_partitions[topic.id].insert(index);
        any = true;
    }
    if (any) set_topic(std::move(changed));
}

Status RecordReplay::apply(const msg::ClearElrRecord& record) {
    if (record.topic_name.empty()) {
        const auto all = state_.topics_by_id;
        for (const auto& [id, topic] : all) clear_elr(*topic);
        return {};
    }
    const auto* found = state_.topics_by_name.find(record.topic_name);
    if (found == nullptr)
        return unreplayable(fmt::format("clears the ELR of unknown topic {}", record.topic_name));
    const Ref<const Topic> topic = *found;
    clear_elr(*topic);
    return {};
}

// ---------------------------------------------------------------- configs, quotas, producer ids

Status RecordReplay::apply(const msg::ConfigRecord& record) {
    ConfigResource resource{static_cast<ConfigResourceType>(record.resource_type),
                            std::string(record.resource_name)};
    const auto* before = state_.configs.find(resource);
    ConfigMap map = before == nullptr ? ConfigMap{} : *before;
    if (record.value) {
        map.set(std::string(record.name), std::string(*record.value));
    } else {
        map.erase(record.name);
    }
    changes_.configs.insert(resource);
    if (map.empty()) {
        state_.configs.erase(resource);
    } else {
        state_.configs.set(std::move(resource), std::move(map));
    }
    return {};
}

Status RecordReplay::apply(const msg::ClientQuotaRecord& record) {
    QuotaEntity entity;
    for (const auto& part : record.entity) {
        entity.push_back({std::string(part.entity_type),
                          part.entity_name ? std::optional(std::string(*part.entity_name)) : std::nullopt});
    }
    std::ranges::sort(entity);
    const auto* before = state_.client_quotas.find(entity);
    auto quotas = before == nullptr ? PersistentMap<std::string, double>{} : *before;
    if (record.remove) {
        quotas.erase(record.key);
    } else {
        quotas.set(std::string(record.key), record.value);
    }
    if (quotas.empty()) {
        state_.client_quotas.erase(entity);
    } else {
        state_.client_quotas.set(std::move(entity), std::move(quotas));
    }
    changes_.client_quotas = true;
    return {};
}

Status RecordReplay::apply(const msg::ProducerIdsRecord& record) {
    if (record.next_producer_id < state_.next_producer_id)
        return unreplayable(fmt::format("takes back producer ids from {}", record.next_producer_id));
    state_.next_producer_id = record.next_producer_id;
    changes_.producer_ids = true;
    return {};
}

// ---------------------------------------------------------------- security

Status RecordReplay::apply(const msg::AccessControlEntryRecord& record) {
    AccessControlEntry entry{.resource_type = record.resource_type,
                             .resource_name = std::string(record.resource_name),
                             .pattern_type = record.pattern_type,
                             .principal = std::string(record.principal),
                             .host = std::string(record.host),
                             .operation = record.operation,
                             .permission_type = record.permission_type};
    state_.acls.set(record.id, std::move(entry));
    changes_.security = true;
    return {};
}

Status RecordReplay::apply(const msg::RemoveAccessControlEntryRecord& record) {
    if (!state_.acls.erase(record.id)) return unreplayable(fmt::format("removes unknown ACL {}", record.id));
    changes_.security = true;
    return {};
}

Status RecordReplay::apply(const msg::UserScramCredentialRecord& record) {
    ScramCredential credential{.salt = to_vector(record.salt),
                               .stored_key = to_vector(record.stored_key),
                               .server_key = to_vector(record.server_key),
                               .iterations = record.iterations};
    state_.scram_credentials.set({record.mechanism, std::string(record.name)}, std::move(credential));
    changes_.security = true;
    return {};
}

Status RecordReplay::apply(const msg::RemoveUserScramCredentialRecord& record) {
    if (!state_.scram_credentials.erase(ScramKey{record.mechanism, std::string(record.name)}))
        return unreplayable(fmt::format("removes an unknown SCRAM credential of {}", record.name));
    changes_.security = true;
    return {};
}

Status RecordReplay::apply(const msg::DelegationTokenRecord& record) {
    DelegationToken token{.owner = std::string(record.owner),
                          .requester = std::string(record.requester),
                          .renewers = {record.renewers.begin(), record.renewers.end()},
                          .issue_timestamp = record.issue_timestamp,
                          .max_timestamp = record.max_timestamp,
                          .expiration_timestamp = record.expiration_timestamp};
    state_.delegation_tokens.set(std::string(record.token_id), std::move(token));
    changes_.security = true;
    return {};
}

Status RecordReplay::apply(const msg::RemoveDelegationTokenRecord& record) {
    state_.delegation_tokens.erase(record.token_id);
    changes_.security = true;
    return {};
}

// ---------------------------------------------------------------- dispatch

namespace {

template <class Record>
Status decode_and_apply(RecordFrame& frame, RecordReplay& replay) {
    if (frame.version < Record::k_min_version || frame.version > Record::k_max_version) {
        return fail(ErrorCode::unsupported_version,
                    fmt::format("metadata record type {} has version {}, newer than this program", frame.key,
                                frame.version));
    }
    Record record;
    record.decode(frame.body, frame.version);
    if (!frame.body.finished()) {
        return fail(ErrorCode::corrupt_message,
                    fmt::format("metadata record type {} version {} is malformed: {}", frame.key,
                                frame.version, frame.body.failed() ? frame.body.why() : "bytes left over"));
    }
    return replay.apply(record);
}

template <class... Records>
Status dispatch(RecordFrame& frame, RecordReplay& replay) {
    Status status = fail(ErrorCode::unsupported_version,
                         fmt::format("metadata record type {} is newer than this program", frame.key));
    (void)((frame.key == Records::k_api_key && (status = decode_and_apply<Records>(frame, replay), true)) ||
           ...);
    return status;
}

}  // namespace

Status Delta::replay(Bytes record) {
    auto frame = TRY(open_record(record));
    RecordReplay replay(*this);
    return dispatch<
        msg::PartitionChangeRecord, msg::PartitionRecord, msg::TopicRecord, msg::ConfigRecord,
        msg::NoOpRecord, msg::RemoveTopicRecord, msg::RegisterBrokerRecord, msg::UnregisterBrokerRecord,
        msg::FenceBrokerRecord, msg::UnfenceBrokerRecord, msg::BrokerRegistrationChangeRecord,
        msg::RegisterControllerRecord, msg::FeatureLevelRecord, msg::ClearElrRecord, msg::ClientQuotaRecord,
        msg::ProducerIdsRecord, msg::AccessControlEntryRecord, msg::RemoveAccessControlEntryRecord,
        msg::UserScramCredentialRecord, msg::RemoveUserScramCredentialRecord, msg::DelegationTokenRecord,
        msg::RemoveDelegationTokenRecord, msg::ZkMigrationStateRecord, msg::BeginTransactionRecord,
        msg::EndTransactionRecord, msg::AbortTransactionRecord>(frame, replay);
}

bool Changes::any() const {
    return !deleted_topics.empty() || !changed_partitions.empty() || !created_topics.empty() ||
           !configs.empty() || !brokers.empty() || features || producer_ids || client_quotas || security;
}

void Changes::merge(const Changes& later) {
    for (const auto& [id, topic] : later.deleted_topics) {
        changed_partitions.erase(id);
        if (created_topics.erase(id) == 0) deleted_topics.emplace(id, topic);
    }
    for (const auto& [id, partitions] : later.changed_partitions)
        changed_partitions[id].insert(partitions.begin(), partitions.end());
    created_topics.insert(later.created_topics.begin(), later.created_topics.end());
    configs.insert(later.configs.begin(), later.configs.end());
    brokers.insert(later.brokers.begin(), later.brokers.end());
    features |= later.features;
    producer_ids |= later.producer_ids;
    client_quotas |= later.client_quotas;
    security |= later.security;
}

}  // namespace gregor::metadata
