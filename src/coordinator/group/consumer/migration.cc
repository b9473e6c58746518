// Groups change their protocol while their members stay: to the consumer protocol with the first member that
// speaks it, back to the classic one when the last such member is gone (group.consumer.migration.policy).
#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/fault.h"
#include "base/format.h"
#include "base/log.h"
#include "coordinator/group/consumer/consumer_protocol.h"
#include "coordinator/group/group_machine.h"
#include "coordinator/runtime.h"

namespace gregor::coordinator {
namespace {

bool allows_upgrade(MigrationPolicy policy) {
    return policy == MigrationPolicy::bidirectional || policy == MigrationPolicy::upgrade;
}
bool allows_downgrade(MigrationPolicy policy) {
    return policy == MigrationPolicy::bidirectional || policy == MigrationPolicy::downgrade;
}

std::unexpected<Error> cannot_upgrade(const std::string& group_id, std::string_view why) {
    return fail(ErrorCode::group_id_not_found,
                fmt::format("Cannot upgrade classic group {} to consumer group because {}.", group_id, why));
}

MemberMetadata metadata_of(const ClassicMember& member, const ConsumerSubscription& subscription) {
    return {.instance_id = member.instance_id,
            .rack_id = subscription.rack_id,
            .client_id = member.client_id,
            .client_host = member.client_host,
            .subscribed_topics = {subscription.topics.begin(), subscription.topics.end()},
            .rebalance_timeout_ms = member.rebalance_timeout_ms,
            .server_assignor = {},
            .classic = ClassicMetadata{.session_timeout_ms = member.session_timeout_ms,
                                       .protocols = member.protocols}};
}

// What the group's last leader gave the member, in the epoch that its generation becomes.
Result<CurrentAssignment> current_of(const ClassicMember& member, std::int32_t epoch,
                                     const std::string& group_id, const metadata::Image& image) {
    CurrentAssignment current{.epoch = epoch, .previous_epoch = epoch};
    if (member.assignment.empty()) return current;
    const auto assignment = read_assignment(member.assignment);
    if (!assignment) return cannot_upgrade(group_id, "the embedded consumer protocol is malformed");
    if (assignment->has_user_data)
        return cannot_upgrade(
            group_id,
            "an unsupported custom assignor is in use. Please refer to the documentation or "
            "switch to a default assignor before re-attempting the upgrade");
    for (const auto& [name, partitions] : assignment->partitions)
        if (const auto* topic = image.topic(name); topic != nullptr)
            for (const auto partition : partitions) current.assigned[topic->id][partition] = epoch;
    return current;
}

}  // namespace

// ---------------------------------------------------------------- to the consumer protocol

Status GroupMachine::check_upgrade(const ClassicGroup& classic) const {
    if (!allows_upgrade(config_.consumer.migration))
        return cannot_upgrade(classic.id(), "online upgrade is disabled");
    if (classic.protocol_type() != k_consumer_protocol_type)
        return cannot_upgrade(classic.id(), "the group does not use the consumer embedded protocol");
    if (classic.member_count() > static_cast<std::size_t>(config_.consumer.max_size))
        return cannot_upgrade(classic.id(), "the group size exceeds the consumer group maximum size");
    // As with Kafka: a group that has never completed a rebalance has nothing to go on from.
    if (!classic.protocol()) return fail(ErrorCode::unknown_server_error, "the group has no protocol yet");
    return {};
}

Status GroupMachine::upgrade(const ClassicGroup& classic, const GroupView& view, OpenedGroup& opened) const {
    TRY_STATUS(check_upgrade(classic));
    auto& group = *opened.created;
    const auto epoch = classic.generation();
    std::vector<ConsumerChange> members;
    std::vector<ConsumerChange> targets;
    std::vector<ConsumerChange> currents;
    for (const auto& [id, member] : classic.members()) {
        const auto subscription = read_subscription(member.metadata(*classic.protocol()));
        if (!subscription) return cannot_upgrade(classic.id(), "the embedded consumer protocol is malformed");
        auto current = TRY(current_of(member, epoch, classic.id(), *view.image));
        if (contains_any(group.owners(), without_epochs(current.assigned)))
            return fail(ErrorCode::unknown_server_error, "a partition is assigned to two members");
        members.emplace_back(
            MemberMetadataChange{.member_id = id, .value = metadata_of(member, *subscription)});
        targets.emplace_back(TargetChange{.member_id = id, .value = without_epochs(current.assigned)});
        currents.emplace_back(CurrentAssignmentChange{.member_id = id, .value = std::move(current)});
        group.apply(members.back());
        group.apply(currents.back());
    }
    REACHED("classic_group_upgraded");
    const auto group_id = std::string_view(classic.id());
    LOG_INFO("classic_group_upgraded", group_id, epoch);
    std::vector<ConsumerChange> changes = std::move(members);
    changes.emplace_back(
        GroupEpochChange{{{.epoch = epoch, .metadata_hash = view.hash_of(group.subscribed_topics())}}});
    std::ranges::move(targets, std::back_inserter(changes));
    changes.emplace_back(TargetEpochChange{{{.epoch = epoch, .timestamp_ms = 0}}});
    std::ranges::move(currents, std::back_inserter(changes));
    for (const auto& change : changes) {
        const bool is_applied = std::holds_alternative<MemberMetadataChange>(change) ||
                                std::holds_alternative<CurrentAssignmentChange>(change);
        if (!is_applied) group.apply(change);
        opened.records.push_back(record_of(classic.id(), change));
    }
    opened.upgrades = true;
    return {};
}

// ---------------------------------------------------------------- back to the classic protocol

bool GroupMachine::may_downgrade_without(const ConsumerGroup& group,
                                         const std::set<std::string>& leaving) const {
    std::int32_t leaving_classic = 0;
    for (const auto& id : leaving)
        if (group.members().at(id).is_classic()) ++leaving_classic;
    const auto staying = group.members().size() - leaving.size();
    return staying > 0 && static_cast<std::size_t>(group.classic_members() - leaving_classic) == staying &&
           group.has_common_protocol() && allows_downgrade(config_.consumer.migration) &&
           staying <= static_cast<std::size_t>(std::max(config_.max_size, 0));
}

bool GroupMachine::may_downgrade_replacing(const ConsumerGroup& group, const ConsumerMember& replaced) const {
    const auto size = group.members().size();
    return !replaced.is_classic() && static_cast<std::size_t>(group.classic_members()) == size - 1 &&
           group.has_common_protocol() && allows_downgrade(config_.consumer.migration) &&
           size <= static_cast<std::size_t>(std::max(config_.max_size, 0));
}

// The classic group that the members who stay make up; each has what its target was.
ClassicGroup GroupMachine::classic_group_of(const ConsumerGroup& group, const Downgrade& how,
                                            std::int64_t now_ms) const {
    const auto to_classic = [](const ConsumerMember& member) {
        ClassicMember classic;
        classic.id = member.id;
        classic.instance_id = member.metadata.instance_id;
        classic.client_id = member.metadata.client_id;
        classic.client_host = member.metadata.client_host;
        classic.rebalance_timeout_ms = member.metadata.rebalance_timeout_ms;
        classic.session_timeout_ms = member.metadata.classic->session_timeout_ms;
        classic.protocols = member.metadata.classic->protocols;
        return classic;
    };
    const auto* replaced =
        how.joining == nullptr ? nullptr : group.find_static(how.joining->metadata.instance_id);
    std::vector<ClassicMember> members;
    std::map<std::string, std::string> target_of;  // whose target a member takes over
    for (const auto& [id, member] : group.members()) {
        if (how.leaving.contains(id) || &member == replaced) continue;
        members.push_back(to_classic(member));
        target_of[id] = id;
    }
    if (how.joining != nullptr) {
        members.push_back(to_classic(*how.joining));
        target_of[how.joining->id] = replaced->id;
    }
    ClassicGroup classic(group.id(), config_, {.generation = group.epoch(), .members = std::move(members)},
                         now_ms);
    for (const auto& [id, source] : target_of)
        classic.assign(id, embedded_assignment(group.target(source), classic.subscription_of(id)));
    return classic;
}

// `changes` are those of the step that leads to it; they come before the tombstones.
Status GroupMachine::downgrade(const ConsumerGroup& group, const Downgrade& how,
                               const std::vector<ConsumerChange>& changes, Turn& turn) {
    const auto group_id = group.id();
    std::optional<ConsumerGroup::Replacement> replacement;
    if (how.joining != nullptr) {
        const auto* replaced = group.find_static(how.joining->metadata.instance_id);
        ASSERT(replaced != nullptr);
        replacement = {.member_id = replaced->id, .by = how.joining->id};
    }
    auto classic = classic_group_of(group, how, turn.wall_clock_ms());
    auto history = take_history(group_id);
    std::vector<CoordinatorRecord> records;
    for (const auto& change : changes) records.push_back(record_of(group_id, change));
    for (const auto& change : group.tombstones(replacement)) records.push_back(record_of(group_id, change));
    records.push_back(classic.record());
    // The record finds the group that it speaks of.
    auto& here = groups_.try_emplace(group_id, std::move(classic)).first->second;
    if (const auto appended = turn.append(std::move(records)); !appended) {
        groups_.erase(group_id);
        consumer_histories_[group_id] = std::move(history);
        return std::unexpected(client_error_of(appended.error()));
    }
    REACHED("consumer_group_downgraded");
    const auto rebalances = how.cause.has_value();
    LOG_INFO("consumer_group_downgraded", group_id, rebalances);
    here.continue_history(std::move(history));
    here.on_downgraded(how.cause, how.joining != nullptr ? how.joining->id : *how.leaving.begin(), turn);
    return {};
}

}  // namespace gregor::coordinator
