// ConsumerGroupHeartbeat v0..v1 and ConsumerGroupDescribe, as Kafka 4.3's coordinator answers them.
#include <utility>

#include "base/format.h"
#include "coordinator/group/consumer/member_step.h"
#include "coordinator/group/group_machine.h"
#include "coordinator/runtime.h"

namespace gregor::coordinator {
namespace {

std::unexpected<Error> unknown_member(const std::string& member_id, const std::string& group_id) {
    return fail(ErrorCode::unknown_member_id,
                fmt::format("Member {} is not a member of group {}.", member_id, group_id));
}

// A client that missed the answer to its last step repeats it with the epoch before; it may only have what
// the step left it.
Status check_epoch(const ConsumerMember& member, const ConsumerHeartbeatRequest& request) {
    const auto received = request.member_epoch;
    const auto known = member.current.epoch;
    if (received == k_joining_epoch || received == known) return {};
    if (received > known)
        return fail(
            ErrorCode::fenced_member_epoch,
            fmt::format("The consumer group member has a greater member epoch ({}) than the one known by "
                        "the group coordinator ({}). The member must abandon all its partitions and "
                        "rejoin.",
                        received, known));
    const bool is_repeated = received == member.current.previous_epoch && request.owned &&
                             contains_all(member.current.assigned, *request.owned);
    if (is_repeated) return {};
    return fail(
        ErrorCode::fenced_member_epoch,
        fmt::format("The consumer group member has a smaller member epoch ({}) than the one known by the "
                    "group coordinator ({}). The member must abandon all its partitions and rejoin.",
                    received, known));
}

Status check_instance(const ConsumerMember* member, const std::string& member_id,
                      const std::string& instance_id) {
    if (member == nullptr)
        return fail(ErrorCode::unknown_member_id, fmt::format("Instance id {} is unknown.", instance_id));
    if (member->id != member_id)
        return fail(ErrorCode::fenced_instance_id,
                    fmt::format("Static member {} with instance id {} was fenced by member {}.", member_id,
                                instance_id, member->id));
    return {};
}

MemberMetadata updated(MemberMetadata metadata, const ConsumerHeartbeatRequest& request) {
    if (request.instance_id) metadata.instance_id = request.instance_id;
    if (request.rack_id) metadata.rack_id = request.rack_id;
    if (request.rebalance_timeout_ms != -1) metadata.rebalance_timeout_ms = request.rebalance_timeout_ms;
    if (request.server_assignor) metadata.server_assignor = request.server_assignor;
    if (request.subscribed_topics)
        metadata.subscribed_topics = {request.subscribed_topics->begin(), request.subscribed_topics->end()};
    if (request.subscribed_regex) metadata.subscribed_regex = request.subscribed_regex;
    metadata.client_id = request.client_id;
    metadata.client_host = request.client_host;
    metadata.classic.reset();
    return metadata;
}

bool is_full(const ConsumerHeartbeatRequest& request) {
    return request.rebalance_timeout_ms != -1 && (request.subscribed_topics || request.subscribed_regex) &&
           request.owned;
}

std::vector<DescribedConsumerGroup::TopicPartitions> named(const Assignment& assignment,
                                                           const metadata::Image& image) {
    std::vector<DescribedConsumerGroup::TopicPartitions> topics;
    for (const auto& [topic_id, partitions] : assignment)
        if (const auto* topic = image.topic(topic_id); topic != nullptr)
            topics.push_back({.topic_id = topic_id,
                              .name = topic->name,
                              .partitions = {partitions.begin(), partitions.end()}});
    return topics;
}

DescribedConsumerGroup::Member described(const ConsumerMember& member, const ConsumerGroup& group,
                                         const metadata::Image& image) {
    auto has = without_epochs(member.current.assigned);
    for (const auto& [topic_id, partitions] : without_epochs(member.current.pending_revocation))
        has[topic_id].insert(partitions.begin(), partitions.end());
    const auto& metadata = member.metadata;
    return {.member_id = member.id,
            .instance_id = metadata.instance_id,
            .rack_id = metadata.rack_id,
            .epoch = member.current.epoch,
            .client_id = metadata.client_id,
            .client_host = metadata.client_host,
            .subscribed_topics = {metadata.subscribed_topics.begin(), metadata.subscribed_topics.end()},
            .subscribed_regex = metadata.subscribed_regex,
            .assignment = named(has, image),
            .target = named(group.target(member.id), image),
            .is_classic = member.is_classic()};
}

}  // namespace

// ---------------------------------------------------------------- heartbeats

void GroupMachine::consumer_heartbeat(const ConsumerHeartbeatRequest& request, Turn& turn,
                                      Done<ConsumerHeartbeatResult> done) {
    const bool leaves =
        request.member_epoch == k_leaving_epoch || request.member_epoch == k_static_leaving_epoch;
    auto result = leaves ? leave_consumer_group(request, turn) : step_in_consumer_group(request, turn);
    if (!result)
        result =
            ConsumerHeartbeatResult{.error = result.error().code, .error_message = result.error().detail};
    turn.answer(std::move(done), std::move(*result));
}

Result<ConsumerMember> GroupMachine::member_for_step(const ConsumerGroup& group,
                                                     const ConsumerHeartbeatRequest& request) const {
    const bool joins = request.member_epoch == k_joining_epoch;
    const auto size_max = static_cast<std::size_t>(config_.consumer.max_size);
    if (group.members().size() >= size_max && group.find(request.member_id) == nullptr)
        return fail(
            ErrorCode::group_max_size_reached,
            fmt::format("The consumer group has reached its maximum capacity of {} members.", size_max));
    ConsumerMember fresh;
    fresh.id = request.member_id;
    if (!request.instance_id) {
        const auto* known = group.find(request.member_id);
        if (known == nullptr && !joins) return unknown_member(request.member_id, group.id());
        auto member = known == nullptr ? fresh : *known;
        TRY_STATUS(check_epoch(member, request));
        return member;
    }
    const auto* holder = group.find_static(request.instance_id);
    if (!joins) {
        TRY_STATUS(check_instance(holder, request.member_id, *request.instance_id));
        TRY_STATUS(check_epoch(*holder, request));
        return *holder;
    }
    if (holder == nullptr) {
        const auto* known = group.find(request.member_id);
        return known == nullptr ? fresh : *known;
    }
    if (!holder->is_classic() && holder->current.epoch != k_static_leaving_epoch)
        return fail(
            ErrorCode::unreleased_instance_id,
            fmt::format("Static member {} with instance id {} cannot join the group because the instance "
                        "id is owned by {} member.",
                        request.member_id, *request.instance_id, holder->id));
    return fresh;  // takes the holder's place
}

Result<ConsumerHeartbeatResult> GroupMachine::step_in_consumer_group(const ConsumerHeartbeatRequest& request,
                                                                     Turn& turn) {
    const bool joins = request.member_epoch == k_joining_epoch;
    const auto view = view_of(request.group_id, turn);
    auto opened = TRY(open_consumer_group(request.group_id, joins, view));
    const auto& group = opened.group();
    auto named_request = request;
    if (named_request.member_id.empty()) named_request.member_id = random_member_id(turn);
    auto member = TRY(member_for_step(group, named_request));

    MemberStep step(group, view, std::move(member));
    if (const auto* holder = group.find_static(request.instance_id); joins && holder != nullptr)
        step.replace(*holder);
    TRY_STATUS(step.change(updated(step.member().metadata, named_request)));
    if (step.needs_new_epoch() || has_metadata_expired(request.group_id, turn))
        step.update_epoch(step.needs_new_epoch());
    TRY_STATUS(step.update_target());
    TRY_STATUS(step.reconcile(request.owned));

    ConsumerHeartbeatResult result{.member_id = step.member().id,
                                   .member_epoch = step.member().current.epoch,
                                   .heartbeat_interval_ms = view.timeouts.heartbeat_interval_ms};
    if (joins || is_full(request) || step.assignment_changed())
        result.assignment = without_epochs(step.member().current.assigned);
    TRY_STATUS(take_step(std::move(opened), step, turn));
    watch_member(request.group_id, step, view.timeouts.session_timeout_ms, turn);
    resolve_regexes(request.group_id, step.regexes_to_resolve(), request.may_describe, turn);
    return result;
}

Result<ConsumerHeartbeatResult> GroupMachine::leave_consumer_group(const ConsumerHeartbeatRequest& request,
                                                                   Turn& turn) {
    const auto* group = find_consumer(request.group_id);
    if (group == nullptr) return std::unexpected(no_consumer_group(request.group_id));
    const ConsumerHeartbeatResult result{.member_id = request.member_id,
                                         .member_epoch = request.member_epoch};
    const auto* member =
        request.instance_id ? group->find_static(request.instance_id) : group->find(request.member_id);
    if (!request.instance_id && member == nullptr) return unknown_member(request.member_id, request.group_id);
    if (request.instance_id) TRY_STATUS(check_instance(member, request.member_id, *request.instance_id));
    if (!request.instance_id || request.member_epoch == k_leaving_epoch) {
        TRY_STATUS(fence(request.group_id, {member->id}, RebalanceCause::member_left, turn));
        return result;
    }
    auto current = member->current;  // what it has stays reserved for its return
    current.epoch = k_static_leaving_epoch;
    current.pending_revocation.clear();
    for (auto& [topic_id, epochs] : current.assigned)
        for (auto& [partition, epoch] : epochs) epoch = 0;
    TRY_STATUS(append_changes(request.group_id,
                              {CurrentAssignmentChange{.member_id = member->id, .value = std::move(current)}},
                              turn));
    return result;
}

// ---------------------------------------------------------------- what heartbeats have in common

GroupView GroupMachine::view_of(const std::string& group_id, Turn& turn) {
    auto image = images_.current();
    const auto timeouts = consumer_timeouts(config_, *image, group_id);
    return {.config = config_,
            .timeouts = timeouts,
            .image = std::move(image),
            .hashes = topic_hashes_,
            .now_ms = turn.wall_clock_ms(),
            .newest_topics_version = newest_topics_version_};
}

Error GroupMachine::no_consumer_group(const std::string& group_id) const {
    const bool is_another = is_other(group_id) || groups_.contains(group_id);
    return {ErrorCode::group_id_not_found, is_another
                                               ? fmt::format("Group {} is not a consumer group.", group_id)
                                               : fmt::format("Group {} not found.", group_id)};
}

ConsumerGroup* GroupMachine::find_consumer(const std::string& group_id) {
    const auto found = consumer_groups_.find(group_id);
    return found == consumer_groups_.end() ? nullptr : &found->second;
}

ConsumerTimers& GroupMachine::timers_of(const std::string& group_id) {
    return consumer_timers_.try_emplace(group_id, group_id).first->second;
}

bool GroupMachine::has_metadata_expired(const std::string& group_id, Turn& turn) const {
    const auto found = consumer_timers_.find(group_id);
    return found == consumer_timers_.end() || found->second.has_metadata_expired(turn.wall_clock_ms());
}

// A heartbeat of an empty group's first member makes a consumer group of it; a classic group with members is
// converted while they stay (migration.cc).
Result<GroupMachine::OpenedGroup> GroupMachine::open_consumer_group(const std::string& group_id, bool creates,
                                                                    const GroupView& view) {
    OpenedGroup opened;
    opened.existing = find_consumer(group_id);
    if (opened.existing != nullptr) return opened;
    const auto* classic = find(group_id);
    if (is_other(group_id) || (classic != nullptr && !creates))
        return fail(ErrorCode::group_id_not_found,
                    fmt::format("Group {} is not a consumer group.", group_id));
    if (!creates)
        return fail(ErrorCode::group_id_not_found, fmt::format("Consumer group {} not found.", group_id));
    opened.created.emplace(group_id);
    if (classic == nullptr) return opened;
    opened.records.push_back(group_tombstone(group_id));
    if (classic->is_empty()) return opened;
    TRY_STATUS(upgrade(*classic, view, opened));
    return opened;
}

Status GroupMachine::append_changes(const std::string& group_id, const std::vector<ConsumerChange>& changes,
                                    Turn& turn) {
    std::vector<CoordinatorRecord> records;
    for (const auto& change : changes) records.push_back(record_of(group_id, change));
    if (const auto appended = turn.append(std::move(records)); !appended)
        return std::unexpected(client_error_of(appended.error()));
    return {};
}

Status GroupMachine::take_step(OpenedGroup opened, const MemberStep& step, Turn& turn) {
    const auto group_id = opened.group().id();
    const auto before = opened.group().epoch();
    const auto cause = step.cause();
    auto records = std::move(opened.records);
    for (const auto& change : step.changes()) records.push_back(record_of(group_id, change));
    auto converted = opened.upgrades ? groups_.extract(group_id) : decltype(groups_)::node_type();
    const auto appended = turn.append(std::move(records));
    if (!appended) {
        if (!converted.empty()) groups_.insert(std::move(converted));
        return std::unexpected(client_error_of(appended.error()));
    }
    auto& timers = timers_of(group_id);
    if (step.looked_at_topics()) timers.renew_metadata(turn.wall_clock_ms());
    watch_retention(turn);
    if (!converted.empty()) consumer_histories_[group_id] = converted.mapped().history();
    const auto whose = cause == RebalanceCause::topics_changed ? std::string_view() : step.member().id;
    if (!step.changes().empty()) note_epoch(group_id, before, cause, whose, turn);
    if (converted.empty()) return {};
    converted.mapped().send_away(turn);
    for (const auto& [id, member] : converted.mapped().members())
        timers.watch(id, MemberWait::session, member.session_timeout_ms, turn);
    return {};
}

void GroupMachine::watch_member(const std::string& group_id, const MemberStep& step,
                                std::int32_t session_timeout_ms, Turn& turn) {
    const auto& member = step.member();
    auto& timers = timers_of(group_id);
    timers.watch(member.id, MemberWait::session, session_timeout_ms, turn);
    if (!step.current_changed()) return;
    if (member.current.state == MemberState::unrevoked_partitions)
        timers.watch_rebalance(member.id, member.current.epoch, member.metadata.rebalance_timeout_ms, turn);
    else
        timers.cancel(member.id, MemberWait::rebalance);
}

// ---------------------------------------------------------------- looking

void GroupMachine::describe_consumer(const DescribeConsumerRequest& request, Turn& turn,
                                     Done<DescribedConsumerGroup> done) {
    const auto& group_id = request.group_id;
    DescribedConsumerGroup result;
    result.group_id = group_id;
    const auto* group = find_consumer(group_id);
    if (group == nullptr) {
        auto error = no_consumer_group(group_id);
        result.error = error.code;
        result.error_message = std::move(error.detail);
        return turn.answer(std::move(done), std::move(result));
    }
    result.state = state_name(group->state());
    result.epoch = group->epoch();
    result.assignment_epoch = group->assignment_epoch();
    result.assignor = group->preferred_assignor(nullptr, nullptr, config_.consumer.assignors.front());
    const auto image = images_.current();
    for (const auto& [id, member] : group->members())
        result.members.push_back(described(member, *group, *image));
    if (const auto history = consumer_histories_.find(group_id);
        request.with_rebalances && history != consumer_histories_.end())
        result.rebalances = history->second.all();
    turn.answer(std::move(done), std::move(result));
}

}  // namespace gregor::coordinator
