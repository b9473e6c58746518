// One member's way to its target assignment: gives back first, takes what is free, never faster than others
// give back. A pure function, called with each heartbeat of a member that is not there yet.
#pragma once

#include <cstdint>
#include <optional>
#include <set>

#include "base/result.h"
#include "coordinator/group/consumer/consumer_member.h"

namespace gregor::coordinator {

struct ReconcileInput {
    const CurrentAssignment& current;
    std::int32_t target_epoch = 0;
    const Assignment& target;
    const std::set<Uuid>& subscribed_topics;  // of the member, as they exist now
    bool subscription_changed = false;        // in this heartbeat
    const std::optional<Assignment>& owned;   // what the client says it still has; nothing: it did not say
    const PartitionEpochs& owners;            // the group's partitions that somebody has
};

// The member as it shall be; fenced_member_epoch when a newer broker left it in a state unknown here.
Result<CurrentAssignment> reconcile(const ReconcileInput& input);

}  // namespace gregor::coordinator
