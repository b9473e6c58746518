#include "coordinator/group/consumer/reconcile.h"

#include <utility>

#include "base/fault.h"

namespace gregor::coordinator {
namespace {

void advance(CurrentAssignment& member, std::int32_t epoch) {
    member.previous_epoch = std::exchange(member.epoch, epoch);
}

// A client that does not say what it has may still have everything.
bool may_own_any(const ReconcileInput& input, const PartitionEpochs& revoked) {
    if (PLANTED_BUG("consumer_group_does_not_wait_for_revocation")) return false;
    return !input.owned || contains_any(revoked, *input.owned);
}

// The member's share of one topic, from what it has and what it shall have.
struct Parts {
    PartitionEpochs kept;
    PartitionEpochs revoked;
    Assignment added;
    bool has_unreleased = false;
};

void split_topic(const ReconcileInput& input, Uuid topic_id, const std::set<std::int32_t>& target,
                 Parts& parts) {
    if (const auto found = input.current.assigned.find(topic_id); found != input.current.assigned.end())
        for (const auto& [partition, epoch] : found->second)
            (target.contains(partition) ? parts.kept : parts.revoked)[topic_id][partition] = epoch;
    for (const auto partition : target) {
        if (contains(input.current.assigned, topic_id, partition)) continue;
        // What the member itself is about to give back is in nobody else's way.
        const bool is_owned_by_another = contains(input.owners, topic_id, partition) &&
                                         !contains(input.current.pending_revocation, topic_id, partition) &&
                                         !PLANTED_BUG("consumer_group_hands_out_owned_partitions");
        if (is_owned_by_another)
            parts.has_unreleased = true;
        else
            parts.added[topic_id].insert(partition);
    }
}

Parts split(const ReconcileInput& input) {
    static const std::set<std::int32_t> nothing;
    Parts parts;
    std::set<Uuid> topics;
    for (const auto& [topic_id, partitions] : input.target) topics.insert(topic_id);
    for (const auto& [topic_id, partitions] : input.current.assigned) topics.insert(topic_id);
    for (const auto topic_id : topics) {
        const auto target = input.target.find(topic_id);
        const bool is_wanted = target != input.target.end() && input.subscribed_topics.contains(topic_id);
        split_topic(input, topic_id, is_wanted ? target->second : nothing, parts);
    }
    return parts;
}

CurrentAssignment next_assignment(const ReconcileInput& input, std::int32_t epoch) {
    auto parts = split(input);
    auto next = input.current;
    next.assigned = std::move(parts.kept);
    if (!parts.revoked.empty() && may_own_any(input, parts.revoked)) {
        next.state = MemberState::unrevoked_partitions;
        advance(next, epoch);
        next.pending_revocation = std::move(parts.revoked);
        return next;
    }
    for (const auto& [topic_id, partitions] : parts.added)
        for (const auto partition : partitions) next.assigned[topic_id][partition] = input.target_epoch;
    next.state = parts.has_unreleased ? MemberState::unreleased_partitions : MemberState::stable;
    if (parts.has_unreleased) REACHED("consumer_group_member_waits_for_partitions");
    advance(next, input.target_epoch);
    next.pending_revocation.clear();
    return next;
}

// Takes away what the member no longer subscribes to, without waiting for a new target.
CurrentAssignment without_unsubscribed(const ReconcileInput& input) {
    auto next = input.current;
    for (const auto& [topic_id, epochs] : input.current.assigned) {
        if (input.subscribed_topics.contains(topic_id)) continue;
        next.assigned.erase(topic_id);
        next.pending_revocation[topic_id].insert(epochs.begin(), epochs.end());
    }
    if (next.assigned == input.current.assigned) return input.current;
    advance(next, next.epoch);
    if (may_own_any(input, next.pending_revocation))
        next.state = MemberState::unrevoked_partitions;
    else
        next.pending_revocation = input.current.pending_revocation;
    return next;
}

}  // namespace

Result<CurrentAssignment> reconcile(const ReconcileInput& input) {
    const auto& current = input.current;
    switch (current.state) {
        case MemberState::stable:
            if (current.epoch != input.target_epoch) return next_assignment(input, current.epoch);
            return input.subscription_changed ? without_unsubscribed(input) : current;
        case MemberState::unrevoked_partitions:
            if (!may_own_any(input, current.pending_revocation)) return next_assignment(input, current.epoch);
            return input.subscription_changed ? without_unsubscribed(input) : current;
        case MemberState::unreleased_partitions: return next_assignment(input, current.epoch);
        case MemberState::unknown: break;
    }
    if (!input.owned || !input.owned->empty())
        return fail(
            ErrorCode::fenced_member_epoch,
            "The consumer group member is in a unknown state. The member must abandon all its partitions "
            "and rejoin.");
    return next_assignment(input, input.target_epoch);
}

}  // namespace gregor::coordinator
