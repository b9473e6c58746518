// JoinGroup v0..v9 and the join phase.   v4 known member id (KIP-394) · v5 static members (KIP-345)
// v9 skipped assignment (KIP-814). The behaviour is that of Kafka 4.x' group coordinator.
#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/fault.h"
#include "coordinator/group/classic_group.h"

#include <fmt/format.h>

namespace gregor::coordinator {
namespace {

// How long a new member may wait in its first join: it has no id yet and cannot heartbeat.
constexpr auto k_new_member_join_timeout = Duration::seconds(300);

// The text form of java.util.UUID, version 4.
std::string random_java_uuid(Turn& turn) {
    const auto high = (turn.random() & ~0xf000ULL) | 0x4000ULL;
    const auto low = (turn.random() >> 2U) | 0x8000'0000'0000'0000ULL;
    return fmt::format("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", high >> 32U, high >> 16U & 0xffffU,
                       high & 0xffffU, low >> 48U, low & 0xffff'ffff'ffffULL);
}

JoinResult refused(ErrorCode error, std::string member_id) {
    JoinResult result;
    result.error = error;
    result.member_id = std::move(member_id);
    return result;
}

}  // namespace

// ---------------------------------------------------------------- who may join

void ClassicGroup::join(JoinRequest request, Turn& turn, JoinDone done) {
    if (!has_room_for(request.member_id)) {
        const auto member_id = request.member_id;
        if (members_.contains(member_id) || pending_members_.contains(member_id))
            remove_member(member_id, turn);
        return turn.answer(std::move(done), refused(ErrorCode::group_max_size_reached, {}));
    }
    if (!supports_protocols(request))
        return turn.answer(std::move(done),
                           refused(ErrorCode::inconsistent_group_protocol, request.member_id));
    if (request.member_id.empty())
        join_unknown(std::move(request), turn, std::move(done));
    else
        join_known(std::move(request), turn, std::move(done));
}

bool ClassicGroup::has_room_for(const std::string& member_id) const {
    const auto size_max = static_cast<std::size_t>(std::max(config_.max_size, 0));
    const auto member = members_.find(member_id);
    switch (state_) {
        case ClassicGroupState::empty: return true;
        case ClassicGroupState::preparing_rebalance: {
            if (member != members_.end() && member->second.join) return true;
            const auto waiting =
                std::ranges::count_if(members_, [](const auto& m) { return bool(m.second.join); });
            return static_cast<std::size_t>(waiting) < size_max;
        }
        case ClassicGroupState::completing_rebalance:
        case ClassicGroupState::stable: return member != members_.end() || members_.size() < size_max;
    }
    UNREACHABLE();
}

// A group only takes members that share its type and at least one protocol with every member it has.
bool ClassicGroup::supports_protocols(const JoinRequest& request) const {
    if (state_ == ClassicGroupState::empty)
        return !request.protocol_type.empty() && !request.protocols.empty();
    if (request.protocol_type != protocol_type_) return false;
    return std::ranges::any_of(request.protocols, [&](const MemberProtocol& offered) {
        return std::ranges::all_of(members_, [&](const auto& m) { return m.second.supports(offered.name); });
    });
}

void ClassicGroup::join_unknown(JoinRequest request, Turn& turn, JoinDone done) {
    const auto& prefix = request.instance_id ? *request.instance_id : request.client_id;
    auto member_id = prefix + "-" + random_java_uuid(turn);
    if (request.instance_id && static_members_.contains(*request.instance_id))
        return replace_static_member(std::move(request), std::move(member_id), turn, std::move(done));
    if (!request.instance_id && request.requires_known_member_id) {
        const auto deadline = turn.now() + Duration::millis(request.session_timeout_ms);
        pending_members_[member_id] = deadline;
        watch(deadline, turn);
        return turn.answer(std::move(done), refused(ErrorCode::member_id_required, std::move(member_id)));
    }
    request.member_id = std::move(member_id);
    add_member(std::move(request), turn, std::move(done));
}

void ClassicGroup::join_known(JoinRequest request, Turn& turn, JoinDone done) {
    if (pending_members_.contains(request.member_id)) {
        if (request.instance_id)
            return turn.answer(std::move(done), refused(ErrorCode::unknown_server_error, {}));
        return add_member(std::move(request), turn, std::move(done));
    }
    if (const auto error = validate_member(request.member_id, request.instance_id); error != ErrorCode::none)
        return turn.answer(std::move(done), refused(error, request.member_id));
    auto& member = members_.at(request.member_id);
    rejoin(member, std::move(request), turn, std::move(done));
}

// A member that joins again with what it had before may just have missed the answer.
void ClassicGroup::rejoin(ClassicMember& member, JoinRequest request, Turn& turn, JoinDone done) {
    const bool unchanged = member.protocols == request.protocols;
    switch (state_) {
        case ClassicGroupState::preparing_rebalance:
            return update_member(member, std::move(request), turn, std::move(done));
        case ClassicGroupState::completing_rebalance:
            if (unchanged) return turn.answer(std::move(done), joined(member));
            return update_member(member, std::move(request), turn, std::move(done));
        case ClassicGroupState::stable:
            if (unchanged && member.id != leader_id_)
                return turn.answer(std::move(done), current_generation(member));
            return update_member(member, std::move(request), turn, std::move(done));
        case ClassicGroupState::empty:
            return turn.answer(std::move(done), refused(ErrorCode::unknown_member_id, request.member_id));
    }
    UNREACHABLE();
}

// ---------------------------------------------------------------- members come and change

void ClassicGroup::add_member(JoinRequest request, Turn& turn, JoinDone done) {
    if (state_ == ClassicGroupState::preparing_rebalance && previous_state_ == ClassicGroupState::empty)
        new_member_added_ = true;
    if (members_.empty()) protocol_type_ = request.protocol_type;
    if (!leader_id_) leader_id_ = request.member_id;
    pending_members_.erase(request.member_id);
    if (request.instance_id) static_members_[*request.instance_id] = request.member_id;

    note_cause(RebalanceCause::member_joined, request.member_id, request.reason, turn);
    auto& member = members_[request.member_id];
    member.id = std::move(request.member_id);
    member.instance_id = std::move(request.instance_id);
    member.client_id = std::move(request.client_id);
    member.client_host = std::move(request.client_host);
    member.rebalance_timeout_ms = request.rebalance_timeout_ms;
    member.session_timeout_ms = request.session_timeout_ms;
    member.protocols = std::move(request.protocols);
    member.is_new = true;
    member.join = std::move(done);
    member.session_deadline = turn.now() + k_new_member_join_timeout;
    watch(member.session_deadline, turn);
    rebalance_or_complete(turn);
}

void ClassicGroup::update_member(ClassicMember& member, JoinRequest request, Turn& turn, JoinDone done) {
    if (state_ != ClassicGroupState::preparing_rebalance)  // else it does what it is asked to
        note_cause(RebalanceCause::member_changed, member.id, request.reason, turn);
    member.protocols = std::move(request.protocols);
    member.rebalance_timeout_ms = request.rebalance_timeout_ms;
    member.session_timeout_ms = request.session_timeout_ms;
    // Only a member that gave up on its first request asks a second time; nobody reads the first answer.
    if (member.join)
        turn.answer(std::move(member.join), refused(ErrorCode::rebalance_in_progress, member.id));
    member.join = std::move(done);
    rebalance_or_complete(turn);
}

// A static member came back without its member id: it takes the place of its former self.
void ClassicGroup::replace_static_member(JoinRequest request, std::string new_id, Turn& turn, JoinDone done) {
    REACHED("static_member_replaced");
    auto& current_id = static_members_.at(*request.instance_id);
    const auto old_id = std::exchange(current_id, new_id);
    const auto old_leader = leader_id_.value_or("");
    auto node = members_.extract(old_id);
    ASSERT(!node.empty());
    forget_pending_sync(old_id);
    node.key() = new_id;
    auto& member = members_.insert(std::move(node)).position->second;
    member.id = new_id;
    if (leader_id_ == old_id) leader_id_ = new_id;
    if (member.join) turn.answer(std::move(member.join), refused(ErrorCode::fenced_instance_id, old_id));
    if (member.sync) turn.answer(std::move(member.sync), SyncResult{.error = ErrorCode::fenced_instance_id});

    const bool skips_assignment = request.supports_skipping_assignment;
    member.is_new = false;
    member.protocols = std::move(request.protocols);
    member.rebalance_timeout_ms = request.rebalance_timeout_ms;
    member.session_timeout_ms = request.session_timeout_ms;
    member.join = std::move(done);
    watch_session(member, turn);

    switch (state_) {
        case ClassicGroupState::stable:
            if (select_protocol() == protocol_)
                return answer_replacement(member, skips_assignment, old_leader, turn);
            note_cause(RebalanceCause::member_replaced, member.id, request.reason, turn);
            return prepare_rebalance(turn);
        case ClassicGroupState::completing_rebalance:
            note_cause(RebalanceCause::member_replaced, member.id, request.reason, turn);
            return prepare_rebalance(turn);  // the leader may be assigning to the old id right now
        case ClassicGroupState::preparing_rebalance: return maybe_complete_join(turn);
        case ClassicGroupState::empty: break;  // has no members
    }
    UNREACHABLE();
}

// No rebalance: only the new id is written. Before v9 a leader is told that the old one leads, so that it
// does not assign; since v9 it gets the members and is told to skip the assignment.
void ClassicGroup::answer_replacement(ClassicMember& member, bool skips_assignment, std::string old_leader,
                                      Turn& turn) {
    auto done = std::move(member.join);
    std::vector<CoordinatorRecord> records;
    records.push_back(record());
    if (const auto appended = turn.append(std::move(records)); !appended)
        return turn.answer(std::move(done), refused(ErrorCode::unknown_server_error, {}));
    auto result = current_generation(member);
    if (skips_assignment && leader_id_ == member.id) {
        result.skip_assignment = true;
        result.members = members_for_leader();
    } else if (!skips_assignment) {
        result.leader_id = std::move(old_leader);
    }
    turn.answer(std::move(done), std::move(result));
}

// ---------------------------------------------------------------- the join phase

void ClassicGroup::rebalance_or_complete(Turn& turn) {
    if (state_ == ClassicGroupState::preparing_rebalance)
        maybe_complete_join(turn);
    else
        prepare_rebalance(turn);
}

void ClassicGroup::prepare_rebalance(Turn& turn) {
    ASSERT(state_ != ClassicGroupState::preparing_rebalance);
    if (state_ == ClassicGroupState::completing_rebalance) fail_syncs(ErrorCode::rebalance_in_progress, turn);
    sync_deadline_ = Instant::never();
    pending_syncs_.clear();

    const bool is_initial = state_ == ClassicGroupState::empty;
    transition(ClassicGroupState::preparing_rebalance, turn);
    if (is_initial) {
        // More members of a starting application are about to come: wait for them, and longer if they do.
        initial_delay_ms_ = config_.initial_rebalance_delay_ms;
        initial_remaining_ms_ = std::max(max_rebalance_timeout_ms() - initial_delay_ms_, 0);
        new_member_added_ = false;
        join_deadline_ = turn.now() + Duration::millis(initial_delay_ms_);
        return watch(join_deadline_, turn);
    }
    if (all_joined()) return complete_join(turn);
    join_deadline_ = turn.now() + Duration::millis(max_rebalance_timeout_ms());
    watch(join_deadline_, turn);
}

// The first rebalance of a group always sits out its delay; every other ends when everybody is there.
void ClassicGroup::maybe_complete_join(Turn& turn) {
    if (state_ == ClassicGroupState::preparing_rebalance && previous_state_ != ClassicGroupState::empty &&
        all_joined())
        complete_join(turn);
}

void ClassicGroup::extend_initial_delay(Turn& turn) {
    ASSERT(previous_state_ == ClassicGroupState::empty);
    if (!new_member_added_ || initial_remaining_ms_ == 0) return complete_join(turn);
    REACHED("initial_delay_extended");
    new_member_added_ = false;
    const auto delay_ms = std::min(config_.initial_rebalance_delay_ms, initial_remaining_ms_);
    initial_remaining_ms_ = std::max(initial_remaining_ms_ - initial_delay_ms_, 0);
    initial_delay_ms_ = delay_ms;
    join_deadline_ = turn.now() + Duration::millis(delay_ms);
    watch(join_deadline_, turn);
}

void ClassicGroup::complete_join(Turn& turn) {
    ASSERT(state_ == ClassicGroupState::preparing_rebalance);
    join_deadline_ = Instant::never();
    std::vector<std::string> absent;  // static members stay until their session ends
    for (const auto& [id, member] : members_)
        if (!member.join && !member.instance_id) absent.push_back(id);
    for (const auto& id : absent) remove_member(id, turn);

    if (!elect_joined_leader() && !members_.empty()) {
        join_deadline_ = turn.now() + Duration::millis(max_rebalance_timeout_ms());
        return watch(join_deadline_, turn);
    }
    ++generation_;
    if (!members_.empty()) return start_generation(turn);

    protocol_.reset();
    read_subscriptions();
    transition(ClassicGroupState::empty, turn);
    std::vector<CoordinatorRecord> records;
    records.push_back(record());
    const auto appended = turn.append(std::move(records));
    ASSERT(appended.has_value());  // an empty group's record is small
}

void ClassicGroup::start_generation(Turn& turn) {
    protocol_ = select_protocol();
    read_subscriptions();
    transition(ClassicGroupState::completing_rebalance, turn);
    for (auto& [id, member] : members_) {
        pending_syncs_.insert(id);
        member.is_new = false;
        watch_session(member, turn);
        if (member.join) turn.answer(std::move(member.join), joined(member));
    }
    sync_deadline_ = turn.now() + Duration::millis(max_rebalance_timeout_ms());
    watch(sync_deadline_, turn);
}

bool ClassicGroup::all_joined() const {
    return pending_members_.empty() &&
           std::ranges::all_of(members_, [](const auto& m) { return bool(m.second.join); });
}

bool ClassicGroup::elect_joined_leader() {
    if (!leader_id_) return false;
    if (members_.at(*leader_id_).join) return true;
    const auto found = std::ranges::find_if(members_, [](const auto& m) { return bool(m.second.join); });
    if (found == members_.end()) return false;
    leader_id_ = found->first;
    return true;
}

// Among the protocols that everybody supports, each member votes for its own first.
std::string ClassicGroup::select_protocol() const {
    const auto is_candidate = [this](const MemberProtocol& protocol) {
        return std::ranges::all_of(members_, [&](const auto& m) { return m.second.supports(protocol.name); });
    };
    std::vector<std::string> candidates;
    for (const auto& protocol : members_.begin()->second.protocols)
        if (is_candidate(protocol)) candidates.push_back(protocol.name);
    std::map<std::string, int> votes;
    for (const auto& [id, member] : members_) {
        const auto first = std::ranges::find_if(member.protocols, [&](const MemberProtocol& protocol) {
            return std::ranges::find(candidates, protocol.name) != candidates.end();
        });
        if (first != member.protocols.end()) ++votes[first->name];
    }
    ASSERT(!votes.empty());  // supports_protocols kept every member compatible
    return std::ranges::max_element(votes, {}, [](const auto& vote) { return vote.second; })->first;
}

// ---------------------------------------------------------------- answers

JoinResult ClassicGroup::current_generation(const ClassicMember& member) const {
    JoinResult result;
    result.generation = generation_;
    result.protocol_type = protocol_type_;
    result.protocol_name = protocol_;
    result.leader_id = leader_id_.value_or("");
    result.member_id = member.id;
    return result;
}

JoinResult ClassicGroup::joined(const ClassicMember& member) const {
    auto result = current_generation(member);
    if (leader_id_ == member.id) result.members = members_for_leader();
    return result;
}

std::vector<JoinedMember> ClassicGroup::members_for_leader() const {
    std::vector<JoinedMember> members;
    members.reserve(members_.size());
    for (const auto& [id, member] : members_)
        members.push_back({.member_id = id,
                           .instance_id = member.instance_id,
                           .metadata = member.metadata(protocol_.value_or(""))});
    return members;
}

}  // namespace gregor::coordinator
