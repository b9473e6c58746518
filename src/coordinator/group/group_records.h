// The records of __consumer_offsets, in Kafka's schemas: those of classic groups and offsets here, those of
// consumer groups in consumer/consumer_records.h.
// docs/formats/consumer-offsets.md shows the bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"
#include "coordinator/group/consumer/consumer_records.h"
#include "coordinator/group/types.h"
#include "coordinator/state_machine.h"

namespace gregor::coordinator {

struct StoredMember {
    std::string member_id;
    std::optional<std::string> instance_id;
    std::string client_id;
    std::string client_host;
    std::int32_t rebalance_timeout_ms = -1;
    std::int32_t session_timeout_ms = 0;
    OwnedBytes subscription;
    OwnedBytes assignment;
};

// A classic group as its GroupMetadata record knows it.
struct StoredGroup {
    std::string protocol_type;  // empty: none
    std::int32_t generation = 0;
    std::optional<std::string> protocol;
    std::optional<std::string> leader;
    std::int64_t current_state_timestamp_ms = -1;
    std::vector<StoredMember> members;
};

struct OffsetRecord {
    std::string group_id;
    OffsetKey key;
    std::optional<CommittedOffset> value;  // nothing: a tombstone
};
struct GroupRecord {
    std::string group_id;
    std::optional<StoredGroup> value;
};
// The group belongs to a protocol that is not served here (share, streams); `exists` is false for
// the tombstone of its metadata.
struct OtherGroupRecord {
    std::string group_id;
    bool exists = false;
};
// Everything else: stays in the log, says nothing here.
struct IgnoredRecord {};

using ParsedRecord =
    std::variant<IgnoredRecord, OffsetRecord, GroupRecord, ConsumerGroupRecord, OtherGroupRecord>;

// Unknown record types are ignored; a damaged record or an unknown value version of a known type is an error.
Result<ParsedRecord> parse_record(const RecordView& record);

CoordinatorRecord offset_record(const std::string& group_id, const OffsetKey& key,
                                const CommittedOffset& offset);
CoordinatorRecord offset_tombstone(const std::string& group_id, const OffsetKey& key);
CoordinatorRecord group_record(const std::string& group_id, const StoredGroup& group);
CoordinatorRecord group_tombstone(const std::string& group_id);

}  // namespace gregor::coordinator
