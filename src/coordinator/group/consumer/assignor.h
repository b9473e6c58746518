// The server's assignors of KIP-848: which member gets which partitions. Pure functions, whose results equal
// those of Kafka's own classes wherever these do not depend on the order of Java's hash maps: here members
// are visited by their id, topics by theirs.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/ids.h"

namespace gregor::coordinator {

using Assignment = std::map<Uuid, std::set<std::int32_t>>;

struct AssignorMember {
    std::string member_id;
    std::optional<std::string> instance_id;
    std::optional<std::string> rack_id;
    std::set<Uuid> subscribed_topics;
    Assignment current;  // the target so far
};

struct AssignorTopic {
    std::string name;
    std::int32_t partition_count = 0;
    std::vector<std::set<std::string>> partition_racks;
};

// Racks are told and, as by Kafka's assignors, not used. A subscribed topic that is not in `topics` gives
// nothing.
struct AssignorInput {
    std::map<std::string, AssignorMember> members;
    std::map<Uuid, AssignorTopic> topics;
    bool homogeneous = false;  // all members subscribe to the same topics
};

// Without an entry for a member: nothing for it.
using MemberAssignments = std::map<std::string, Assignment>;

// Contiguous ranges of every topic, to static members first; the same numbers of all topics to the same
// member where subscriptions and partition counts agree. Not sticky.
MemberAssignments assign_range(const AssignorInput& input);

// Members' counts differ by at most one (where subscriptions differ: as near to that as moving partitions
// from the fullest to the emptiest gets); as few partitions move as that allows.
MemberAssignments assign_uniform(const AssignorInput& input);

}  // namespace gregor::coordinator
