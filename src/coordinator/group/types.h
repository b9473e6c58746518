// What travels between handlers and group coordinators: owned values, because a group may live on another
// shard than the connection. Handlers turn them from and into messages.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error_code.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "coordinator/state_machine.h"
#include "protocol/rebalances.h"

namespace gregor::coordinator {

// Whether groups may change between the protocols while they have members (group.consumer.migration.policy).
enum class MigrationPolicy : std::uint8_t { disabled, upgrade, downgrade, bidirectional };

// group.consumer.*
struct ConsumerGroupConfig {
    std::int32_t session_timeout_ms = 45'000;
    std::int32_t min_session_timeout_ms = 45'000;
    std::int32_t max_session_timeout_ms = 60'000;
    std::int32_t heartbeat_interval_ms = 5'000;
    std::int32_t min_heartbeat_interval_ms = 5'000;
    std::int32_t max_heartbeat_interval_ms = 15'000;
    std::int32_t assignment_interval_ms = 1'000;
    std::int32_t min_assignment_interval_ms = 0;
    std::int32_t max_assignment_interval_ms = 15'000;
    std::int32_t max_size = INT32_MAX;
    std::vector<std::string> assignors = {"uniform", "range"};  // at least one; the first is the default
    MigrationPolicy migration = MigrationPolicy::bidirectional;
    std::int32_t regex_refresh_interval_ms = 600'000;
};

// The settings of the group coordinator, with Kafka's names and defaults.
struct GroupConfig {
    std::int32_t min_session_timeout_ms = 6'000;         // group.min.session.timeout.ms
    std::int32_t max_session_timeout_ms = 1'800'000;     // group.max.session.timeout.ms
    std::int32_t initial_rebalance_delay_ms = 3'000;     // group.initial.rebalance.delay.ms
    std::int32_t max_size = INT32_MAX;                   // group.max.size
    std::int32_t offset_metadata_max_bytes = 4'096;      // offset.metadata.max.bytes; counted in UTF-16 units
    std::int64_t offsets_retention_ms = 604'800'000;     // offsets.retention.minutes
    std::int64_t retention_check_interval_ms = 600'000;  // offsets.retention.check.interval.ms
    std::int32_t offsets_partitions = 50;                // offsets.topic.num.partitions
    ConsumerGroupConfig consumer = {};
    std::string node_id = {};  // whose dynamic broker configs count
};

inline constexpr std::int32_t k_no_generation = -1;

// ---------------------------------------------------------------- membership

// One entry of a member's protocol list: an assignor's name and the member's opaque subscription for it.
struct MemberProtocol {
    std::string name;
    OwnedBytes metadata;
    friend bool operator==(const MemberProtocol&, const MemberProtocol&) = default;
};

struct JoinRequest {
    std::string group_id;
    std::string member_id;  // empty: unknown yet
    std::optional<std::string> instance_id;
    std::string client_id;
    std::string client_host;  // with Kafka's leading slash
    std::int32_t session_timeout_ms = 0;
    std::int32_t rebalance_timeout_ms = 0;
    std::string protocol_type;
    std::vector<MemberProtocol> protocols;
    std::string reason;
    bool requires_known_member_id = false;      // JoinGroup v4+, dynamic members (KIP-394)
    bool supports_skipping_assignment = false;  // JoinGroup v9+
};

struct JoinedMember {
    std::string member_id;
    std::optional<std::string> instance_id;
    OwnedBytes metadata;
};

struct JoinResult {
    ErrorCode error = ErrorCode::none;
    std::int32_t generation = k_no_generation;
    std::optional<std::string> protocol_type;
    std::optional<std::string> protocol_name;
    std::string leader_id;
    std::string member_id;
    std::vector<JoinedMember> members;  // for the leader
    bool skip_assignment = false;
};

struct SyncRequest {
    std::string group_id;
    std::int32_t generation = k_no_generation;
    std::string member_id;
    std::optional<std::string> instance_id;
    std::optional<std::string> protocol_type;
    std::optional<std::string> protocol_name;
    struct Assignment {
        std::string member_id;
        OwnedBytes assignment;
    };
    std::vector<Assignment> assignments;  // from the leader
};

struct SyncResult {
    ErrorCode error = ErrorCode::none;
    std::optional<std::string> protocol_type = {};
    std::optional<std::string> protocol_name = {};
    OwnedBytes assignment = {};
};

struct HeartbeatRequest {
    std::string group_id;
    std::int32_t generation = k_no_generation;
    std::string member_id;
    std::optional<std::string> instance_id;
};

struct LeaveRequest {
    struct Member {
        std::string member_id;
        std::optional<std::string> instance_id;
        std::string reason;
    };
    std::string group_id;
    std::vector<Member> members;
};

struct LeaveResult {
    struct Member {
        std::string member_id;
        std::optional<std::string> instance_id;
        ErrorCode error = ErrorCode::none;
    };
    ErrorCode error = ErrorCode::none;
    std::vector<Member> members = {};
};

// ---------------------------------------------------------------- offsets

struct OffsetKey {
    std::string topic;
    std::int32_t partition = 0;
    friend auto operator<=>(const OffsetKey&, const OffsetKey&) = default;
};

struct CommittedOffset {
    std::int64_t offset = -1;
    std::int32_t leader_epoch = -1;
    std::string metadata;
    std::int64_t commit_timestamp_ms = -1;
    std::optional<std::int64_t> expire_timestamp_ms;
    Uuid topic_id;
};

struct OffsetCommitRequest {
    struct Partition {
        std::int32_t partition = 0;
        std::int64_t offset = 0;
        std::int32_t leader_epoch = -1;
        std::string metadata;
    };
    struct Topic {
        std::string name;
        Uuid topic_id;  // as the image has it now; stored with the offset
        std::vector<Partition> partitions;
    };
    std::string group_id;
    std::int32_t generation = k_no_generation;
    std::string member_id;
    std::optional<std::string> instance_id;
    std::optional<std::int64_t> retention_time_ms;
    ErrorCode unknown_group_error = ErrorCode::group_id_not_found;  // below v9: illegal_generation
    bool knows_member_epochs = true;                                // v9+ (KIP-848)
    std::optional<TransactionStamp> transaction;  // set: the offsets count when it commits (TxnOffsetCommit)
    std::vector<Topic> topics;
};

// The end of a transaction in one partition of __consumer_offsets.
struct GroupMarkerRequest {
    PartitionIndex partition;
    TransactionEnd end;
};

// Error codes in the order of the request's topics and partitions.
struct OffsetCommitResult {
    std::vector<std::vector<ErrorCode>> topics;
};

struct OffsetFetchRequest {
    struct Topic {
        std::string name;
        Uuid topic_id;
        std::vector<std::int32_t> partitions;
    };
    std::string group_id;
    std::optional<std::string> member_id;
    std::int32_t member_epoch = -1;
    bool require_stable = false;
    std::optional<std::vector<Topic>> topics;  // nothing: all
};

struct OffsetFetchResult {
    struct Partition {
        std::int32_t partition = 0;
        std::int64_t offset = -1;
        std::int32_t leader_epoch = -1;
        std::string metadata;
        ErrorCode error = ErrorCode::none;
    };
    struct Topic {
        std::string name;
        Uuid topic_id;
        std::vector<Partition> partitions;
    };
    ErrorCode error = ErrorCode::none;
    std::vector<Topic> topics;
};

struct OffsetDeleteRequest {
    struct Topic {
        std::string name;
        std::vector<std::int32_t> partitions;
    };
    std::string group_id;
    std::vector<Topic> topics;
};

struct OffsetDeleteResult {
    ErrorCode error = ErrorCode::none;   // of the whole
    std::vector<ErrorCode> topics = {};  // in the order of the request; of all partitions of the topic
};

// ---------------------------------------------------------------- looking, deleting

struct ListedGroup {
    std::string group_id;
    std::string protocol_type;
    std::string_view state;  // a literal
    std::string_view type;   // a literal
};

struct DescribeRequest {
    std::string group_id;
    bool with_rebalances = false;  // why it rebalanced, too
};
struct DeleteRequest {
    std::string group_id;
};

// Empty sets do not filter. States compare without case; types were parsed by the handler, unknown ones stay
// and match nothing.
struct ListFilter {
    std::vector<std::string> states;
    std::vector<std::string> types;
};

struct DescribedGroup {
    struct Member {
        std::string member_id;
        std::optional<std::string> instance_id;
        std::string client_id;
        std::string client_host;
        OwnedBytes metadata;
        OwnedBytes assignment;
    };
    ErrorCode error = ErrorCode::none;
    std::string error_message;
    std::string group_id;
    std::string_view state;  // a literal
    std::string protocol_type;
    std::string protocol;
    std::vector<Member> members;
    std::vector<protocol::Rebalance> rebalances;
};

}  // namespace gregor::coordinator
