// SyncGroup v0..v5: the leader hands in the assignment, everybody gets theirs.   v3 static members · v5 names
// the protocol.
#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/fault.h"
#include "coordinator/group/classic_group.h"

namespace gregor::coordinator {

ErrorCode ClassicGroup::check_sync(const SyncRequest& request) const {
    if (is_empty()) return ErrorCode::unknown_member_id;
    if (const auto error = validate_member(request.member_id, request.instance_id); error != ErrorCode::none)
        return error;
    if (!is_current(request.generation)) return ErrorCode::illegal_generation;
    if (request.protocol_type && *request.protocol_type != protocol_type_)
        return ErrorCode::inconsistent_group_protocol;
    if (request.protocol_name && protocol_ && *request.protocol_name != *protocol_)
        return ErrorCode::inconsistent_group_protocol;
    if (state_ == ClassicGroupState::preparing_rebalance) return ErrorCode::rebalance_in_progress;
    return ErrorCode::none;
}

void ClassicGroup::sync(SyncRequest request, Turn& turn, SyncDone done) {
    if (const auto error = check_sync(request); error != ErrorCode::none)
        return turn.answer(std::move(done), SyncResult{.error = error});
    forget_pending_sync(request.member_id);
    auto& member = members_.at(request.member_id);
    if (state_ == ClassicGroupState::stable) return turn.answer(std::move(done), synced(member));

    ASSERT(state_ == ClassicGroupState::completing_rebalance);
    if (member.sync)
        turn.answer(std::move(member.sync), SyncResult{.error = ErrorCode::rebalance_in_progress});
    member.sync = std::move(done);
    if (leader_id_ == member.id) complete_sync(std::move(request.assignments), turn);
}

// The generation is settled by one record; every answer waits for it.
void ClassicGroup::complete_sync(std::vector<SyncRequest::Assignment> assignments, Turn& turn) {
    const bool keeps_old = PLANTED_BUG("group_answers_from_wrong_generation");
    for (auto& [id, member] : members_)
        if (!keeps_old) member.assignment.clear();
    for (auto& [member_id, assignment] : assignments) {
        const auto found = members_.find(member_id);
        if (found == members_.end() || (keeps_old && !found->second.assignment.empty())) continue;
        found->second.assignment = std::move(assignment);
    }

    std::vector<CoordinatorRecord> records;
    records.push_back(record());
    if (const auto appended = turn.append(std::move(records)); !appended) {
        fail_syncs(ErrorCode::unknown_server_error, turn);
        note_cause(RebalanceCause::assignment_not_stored, leader_id_.value_or(""), {}, turn);
        return prepare_rebalance(turn);
    }
    transition(ClassicGroupState::stable, turn);
    for (auto& [id, member] : members_) {
        if (!member.sync) continue;
        watch_session(member, turn);
        turn.answer(std::move(member.sync), synced(member));
    }
}

void ClassicGroup::fail_syncs(ErrorCode error, Turn& turn) {
    for (auto& [id, member] : members_) {
        member.assignment.clear();
        if (!member.sync) continue;
        watch_session(member, turn);
        turn.answer(std::move(member.sync), SyncResult{.error = error});
    }
}

void ClassicGroup::forget_pending_sync(const std::string& member_id) {
    pending_syncs_.erase(member_id);
    if (pending_syncs_.empty()) sync_deadline_ = Instant::never();
}

SyncResult ClassicGroup::synced(const ClassicMember& member) const {
    return {.error = ErrorCode::none,
            .protocol_type = protocol_type_,
            .protocol_name = protocol_,
            .assignment = member.assignment};
}

}  // namespace gregor::coordinator
