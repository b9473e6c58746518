#include "coordinator/group/group_records.h"

#include <utility>

#include "coordinator/group/record_codec.h"
#include "gen/group/group_metadata.h"
#include "gen/group/legacy_offset_commit.h"
#include "gen/group/offset_commit.h"
#include "gen/group/share_group_metadata.h"
#include "gen/group/streams_group_metadata.h"
#include "protocol/reader.h"

namespace gregor::coordinator {
namespace {

using protocol::Reader;

// What Kafka 4.3 writes, which is not always the newest that it reads. An offset with an expiry of its own is
// written in version 1, the only one that has a place for it.
constexpr std::int16_t k_offset_version = 4;
constexpr std::int16_t k_offset_version_with_expiry = 1;
constexpr std::int16_t k_group_version = 3;

Result<ParsedRecord> parse_legacy_offset(Reader& key_reader, const RecordView& record) {
    const auto key = TRY(decode_key<msg::LegacyOffsetCommitKey>(key_reader, "LegacyOffsetCommitKey"));
    OffsetRecord parsed{.group_id = std::string(key.group),
                        .key = {.topic = std::string(key.topic), .partition = key.partition},
                        .value = {}};
    if (!record.value) return parsed;
    const auto value =
        TRY(decode_value<msg::LegacyOffsetCommitValue>(*record.value, "LegacyOffsetCommitValue"));
    auto& offset = parsed.value.emplace();
    offset.offset = value.offset;
    offset.metadata = value.metadata;
    offset.commit_timestamp_ms = value.commit_timestamp;
    return parsed;
}

Result<ParsedRecord> parse_offset(Reader& key_reader, const RecordView& record) {
    const auto key = TRY(decode_key<msg::OffsetCommitKey>(key_reader, "OffsetCommitKey"));
    OffsetRecord parsed{.group_id = std::string(key.group),
                        .key = {.topic = std::string(key.topic), .partition = key.partition},
                        .value = {}};
    if (!record.value) return parsed;
    const auto value = TRY(decode_value<msg::OffsetCommitValue>(*record.value, "OffsetCommitValue"));
    auto& offset = parsed.value.emplace();
    offset.offset = value.offset;
    offset.leader_epoch = value.leader_epoch;
    offset.metadata = value.metadata;
    offset.commit_timestamp_ms = value.commit_timestamp;
    if (value.expire_timestamp != -1) offset.expire_timestamp_ms = value.expire_timestamp;
    offset.topic_id = value.topic_id;
    return parsed;
}

Result<ParsedRecord> parse_group(Reader& key_reader, const RecordView& record) {
    const auto key = TRY(decode_key<msg::GroupMetadataKey>(key_reader, "GroupMetadataKey"));
    GroupRecord parsed{.group_id = std::string(key.group), .value = {}};
    if (!record.value) return parsed;
    const auto value = TRY(decode_value<msg::GroupMetadataValue>(*record.value, "GroupMetadataValue"));
    auto& group = parsed.value.emplace();
    group.protocol_type = value.protocol_type;
    group.generation = value.generation;
    group.protocol = owned(value.protocol);
    group.leader = owned(value.leader);
    group.current_state_timestamp_ms = value.current_state_timestamp;
    for (const auto& member : value.members)
        group.members.push_back({.member_id = std::string(member.member_id),
                                 .instance_id = owned(member.group_instance_id),
                                 .client_id = std::string(member.client_id),
                                 .client_host = std::string(member.client_host),
                                 .rebalance_timeout_ms = member.rebalance_timeout,
                                 .session_timeout_ms = member.session_timeout,
                                 .subscription = owned(member.subscription),
                                 .assignment = owned(member.assignment)});
    return parsed;
}

template <class Key>
Result<ParsedRecord> parse_other_group(Reader& key_reader, const RecordView& record) {
    const auto key = TRY(decode_key<Key>(key_reader, "group metadata key"));
    return OtherGroupRecord{.group_id = std::string(key.group_id), .exists = record.value.has_value()};
}

}  // namespace

Result<ParsedRecord> parse_record(const RecordView& record) {
    Reader reader(record.key);
    const auto type = reader.i16();
    if (reader.failed()) return fail(ErrorCode::corrupt_message, "a record without a type");
    if (is_consumer_group_record(type)) return TRY(parse_consumer_group_record(type, reader, record.value));
    switch (type) {
        case msg::LegacyOffsetCommitKey::k_api_key: return parse_legacy_offset(reader, record);
        case msg::OffsetCommitKey::k_api_key: return parse_offset(reader, record);
        case msg::GroupMetadataKey::k_api_key: return parse_group(reader, record);
        case msg::ShareGroupMetadataKey::k_api_key:
            return parse_other_group<msg::ShareGroupMetadataKey>(reader, record);
        case msg::StreamsGroupMetadataKey::k_api_key:
            return parse_other_group<msg::StreamsGroupMetadataKey>(reader, record);
        default:  // an int16 of the log, not an enum of ours
            return IgnoredRecord{};
    }
}

CoordinatorRecord offset_record(const std::string& group_id, const OffsetKey& key,
                                const CommittedOffset& offset) {
    msg::OffsetCommitValue value;
    value.offset = offset.offset;
    value.metadata = offset.metadata;
    value.commit_timestamp = offset.commit_timestamp_ms;
    const bool has_expiry = offset.expire_timestamp_ms.has_value();
    if (has_expiry) {
        value.expire_timestamp = *offset.expire_timestamp_ms;
    } else {
        value.leader_epoch = offset.leader_epoch;
        value.topic_id = offset.topic_id;
    }
    auto record = offset_tombstone(group_id, key);
    record.value = encode_value(value, has_expiry ? k_offset_version_with_expiry : k_offset_version);
    return record;
}

CoordinatorRecord offset_tombstone(const std::string& group_id, const OffsetKey& key) {
    msg::OffsetCommitKey encoded;
    encoded.group = group_id;
    encoded.topic = key.topic;
    encoded.partition = key.partition;
    return {.key = encode_key(encoded), .value = {}};
}

CoordinatorRecord group_record(const std::string& group_id, const StoredGroup& group) {
    msg::GroupMetadataValue value;
    value.protocol_type = group.protocol_type;
    value.generation = group.generation;
    value.protocol = group.protocol;
    value.leader = group.leader;
    value.current_state_timestamp = group.current_state_timestamp_ms;
    for (const auto& member : group.members) {
        auto& encoded = value.members.emplace_back();
        encoded.member_id = member.member_id;
        encoded.group_instance_id = member.instance_id;
        encoded.client_id = member.client_id;
        encoded.client_host = member.client_host;
        encoded.rebalance_timeout = member.rebalance_timeout_ms;
        encoded.session_timeout = member.session_timeout_ms;
        encoded.subscription = member.subscription;
        encoded.assignment = member.assignment;
    }
    auto record = group_tombstone(group_id);
    record.value = encode_value(value, k_group_version);
    return record;
}

CoordinatorRecord group_tombstone(const std::string& group_id) {
    msg::GroupMetadataKey encoded;
    encoded.group = group_id;
    return {.key = encode_key(encoded), .value = {}};
}

}  // namespace gregor::coordinator
