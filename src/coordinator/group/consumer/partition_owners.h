// Who owns each partition of the topics that an assignor deals with.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "coordinator/group/consumer/assignor.h"

namespace gregor::coordinator {

inline constexpr std::int32_t k_no_owner = -1;

// Owners are numbers of members, in the order of their ids.
class PartitionOwners {
public:
    // The subscribed topics that exist, none of them owned.
    explicit PartitionOwners(const AssignorInput& input);

    // The part of the member's current assignment that it may keep: subscribed, existing, and of no member
    // before it. A target in a log can be damaged; a partition has one owner all the same.
    Assignment keep(const AssignorMember& member, std::int32_t number);

    // By topic, each with the owner of every partition.
    std::map<Uuid, std::vector<std::int32_t>>& topics() { return topics_; }

private:
    std::map<Uuid, std::vector<std::int32_t>> topics_;
};

}  // namespace gregor::coordinator
