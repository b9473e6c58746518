// Whether a member of a consumer group may commit and fetch, by its epoch (KIP-848, KIP-1251).
#include <optional>

#include "base/fault.h"
#include "coordinator/group/group_machine.h"

namespace gregor::coordinator {
namespace {

bool has_identity(const OffsetCommitRequest& request) {
    return request.generation != k_no_generation || !request.member_id.empty() || request.instance_id;
}

// Since when the member has the partition, or shall give it back; nothing: it has not.
std::optional<std::int32_t> assignment_epoch(const CurrentAssignment& current, Uuid topic_id,
                                             std::int32_t partition) {
    for (const auto* partitions : {&current.assigned, &current.pending_revocation})
        if (contains(*partitions, topic_id, partition)) return partitions->at(topic_id).at(partition);
    return std::nullopt;
}

}  // namespace

// A member that has moved on meanwhile may still commit what was its own in the epoch that it names. Nobody
// asks whose the partitions are that are refused for their metadata.
bool GroupMachine::owned_all_since(const CurrentAssignment& current,
                                   const OffsetCommitRequest& request) const {
    if (PLANTED_BUG("consumer_group_accepts_stale_commits")) return true;
    for (const auto& topic : request.topics)
        for (const auto& partition : topic.partitions) {
            if (is_too_large(partition.metadata)) continue;
            const auto since = assignment_epoch(current, topic.topic_id, partition.partition);
            if (!since || request.generation < *since) return false;
        }
    return true;
}

ErrorCode GroupMachine::check_consumer_commit(const ConsumerGroup& group,
                                              const OffsetCommitRequest& request) const {
    if (request.generation < 0 && group.is_empty()) return ErrorCode::none;  // an admin
    if (request.transaction && !has_identity(request)) return ErrorCode::none;
    const auto* member = group.find(request.member_id);
    if (member == nullptr) return ErrorCode::unknown_member_id;
    if (!request.transaction && !member->is_classic() && !request.knows_member_epochs)
        return ErrorCode::unsupported_version;
    const auto& current = member->current;
    if (request.generation == current.epoch) return ErrorCode::none;
    if (request.generation < current.epoch && owned_all_since(current, request)) return ErrorCode::none;
    const bool speaks_of_generations = member->is_classic() || request.transaction.has_value();
    return speaks_of_generations ? ErrorCode::illegal_generation : ErrorCode::stale_member_epoch;
}

ErrorCode GroupMachine::check_fetch(const OffsetFetchRequest& request) const {
    const auto found = consumer_groups_.find(request.group_id);
    if (found == consumer_groups_.end()) return ErrorCode::none;
    if (!request.member_id && request.member_epoch < 0) return ErrorCode::none;
    const auto* member = found->second.find(request.member_id.value_or(""));
    if (member == nullptr) return ErrorCode::unknown_member_id;
    if (request.member_epoch == member->current.epoch) return ErrorCode::none;
    return member->is_classic() ? ErrorCode::illegal_generation : ErrorCode::stale_member_epoch;
}

}  // namespace gregor::coordinator
