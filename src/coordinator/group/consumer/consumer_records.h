// The records of __consumer_offsets that consumer groups (KIP-848) are made of, in Kafka's schemas.
// docs/formats/consumer-offsets.md shows the bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <variant>

#include "base/result.h"
#include "coordinator/group/consumer/consumer_member.h"
#include "coordinator/state_machine.h"
#include "protocol/reader.h"

namespace gregor::coordinator {

// The topics that a regular expression matched, as of a metadata image.
struct ResolvedRegex {
    std::set<std::string> topics;
    std::int64_t image_version = 0;
    std::int64_t timestamp_ms = 0;
    friend bool operator==(const ResolvedRegex&, const ResolvedRegex&) = default;
};

// What a record says; one without its value is a tombstone.
struct GroupEpochChange {
    struct Value {
        std::int32_t epoch = 0;
        std::int64_t metadata_hash = 0;
    };
    std::optional<Value> value;
};
struct PartitionMetadataChange {  // of brokers before 4.1; only its tombstone is still written
    bool exists = false;
};
struct MemberMetadataChange {
    std::string member_id;
    std::optional<MemberMetadata> value;
};
struct TargetEpochChange {
    struct Value {
        std::int32_t epoch = 0;
        std::int64_t timestamp_ms = 0;
    };
    std::optional<Value> value;
};
struct TargetChange {
    std::string member_id;
    std::optional<Assignment> value;
};
struct CurrentAssignmentChange {
    std::string member_id;
    std::optional<CurrentAssignment> value;
};
struct RegexChange {
    std::string regex;
    std::optional<ResolvedRegex> value;
};

using ConsumerChange = std::variant<GroupEpochChange, PartitionMetadataChange, MemberMetadataChange,
                                    TargetEpochChange, TargetChange, CurrentAssignmentChange, RegexChange>;

bool is_tombstone(const ConsumerChange& change);

struct ConsumerGroupRecord {
    std::string group_id;
    ConsumerChange change;
};

// `key` stands behind the record type.
bool is_consumer_group_record(std::int16_t type);
Result<ConsumerGroupRecord> parse_consumer_group_record(std::int16_t type, protocol::Reader& key,
                                                        std::optional<Bytes> value);
CoordinatorRecord record_of(const std::string& group_id, const ConsumerChange& change);

}  // namespace gregor::coordinator
