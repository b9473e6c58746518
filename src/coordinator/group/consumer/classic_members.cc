// JoinGroup, SyncGroup, Heartbeat and LeaveGroup of members that speak the classic protocol in a consumer
// group: the server assigns to them, too; a rebalance is told to those alone who have to move.
#include <algorithm>
#include <utility>

#include "coordinator/group/consumer/consumer_protocol.h"
#include "coordinator/group/consumer/member_step.h"
#include "coordinator/group/group_machine.h"
#include "coordinator/runtime.h"

namespace gregor::coordinator {
namespace {

Assignment by_id(const std::map<std::string, std::vector<std::int32_t>>& topics,
                 const metadata::Image& image) {
    Assignment assignment;
    for (const auto& [name, partitions] : topics)
        if (const auto* topic = image.topic(name); topic != nullptr)
            assignment[topic->id].insert(partitions.begin(), partitions.end());
    return assignment;
}

MemberMetadata updated(MemberMetadata metadata, const JoinRequest& request,
                       const ConsumerSubscription& subscription) {
    if (request.instance_id) metadata.instance_id = request.instance_id;
    if (subscription.rack_id) metadata.rack_id = subscription.rack_id;
    if (request.rebalance_timeout_ms != -1) metadata.rebalance_timeout_ms = request.rebalance_timeout_ms;
    metadata.subscribed_topics = {subscription.topics.begin(), subscription.topics.end()};
    metadata.subscribed_regex = "";
    metadata.client_id = request.client_id;
    metadata.client_host = request.client_host;
    metadata.classic = {.session_timeout_ms = request.session_timeout_ms, .protocols = request.protocols};
    return metadata;
}

struct Found {
    const ConsumerMember* member = nullptr;
    ErrorCode error = ErrorCode::none;
};

Found find_member(const ConsumerGroup& group, const std::string& member_id,
                  const std::optional<std::string>& instance_id) {
    const auto* member = instance_id ? group.find_static(instance_id) : group.find(member_id);
    if (member == nullptr) return {.error = ErrorCode::unknown_member_id};
    if (member->id != member_id) return {.error = ErrorCode::fenced_instance_id};
    return {.member = member};
}

// One that must speak the classic protocol, in the epoch that it believes to be in.
Found find_classic_member(const ConsumerGroup& group, const std::string& member_id,
                          const std::optional<std::string>& instance_id, std::int32_t generation) {
    auto found = find_member(group, member_id, instance_id);
    if (found.error != ErrorCode::none) return found;
    if (!found.member->is_classic()) return {.error = ErrorCode::unknown_member_id};
    if (found.member->current.epoch != generation) return {.error = ErrorCode::illegal_generation};
    return found;
}

}  // namespace

// ---------------------------------------------------------------- join

void GroupMachine::join_consumer_group(JoinRequest request, Turn& turn, Done<JoinResult> done) {
    auto result = step_of_classic_member(std::move(request), turn);
    if (!result) result = JoinResult{.error = result.error().code};
    turn.answer(std::move(done), std::move(*result));
}

ErrorCode GroupMachine::check_classic_join(const ConsumerGroup& group, const JoinRequest& request) const {
    if (config_.consumer.migration == MigrationPolicy::disabled)
        return ErrorCode::inconsistent_group_protocol;
    const bool is_full = group.members().size() >= static_cast<std::size_t>(config_.consumer.max_size);
    if (is_full && group.find(request.member_id) == nullptr) return ErrorCode::group_max_size_reached;
    if (!group.supports_protocols(request.protocol_type, request.protocols))
        return ErrorCode::inconsistent_group_protocol;
    return ErrorCode::none;
}

// The member as it was; `is_new_id`: the coordinator has just named it.
Result<ConsumerMember> GroupMachine::classic_member_for_step(const ConsumerGroup& group,
                                                             const JoinRequest& request,
                                                             bool is_new_id) const {
    ConsumerMember fresh;
    fresh.id = request.member_id;
    const auto* holder = group.find_static(request.instance_id);
    if (request.instance_id && !is_new_id) {
        if (holder == nullptr) return fail(ErrorCode::unknown_member_id);
        if (holder->id != request.member_id) return fail(ErrorCode::fenced_instance_id);
        return *holder;
    }
    const auto* known = group.find(request.member_id);
    return known == nullptr ? fresh : *known;
}

Result<JoinResult> GroupMachine::step_of_classic_member(JoinRequest request, Turn& turn) {
    const auto group_id = request.group_id;
    const bool is_new_id = request.member_id.empty();
    if (is_new_id) request.member_id = random_member_id(turn);
    const auto& group = consumer_groups_.at(group_id);
    if (const auto error = check_classic_join(group, request); error != ErrorCode::none) return fail(error);
    if (is_new_id && !request.instance_id && request.requires_known_member_id)
        return JoinResult{.error = ErrorCode::member_id_required, .member_id = request.member_id};
    auto member = TRY(classic_member_for_step(group, request, is_new_id));
    const auto subscription = read_subscription(request.protocols.front().metadata);
    if (!subscription) return fail(ErrorCode::unknown_server_error, "malformed subscription");

    const auto view = view_of(group_id, turn);
    const auto* holder = group.find_static(request.instance_id);
    const bool downgrades = holder != nullptr && may_downgrade_replacing(group, *holder);
    MemberStep step(group, view, std::move(member));
    if (is_new_id && holder != nullptr) step.replace(*holder);
    TRY_STATUS(step.change(updated(step.member().metadata, request, *subscription)));
    if (step.subscription_changed() || has_metadata_expired(group_id, turn))
        step.update_epoch(step.subscription_changed());
    const bool rebalances = downgrades && group.assignment_epoch() < step.epoch();
    if (!downgrades) TRY_STATUS(step.update_target());
    if (!rebalances) TRY_STATUS(step.reconcile(by_id(subscription->owned, *view.image)));

    JoinResult result;
    result.generation = step.member().current.epoch;
    result.protocol_type = std::string(k_consumer_protocol_type);
    result.protocol_name = request.protocols.front().name;
    result.member_id = step.member().id;
    if (downgrades) {
        Downgrade how{.leaving = {}, .joining = &step.member(), .cause = {}};
        if (rebalances) how.cause = RebalanceCause::member_replaced;
        TRY_STATUS(downgrade(group, how, step.changes(), turn));
        return result;
    }
    OpenedGroup opened;
    opened.existing = &group;
    TRY_STATUS(take_step(std::move(opened), step, turn));
    watch_joined(group_id, request, step.member().id, turn);
    return result;
}

void GroupMachine::watch_joined(const std::string& group_id, const JoinRequest& request,
                                const std::string& member_id, Turn& turn) {
    auto& timers = timers_of(group_id);
    timers.cancel(member_id, MemberWait::join);
    timers.watch(member_id, MemberWait::session, request.session_timeout_ms, turn);
    timers.watch(member_id, MemberWait::sync, request.rebalance_timeout_ms, turn);
}

// ---------------------------------------------------------------- sync, heartbeat, leave

SyncResult GroupMachine::sync_in_consumer_group(const ConsumerGroup& group, const SyncRequest& request,
                                                Turn& turn) {
    if (group.is_empty()) return {.error = ErrorCode::unknown_member_id};
    const auto [member, error] =
        find_classic_member(group, request.member_id, request.instance_id, request.generation);
    if (error != ErrorCode::none) return {.error = error};
    const auto& classic = *member->metadata.classic;
    const bool is_other_protocol =
        (request.protocol_type && *request.protocol_type != k_consumer_protocol_type) ||
        (request.protocol_name && *request.protocol_name != classic.protocols.front().name);
    if (is_other_protocol) return {.error = ErrorCode::inconsistent_group_protocol};
    auto& timers = timers_of(group.id());
    if (group.assignment_epoch() > member->current.epoch &&
        member->current.state != MemberState::unrevoked_partitions) {
        expect_join(timers, *member, turn);
        return {.error = ErrorCode::rebalance_in_progress};
    }
    timers.cancel(member->id, MemberWait::sync);
    timers.watch(member->id, MemberWait::session, classic.session_timeout_ms, turn);
    return {.protocol_type = request.protocol_type,
            .protocol_name = request.protocol_name,
            .assignment = embedded_assignment(without_epochs(member->current.assigned),
                                              classic.protocols.front().metadata)};
}

// In the version in which the member told its subscription.
OwnedBytes GroupMachine::embedded_assignment(const Assignment& assignment, Bytes subscription) const {
    const auto image = images_.current();
    ConsumerAssignment named;
    for (const auto& [topic_id, partitions] : assignment)
        if (const auto* topic = image->topic(topic_id); topic != nullptr)
            named.partitions[topic->name] = {partitions.begin(), partitions.end()};
    const auto read = read_subscription(subscription);
    return write_assignment(named, read ? read->version : 0);
}

void GroupMachine::expect_join(ConsumerTimers& timers, const ConsumerMember& member, Turn& turn) {
    if (!timers.is_watched(member.id, MemberWait::join))
        timers.watch(member.id, MemberWait::join, member.metadata.rebalance_timeout_ms, turn);
}

ErrorCode GroupMachine::heartbeat_in_consumer_group(const ConsumerGroup& group,
                                                    const HeartbeatRequest& request, Turn& turn) {
    const auto [member, error] =
        find_classic_member(group, request.member_id, request.instance_id, request.generation);
    if (error != ErrorCode::none) return error;
    auto& timers = timers_of(group.id());
    timers.watch(member->id, MemberWait::session, member->metadata.classic->session_timeout_ms, turn);
    const auto& current = member->current;
    const bool must_join =
        current.epoch < group.assignment_epoch() || current.state == MemberState::unrevoked_partitions ||
        (current.state == MemberState::unreleased_partitions && !group.waits_for_others(*member));
    if (!must_join) return ErrorCode::none;
    expect_join(timers, *member, turn);
    return ErrorCode::rebalance_in_progress;
}

Result<LeaveResult> GroupMachine::leave_as_classic(const ConsumerGroup& group, const LeaveRequest& request,
                                                   Turn& turn) {
    LeaveResult result;
    std::set<std::string> leaving;
    for (const auto& asked : request.members) {
        const bool names_instance_only = asked.instance_id && asked.member_id.empty();
        const auto* holder = group.find_static(asked.instance_id);
        const auto found = names_instance_only && holder != nullptr
                               ? Found{.member = holder}
                               : find_member(group, asked.member_id, asked.instance_id);
        result.members.push_back(
            {.member_id = asked.member_id, .instance_id = asked.instance_id, .error = found.error});
        if (found.error == ErrorCode::none) leaving.insert(found.member->id);
    }
    if (!leaving.empty()) TRY_STATUS(fence(group.id(), leaving, RebalanceCause::member_left, turn));
    return result;
}

}  // namespace gregor::coordinator
