#include "coordinator/group/classic_group.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/fault.h"
#include "base/format.h"
#include "base/log.h"
#include "coordinator/group/consumer/consumer_protocol.h"

namespace gregor::coordinator {

std::string_view state_name(ClassicGroupState state) {
    switch (state) {
        case ClassicGroupState::empty: return "Empty";
        case ClassicGroupState::preparing_rebalance: return "PreparingRebalance";
        case ClassicGroupState::completing_rebalance: return "CompletingRebalance";
        case ClassicGroupState::stable: return "Stable";
    }
    UNREACHABLE();
}

bool ClassicMember::supports(std::string_view protocol) const {
    return std::ranges::find(protocols, protocol, &MemberProtocol::name) != protocols.end();
}

const OwnedBytes& ClassicMember::metadata(std::string_view protocol) const {
    static const OwnedBytes none;
    const auto found = std::ranges::find(protocols, protocol, &MemberProtocol::name);
    return found == protocols.end() ? none : found->metadata;
}

// ---------------------------------------------------------------- from and to its record

ClassicGroup::ClassicGroup(std::string id, const GroupConfig& config, std::int64_t wall_clock_ms)
    : id_(std::move(id)), config_(config), state_timestamp_ms_(wall_clock_ms) {}

ClassicGroup::ClassicGroup(std::string id, const GroupConfig& config, const StoredGroup& stored)
    : id_(std::move(id)),
      config_(config),
      state_(stored.members.empty() ? ClassicGroupState::empty : ClassicGroupState::stable),
      state_timestamp_ms_(stored.current_state_timestamp_ms),
      generation_(stored.generation),
      protocol_type_(stored.protocol_type),
      protocol_(stored.protocol) {
    for (const auto& from : stored.members) {
        auto& member = members_[from.member_id];
        member.id = from.member_id;
        member.instance_id = from.instance_id;
        member.client_id = from.client_id;
        member.client_host = from.client_host;
        member.session_timeout_ms = from.session_timeout_ms;
        member.rebalance_timeout_ms =
            from.rebalance_timeout_ms < 0 ? from.session_timeout_ms : from.rebalance_timeout_ms;
        member.protocols.push_back({.name = protocol_.value_or(""), .metadata = from.subscription});
        member.assignment = from.assignment;
        if (from.instance_id) static_members_[*from.instance_id] = from.member_id;
    }
    if (stored.leader && members_.contains(*stored.leader))
        leader_id_ = stored.leader;
    else if (!members_.empty())
        leader_id_ = members_.begin()->first;
    read_subscriptions();
}

ClassicGroup::ClassicGroup(std::string id, const GroupConfig& config, Converted converted,
                           std::int64_t wall_clock_ms)
    : id_(std::move(id)),
      config_(config),
      state_(ClassicGroupState::stable),
      state_timestamp_ms_(wall_clock_ms),
      generation_(converted.generation),
      protocol_type_(k_consumer_protocol_type) {
    ASSERT(!converted.members.empty());
    leader_id_ = converted.members.front().id;
    for (auto& member : converted.members) {
        if (member.instance_id) static_members_[*member.instance_id] = member.id;
        members_.emplace(member.id, std::move(member));
    }
    protocol_ = select_protocol();
    read_subscriptions();
}

const OwnedBytes& ClassicGroup::subscription_of(const std::string& member_id) const {
    return members_.at(member_id).metadata(protocol_.value_or(""));
}

void ClassicGroup::assign(const std::string& member_id, OwnedBytes assignment) {
    members_.at(member_id).assignment = std::move(assignment);
}

void ClassicGroup::on_downgraded(std::optional<RebalanceCause> cause, const std::string& member_id,
                                 Turn& turn) {
    for (auto& [id, member] : members_) watch_session(member, turn);
    if (!cause) return;
    note_cause(*cause, member_id, {}, turn);
    prepare_rebalance(turn);
}

void ClassicGroup::send_away(Turn& turn) {
    for (auto& [id, member] : members_) {
        if (member.join) {
            JoinResult result;
            result.error = ErrorCode::rebalance_in_progress;
            result.member_id = id;
            turn.answer(std::move(member.join), std::move(result));
        }
        if (member.sync)
            turn.answer(std::move(member.sync), SyncResult{.error = ErrorCode::rebalance_in_progress});
    }
}

StoredGroup ClassicGroup::stored() const {
    StoredGroup stored{.protocol_type = protocol_type_,
                       .generation = generation_,
                       .protocol = protocol_,
                       .leader = leader_id_,
                       .current_state_timestamp_ms = state_timestamp_ms_,
                       .members = {}};
    for (const auto& [id, member] : members_)
        stored.members.push_back({.member_id = id,
                                  .instance_id = member.instance_id,
                                  .client_id = member.client_id,
                                  .client_host = member.client_host,
                                  .rebalance_timeout_ms = member.rebalance_timeout_ms,
                                  .session_timeout_ms = member.session_timeout_ms,
                                  .subscription = member.metadata(protocol_.value_or("")),
                                  .assignment = member.assignment});
    return stored;
}

CoordinatorRecord ClassicGroup::record() const { return group_record(id_, stored()); }

void ClassicGroup::on_loaded(Turn& turn) {
    for (auto& [id, member] : members_) watch_session(member, turn);
    if (state_ == ClassicGroupState::stable &&
        members_.size() > static_cast<std::size_t>(std::max(config_.max_size, 0))) {
        note_cause(RebalanceCause::group_too_large, {}, {}, turn);
        prepare_rebalance(turn);
    }
}

void ClassicGroup::on_unload(const Error& why) {
    for (auto& [id, member] : members_) {
        if (member.join) member.join(std::unexpected(why));
        if (member.sync) member.sync(std::unexpected(why));
    }
}

// ---------------------------------------------------------------- members that are there

ErrorCode ClassicGroup::validate_member(const std::string& member_id,
                                        const std::optional<std::string>& instance_id) const {
    if (instance_id) {
        const auto known = static_members_.find(*instance_id);
        if (known == static_members_.end()) return ErrorCode::unknown_member_id;
        if (known->second != member_id) return ErrorCode::fenced_instance_id;
    }
    return members_.contains(member_id) ? ErrorCode::none : ErrorCode::unknown_member_id;
}

bool ClassicGroup::is_current(std::int32_t generation) const { return generation == generation_; }

ErrorCode ClassicGroup::heartbeat(const HeartbeatRequest& request, Turn& turn) {
    if (const auto error = validate_member(request.member_id, request.instance_id); error != ErrorCode::none)
        return error;
    if (!is_current(request.generation)) return ErrorCode::illegal_generation;
    watch_session(members_.at(request.member_id), turn);
    return state_ == ClassicGroupState::preparing_rebalance ? ErrorCode::rebalance_in_progress
                                                            : ErrorCode::none;
}

ErrorCode ClassicGroup::accept_commit(const OffsetCommitRequest& request, Turn& turn) {
    if (request.generation < 0 && is_empty()) return ErrorCode::none;  // a consumer without a group, an admin
    const bool has_identity =
        request.generation >= 0 || !request.member_id.empty() || request.instance_id.has_value();
    if (!has_identity) {  // older transactional producers do not know theirs
        return request.transaction ? ErrorCode::none : ErrorCode::unknown_member_id;
    }
    if (const auto error = validate_member(request.member_id, request.instance_id); error != ErrorCode::none)
        return error;
    if (!is_current(request.generation)) return ErrorCode::illegal_generation;
    if (request.transaction) return ErrorCode::none;
    if (state_ == ClassicGroupState::completing_rebalance) return ErrorCode::rebalance_in_progress;
    watch_session(members_.at(request.member_id), turn);
    return ErrorCode::none;
}

LeaveResult ClassicGroup::leave(const LeaveRequest& request, Turn& turn) {
    LeaveResult result;
    bool anybody_left = false;
    for (const auto& leaving : request.members) {
        const auto error = leave_one(leaving, turn);
        anybody_left = anybody_left || error == ErrorCode::none;
        result.members.push_back(
            {.member_id = leaving.member_id, .instance_id = leaving.instance_id, .error = error});
    }
    if (anybody_left) after_removal(turn);
    return result;
}

// An administrator removes a static member by its instance id alone.
ErrorCode ClassicGroup::leave_one(const LeaveRequest::Member& leaving, Turn& turn) {
    if (leaving.member_id.empty()) {
        const auto known =
            leaving.instance_id ? static_members_.find(*leaving.instance_id) : static_members_.end();
        if (known == static_members_.end()) return ErrorCode::unknown_member_id;
        const auto member_id = std::string(known->second);
        note_cause(RebalanceCause::member_left, member_id, leaving.reason, turn);
        remove_member(member_id, turn);
        return ErrorCode::none;
    }
    if (!pending_members_.contains(leaving.member_id))
        if (const auto error = validate_member(leaving.member_id, leaving.instance_id);
            error != ErrorCode::none)
            return error;
    if (members_.contains(leaving.member_id))
        note_cause(RebalanceCause::member_left, leaving.member_id, leaving.reason, turn);
    remove_member(leaving.member_id, turn);
    return ErrorCode::none;
}

void ClassicGroup::remove_member(const std::string& member_id, Turn& turn) {
    pending_members_.erase(member_id);
    forget_pending_sync(member_id);
    auto node = members_.extract(member_id);
    if (node.empty()) return;
    auto& member = node.mapped();
    if (member.join) {
        JoinResult result;
        result.error = ErrorCode::unknown_member_id;
        turn.answer(std::move(member.join), std::move(result));
    }
    if (member.sync) turn.answer(std::move(member.sync), SyncResult{.error = ErrorCode::unknown_member_id});
    if (member.instance_id) static_members_.erase(*member.instance_id);
    if (leader_id_ != member.id) return;
    leader_id_.reset();
    if (!members_.empty()) leader_id_ = members_.begin()->first;
}

void ClassicGroup::after_removal(Turn& turn) {
    switch (state_) {
        case ClassicGroupState::stable:
        case ClassicGroupState::completing_rebalance: return prepare_rebalance(turn);
        case ClassicGroupState::preparing_rebalance: return maybe_complete_join(turn);
        case ClassicGroupState::empty: return;
    }
    UNREACHABLE();
}

void ClassicGroup::transition(ClassicGroupState to, Turn& turn) {
    const auto from = state_name(state_);
    const auto group = std::string_view(id_);
    LOG_DEBUG("group_transitioned", group, from, state_name(to), generation_);
    previous_state_ = state_;
    state_ = to;
    state_timestamp_ms_ = turn.wall_clock_ms();
    if (to == ClassicGroupState::stable || to == ClassicGroupState::empty)
        history_.end({.now_ms = state_timestamp_ms_, .generation = generation_, .members = members_.size()});
}

void ClassicGroup::note_cause(RebalanceCause cause, std::string_view member_id, std::string_view reason,
                              Turn& turn) {
    history_.start(
        {.cause = cause, .member_id = member_id, .reason = reason, .now_ms = turn.wall_clock_ms()});
}

// ---------------------------------------------------------------- time

void ClassicGroup::watch_session(ClassicMember& member, Turn& turn) {
    member.session_deadline = turn.now() + Duration::millis(member.session_timeout_ms);
    watch(member.session_deadline, turn);
}

void ClassicGroup::watch(Instant deadline, Turn& turn) {
    if (deadline >= alarm_at_) return;
    alarm_at_ = deadline;
    turn.set_alarm(deadline, id_);
}

void ClassicGroup::on_alarm(Turn& turn) {
    if (turn.now() < alarm_at_) return;  // an earlier alarm took this one's place
    alarm_at_ = Instant::never();
    for (auto due = next_due(); due.when <= turn.now(); due = next_due()) expire(due, turn);
    if (const auto due = next_due(); due.when != Instant::never()) watch(due.when, turn);
}

ClassicGroup::Due ClassicGroup::next_due() const {
    Due due{.when = join_deadline_, .wait = Wait::join, .member_id = {}};
    if (sync_deadline_ < due.when) due = {.when = sync_deadline_, .wait = Wait::sync, .member_id = {}};
    for (const auto& [id, deadline] : pending_members_)
        if (deadline < due.when) due = {.when = deadline, .wait = Wait::pending_member, .member_id = id};
    for (const auto& [id, member] : members_)
        if (member.session_deadline < due.when)
            due = {.when = member.session_deadline, .wait = Wait::member, .member_id = id};
    return due;
}

void ClassicGroup::expire(const Due& due, Turn& turn) {
    switch (due.wait) {
        case Wait::join:
            join_deadline_ = Instant::never();
            if (previous_state_ == ClassicGroupState::empty) return extend_initial_delay(turn);
            return complete_join(turn);
        case Wait::sync: sync_deadline_ = Instant::never(); return expire_pending_syncs(turn);
        case Wait::pending_member: remove_member(due.member_id, turn); return maybe_complete_join(turn);
        case Wait::member: {
            auto& member = members_.at(due.member_id);
            member.session_deadline = Instant::never();
            if (!member.is_new && (member.join || member.sync)) return;  // parked here: alive
            REACHED("group_member_expired");
            const auto group = std::string_view(id_);
            const auto member_id = std::string_view(due.member_id);
            LOG_INFO("group_member_expired", group, member_id);
            note_cause(RebalanceCause::member_expired, member_id, {}, turn);
            remove_member(due.member_id, turn);
            return after_removal(turn);
        }
    }
    UNREACHABLE();
}

void ClassicGroup::expire_pending_syncs(Turn& turn) {
    const auto late = std::exchange(pending_syncs_, {});
    if (!late.empty()) note_cause(RebalanceCause::member_did_not_sync, *late.begin(), {}, turn);
    for (const auto& id : late) remove_member(id, turn);
    prepare_rebalance(turn);
}

std::int32_t ClassicGroup::max_rebalance_timeout_ms() const {
    std::int32_t longest = 0;
    for (const auto& [id, member] : members_) longest = std::max(longest, member.rebalance_timeout_ms);
    return longest;
}

// ---------------------------------------------------------------- looking

DescribedGroup ClassicGroup::describe() const {
    DescribedGroup described;
    described.group_id = id_;
    described.state = state_name(state_);
    described.protocol_type = protocol_type_;
    const bool is_stable = state_ == ClassicGroupState::stable;
    if (is_stable) described.protocol = protocol_.value_or("");
    for (const auto& [id, member] : members_)
        described.members.push_back(
            {.member_id = id,
             .instance_id = member.instance_id,
             .client_id = member.client_id,
             .client_host = member.client_host,
             .metadata = is_stable ? member.metadata(described.protocol) : OwnedBytes{},
             .assignment = member.assignment});  // the old one too, until it is taken away
    return described;
}

void ClassicGroup::check_invariants() const {
    ASSERT(is_empty() == (state_ == ClassicGroupState::empty));
    ASSERT(state_ != ClassicGroupState::empty || members_.empty());
    ASSERT(members_.empty() == !leader_id_.has_value());
    ASSERT(!leader_id_ || members_.contains(*leader_id_));
    for (const auto& [instance, id] : static_members_) ASSERT(members_.at(id).instance_id == instance);
    for (const auto& id : pending_syncs_) ASSERT(members_.contains(id));
    for (const auto& [id, member] : members_) {
        ASSERT(member.id == id);
        ASSERT(!member.join || state_ == ClassicGroupState::preparing_rebalance);
        ASSERT(!member.sync || state_ == ClassicGroupState::completing_rebalance);
        ASSERT(!pending_members_.contains(id));
    }
}

}  // namespace gregor::coordinator
