#include "coordinator/group/consumer/consumer_records.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "coordinator/group/record_codec.h"
#include "gen/group/consumer_group_current_member_assignment.h"
#include "gen/group/consumer_group_member_metadata.h"
#include "gen/group/consumer_group_metadata.h"
#include "gen/group/consumer_group_partition_metadata.h"
#include "gen/group/consumer_group_regular_expression.h"
#include "gen/group/consumer_group_target_assignment_member.h"
#include "gen/group/consumer_group_target_assignment_metadata.h"

namespace gregor::coordinator {
namespace {

using protocol::Reader;

constexpr std::int16_t k_value_version = 0;

// ---------------------------------------------------------------- reading

MemberMetadata metadata_of(const msg::ConsumerGroupMemberMetadataValue& value) {
    MemberMetadata metadata;
    metadata.instance_id = owned(value.instance_id);
    metadata.rack_id = owned(value.rack_id);
    metadata.client_id = value.client_id;
    metadata.client_host = value.client_host;
    for (const auto& topic : value.subscribed_topic_names) metadata.subscribed_topics.emplace(topic);
    metadata.subscribed_regex = owned(value.subscribed_topic_regex);
    metadata.rebalance_timeout_ms = value.rebalance_timeout_ms;
    metadata.server_assignor = owned(value.server_assignor);
    const auto& told = value.classic_member_metadata;
    if (!told || told->supported_protocols.empty()) return metadata;
    auto& classic = metadata.classic.emplace();
    classic.session_timeout_ms = told->session_timeout_ms;
    for (const auto& protocol : told->supported_protocols)
        classic.protocols.push_back(
            {.name = std::string(protocol.name), .metadata = owned(protocol.metadata)});
    return metadata;
}

using TopicPartitions = msg::ConsumerGroupCurrentMemberAssignmentValue::TopicPartitions;

// Brokers before 4.3 wrote no assignment epochs: every partition then counts from the member's epoch.
PartitionEpochs partitions_of(const List<TopicPartitions>& topics, std::int32_t member_epoch) {
    PartitionEpochs partitions;
    for (const auto& topic : topics) {
        auto& epochs = partitions[topic.topic_id];
        const bool has_epochs =
            topic.assignment_epochs && topic.assignment_epochs->size() == topic.partitions.size();
        for (std::size_t i = 0; i < topic.partitions.size(); ++i)
            epochs[topic.partitions[i]] =
                has_epochs ? (*topic.assignment_epochs)[i] : std::max(member_epoch, 0);
    }
    return partitions;
}

CurrentAssignment current_of(const msg::ConsumerGroupCurrentMemberAssignmentValue& value) {
    return {.epoch = value.member_epoch,
            .previous_epoch = value.previous_member_epoch,
            .state = member_state_of(value.state),
            .assigned = partitions_of(value.assigned_partitions, value.member_epoch),
            .pending_revocation = partitions_of(value.partitions_pending_revocation, value.member_epoch)};
}

Result<ConsumerGroupRecord> parse_epoch(Reader& reader, std::optional<Bytes> bytes) {
    const auto key = TRY(decode_key<msg::ConsumerGroupMetadataKey>(reader, "ConsumerGroupMetadataKey"));
    GroupEpochChange change;
    if (bytes) {
        const auto value =
            TRY(decode_value<msg::ConsumerGroupMetadataValue>(*bytes, "ConsumerGroupMetadataValue"));
        change.value = {.epoch = value.epoch, .metadata_hash = value.metadata_hash};
    }
    return ConsumerGroupRecord{std::string(key.group_id), change};
}

Result<ConsumerGroupRecord> parse_partition_metadata(Reader& reader, std::optional<Bytes> bytes) {
    const auto key =
        TRY(decode_key<msg::ConsumerGroupPartitionMetadataKey>(reader, "ConsumerGroupPartitionMetadataKey"));
    return ConsumerGroupRecord{std::string(key.group_id), PartitionMetadataChange{bytes.has_value()}};
}

Result<ConsumerGroupRecord> parse_member(Reader& reader, std::optional<Bytes> bytes) {
    const auto key =
        TRY(decode_key<msg::ConsumerGroupMemberMetadataKey>(reader, "ConsumerGroupMemberMetadataKey"));
    MemberMetadataChange change{.member_id = std::string(key.member_id), .value = {}};
    if (bytes)
        change.value = metadata_of(TRY(
            decode_value<msg::ConsumerGroupMemberMetadataValue>(*bytes, "ConsumerGroupMemberMetadataValue")));
    return ConsumerGroupRecord{std::string(key.group_id), std::move(change)};
}

Result<ConsumerGroupRecord> parse_target_epoch(Reader& reader, std::optional<Bytes> bytes) {
    const auto key = TRY(decode_key<msg::ConsumerGroupTargetAssignmentMetadataKey>(
        reader, "ConsumerGroupTargetAssignmentMetadataKey"));
    TargetEpochChange change;
    if (bytes) {
        const auto value = TRY(decode_value<msg::ConsumerGroupTargetAssignmentMetadataValue>(
            *bytes, "ConsumerGroupTargetAssignmentMetadataValue"));
        change.value = {.epoch = value.assignment_epoch, .timestamp_ms = value.assignment_timestamp};
    }
    return ConsumerGroupRecord{std::string(key.group_id), change};
}

Result<ConsumerGroupRecord> parse_target(Reader& reader, std::optional<Bytes> bytes) {
    const auto key = TRY(decode_key<msg::ConsumerGroupTargetAssignmentMemberKey>(
        reader, "ConsumerGroupTargetAssignmentMemberKey"));
    TargetChange change{.member_id = std::string(key.member_id), .value = {}};
    if (bytes) {
        const auto value = TRY(decode_value<msg::ConsumerGroupTargetAssignmentMemberValue>(
            *bytes, "ConsumerGroupTargetAssignmentMemberValue"));
        change.value.emplace();
        for (const auto& topic : value.topic_partitions)
            (*change.value)[topic.topic_id].insert(topic.partitions.begin(), topic.partitions.end());
    }
    return ConsumerGroupRecord{std::string(key.group_id), std::move(change)};
}

Result<ConsumerGroupRecord> parse_current(Reader& reader, std::optional<Bytes> bytes) {
    const auto key = TRY(decode_key<msg::ConsumerGroupCurrentMemberAssignmentKey>(
        reader, "ConsumerGroupCurrentMemberAssignmentKey"));
    CurrentAssignmentChange change{.member_id = std::string(key.member_id), .value = {}};
    if (bytes)
        change.value = current_of(TRY(decode_value<msg::ConsumerGroupCurrentMemberAssignmentValue>(
            *bytes, "ConsumerGroupCurrentMemberAssignmentValue")));
    return ConsumerGroupRecord{std::string(key.group_id), std::move(change)};
}

Result<ConsumerGroupRecord> parse_regex(Reader& reader, std::optional<Bytes> bytes) {
    const auto key =
        TRY(decode_key<msg::ConsumerGroupRegularExpressionKey>(reader, "ConsumerGroupRegularExpressionKey"));
    RegexChange change{.regex = std::string(key.regular_expression), .value = {}};
    if (bytes) {
        const auto value = TRY(decode_value<msg::ConsumerGroupRegularExpressionValue>(
            *bytes, "ConsumerGroupRegularExpressionValue"));
        change.value = {.topics = {}, .image_version = value.version, .timestamp_ms = value.timestamp};
        for (const auto& topic : value.topics) change.value->topics.emplace(topic);
    }
    return ConsumerGroupRecord{std::string(key.group_id), std::move(change)};
}

// ---------------------------------------------------------------- writing

template <class Key>
CoordinatorRecord record_of_group(const std::string& group_id) {
    Key key;
    key.group_id = group_id;
    return {.key = encode_key(key), .value = {}};
}

template <class Key>
CoordinatorRecord record_of_member(const std::string& group_id, const std::string& member_id) {
    Key key;
    key.group_id = group_id;
    key.member_id = member_id;
    return {.key = encode_key(key), .value = {}};
}

CoordinatorRecord encode(const std::string& group_id, const GroupEpochChange& change) {
    auto record = record_of_group<msg::ConsumerGroupMetadataKey>(group_id);
    if (!change.value) return record;
    msg::ConsumerGroupMetadataValue value;
    value.epoch = change.value->epoch;
    value.metadata_hash = change.value->metadata_hash;
    record.value = encode_value(value, k_value_version);
    return record;
}

CoordinatorRecord encode(const std::string& group_id, const PartitionMetadataChange& change) {
    ASSERT(!change.exists);
    return record_of_group<msg::ConsumerGroupPartitionMetadataKey>(group_id);
}

CoordinatorRecord encode(const std::string& group_id, const MemberMetadataChange& change) {
    auto record = record_of_member<msg::ConsumerGroupMemberMetadataKey>(group_id, change.member_id);
    if (!change.value) return record;
    const auto& metadata = *change.value;
    msg::ConsumerGroupMemberMetadataValue value;
    value.instance_id = metadata.instance_id;
    value.rack_id = metadata.rack_id;
    value.client_id = metadata.client_id;
    value.client_host = metadata.client_host;
    value.subscribed_topic_names.assign(metadata.subscribed_topics.begin(), metadata.subscribed_topics.end());
    value.subscribed_topic_regex = metadata.subscribed_regex;
    value.rebalance_timeout_ms = metadata.rebalance_timeout_ms;
    value.server_assignor = metadata.server_assignor;
    value.classic_member_metadata.reset();
    if (metadata.classic) {
        using ClassicMember = msg::ConsumerGroupMemberMetadataValue::ClassicMemberMetadata;
        auto& classic = *(value.classic_member_metadata = ClassicMember{});
        classic.session_timeout_ms = metadata.classic->session_timeout_ms;
        for (const auto& protocol : metadata.classic->protocols)
            classic.supported_protocols.push_back({protocol.name, Bytes(protocol.metadata), {}});
    }
    record.value = encode_value(value, k_value_version);
    return record;
}

CoordinatorRecord encode(const std::string& group_id, const TargetEpochChange& change) {
    auto record = record_of_group<msg::ConsumerGroupTargetAssignmentMetadataKey>(group_id);
    if (!change.value) return record;
    msg::ConsumerGroupTargetAssignmentMetadataValue value;
    value.assignment_epoch = change.value->epoch;
    value.assignment_timestamp = change.value->timestamp_ms;
    record.value = encode_value(value, k_value_version);
    return record;
}

CoordinatorRecord encode(const std::string& group_id, const TargetChange& change) {
    auto record = record_of_member<msg::ConsumerGroupTargetAssignmentMemberKey>(group_id, change.member_id);
    if (!change.value) return record;
    msg::ConsumerGroupTargetAssignmentMemberValue value;
    for (const auto& [topic_id, partitions] : *change.value)
        value.topic_partitions.push_back({topic_id, {partitions.begin(), partitions.end()}, {}});
    record.value = encode_value(value, k_value_version);
    return record;
}

List<TopicPartitions> encode_partitions(const PartitionEpochs& partitions) {
    List<TopicPartitions> topics;
    for (const auto& [topic_id, epochs] : partitions) {
        auto& topic = topics.emplace_back();
        topic.topic_id = topic_id;
        topic.assignment_epochs.emplace();
        for (const auto& [partition, epoch] : epochs) {
            topic.partitions.push_back(partition);
            topic.assignment_epochs->push_back(epoch);
        }
    }
    return topics;
}

CoordinatorRecord encode(const std::string& group_id, const CurrentAssignmentChange& change) {
    auto record = record_of_member<msg::ConsumerGroupCurrentMemberAssignmentKey>(group_id, change.member_id);
    if (!change.value) return record;
    msg::ConsumerGroupCurrentMemberAssignmentValue value;
    value.member_epoch = change.value->epoch;
    value.previous_member_epoch = change.value->previous_epoch;
    value.state = static_cast<std::int8_t>(change.value->state);
    value.assigned_partitions = encode_partitions(change.value->assigned);
    value.partitions_pending_revocation = encode_partitions(change.value->pending_revocation);
    record.value = encode_value(value, k_value_version);
    return record;
}

CoordinatorRecord encode(const std::string& group_id, const RegexChange& change) {
    msg::ConsumerGroupRegularExpressionKey key;
    key.group_id = group_id;
    key.regular_expression = change.regex;
    CoordinatorRecord record{.key = encode_key(key), .value = {}};
    if (!change.value) return record;
    msg::ConsumerGroupRegularExpressionValue value;
    value.topics.assign(change.value->topics.begin(), change.value->topics.end());
    value.version = change.value->image_version;
    value.timestamp = change.value->timestamp_ms;
    record.value = encode_value(value, k_value_version);
    return record;
}

}  // namespace

bool is_tombstone(const ConsumerChange& change) {
    if (const auto* metadata = std::get_if<PartitionMetadataChange>(&change)) return !metadata->exists;
    if (const auto* epoch = std::get_if<GroupEpochChange>(&change)) return !epoch->value;
    if (const auto* member = std::get_if<MemberMetadataChange>(&change)) return !member->value;
    if (const auto* epoch = std::get_if<TargetEpochChange>(&change)) return !epoch->value;
    if (const auto* target = std::get_if<TargetChange>(&change)) return !target->value;
    if (const auto* current = std::get_if<CurrentAssignmentChange>(&change)) return !current->value;
    return !std::get<RegexChange>(change).value;
}

bool is_consumer_group_record(std::int16_t type) {
    return (type >= msg::ConsumerGroupMetadataKey::k_api_key &&
            type <= msg::ConsumerGroupCurrentMemberAssignmentKey::k_api_key) ||
           type == msg::ConsumerGroupRegularExpressionKey::k_api_key;
}

Result<ConsumerGroupRecord> parse_consumer_group_record(std::int16_t type, Reader& key,
                                                        std::optional<Bytes> value) {
    switch (type) {
        case msg::ConsumerGroupMetadataKey::k_api_key: return parse_epoch(key, value);
        case msg::ConsumerGroupPartitionMetadataKey::k_api_key: return parse_partition_metadata(key, value);
        case msg::ConsumerGroupMemberMetadataKey::k_api_key: return parse_member(key, value);
        case msg::ConsumerGroupTargetAssignmentMetadataKey::k_api_key: return parse_target_epoch(key, value);
        case msg::ConsumerGroupTargetAssignmentMemberKey::k_api_key: return parse_target(key, value);
        case msg::ConsumerGroupCurrentMemberAssignmentKey::k_api_key: return parse_current(key, value);
        case msg::ConsumerGroupRegularExpressionKey::k_api_key: return parse_regex(key, value);
        default: break;  // an int16 of the log, not an enum of ours
    }
    UNREACHABLE();
}

CoordinatorRecord record_of(const std::string& group_id, const ConsumerChange& change) {
    return std::visit([&](const auto& known) { return encode(group_id, known); }, change);
}

}  // namespace gregor::coordinator
