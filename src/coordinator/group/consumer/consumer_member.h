// A member of a consumer group (KIP-848) as its records tell it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "coordinator/group/consumer/assignor.h"
#include "coordinator/group/types.h"

namespace gregor::coordinator {

inline constexpr std::int32_t k_joining_epoch = 0;
inline constexpr std::int32_t k_leaving_epoch = -1;
inline constexpr std::int32_t k_static_leaving_epoch = -2;  // a static member that means to come back

// The numbers are those of the record.
enum class MemberState : std::int8_t {
    stable = 0,
    unrevoked_partitions = 1,   // must give partitions back before it may advance
    unreleased_partitions = 2,  // waits for partitions that others still have
    unknown = 127               // written by a newer broker
};

MemberState member_state_of(std::int8_t value);

// Partitions of a member, each with the epoch in which the member got it.
using PartitionEpochs = std::map<Uuid, std::map<std::int32_t, std::int32_t>>;

Assignment without_epochs(const PartitionEpochs& partitions);
bool contains(const PartitionEpochs& partitions, Uuid topic_id, std::int32_t partition);
bool contains_all(const PartitionEpochs& partitions, const Assignment& wanted);
bool contains_any(const PartitionEpochs& partitions, const Assignment& wanted);

// What a member that speaks the classic protocol said when it joined.
struct ClassicMetadata {
    std::int32_t session_timeout_ms = 0;
    std::vector<MemberProtocol> protocols;  // at least one
    friend bool operator==(const ClassicMetadata&, const ClassicMetadata&) = default;
};

// The record ConsumerGroupMemberMetadata.
struct MemberMetadata {
    std::optional<std::string> instance_id;
    std::optional<std::string> rack_id;
    std::string client_id;
    std::string client_host;
    std::set<std::string> subscribed_topics;
    std::optional<std::string> subscribed_regex = "";  // empty: none
    std::int32_t rebalance_timeout_ms = -1;
    std::optional<std::string> server_assignor;
    std::optional<ClassicMetadata> classic;

    bool has_regex() const { return subscribed_regex && !subscribed_regex->empty(); }
    friend bool operator==(const MemberMetadata&, const MemberMetadata&) = default;
};

// The record ConsumerGroupCurrentMemberAssignment.
struct CurrentAssignment {
    std::int32_t epoch = k_joining_epoch;
    std::int32_t previous_epoch = -1;
    MemberState state = MemberState::stable;
    PartitionEpochs assigned;
    PartitionEpochs pending_revocation;

    bool is_reconciled_to(std::int32_t target_epoch) const {
        return state == MemberState::stable && epoch == target_epoch;
    }
    friend bool operator==(const CurrentAssignment&, const CurrentAssignment&) = default;
};

struct ConsumerMember {
    std::string id;
    MemberMetadata metadata;
    CurrentAssignment current;

    bool is_classic() const { return metadata.classic.has_value(); }
};

// For a client that has none of its own: a Kafka Uuid as text.
std::string random_member_id(Turn& turn);

}  // namespace gregor::coordinator
