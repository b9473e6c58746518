#include "coordinator/group/consumer/member_step.h"

#include <algorithm>
#include <utility>

#include "base/fault.h"
#include "base/format.h"
#include "base/log.h"
#include "coordinator/group/consumer/reconcile.h"
#include "coordinator/group/consumer/regular_expression.h"

namespace gregor::coordinator {
namespace {

constexpr std::int64_t k_regex_refresh_min_ms = 10'000;

}  // namespace

MemberStep::MemberStep(const ConsumerGroup& group, const GroupView& view, ConsumerMember member)
    : group_(group),
      view_(view),
      before_(std::move(member)),
      member_(before_),
      epoch_(group.epoch()),
      is_homogeneous_(ConsumerGroup::is_homogeneous(group.subscribed_topics(), group.subscribed_regexes(),
                                                    group.members().size())),
      target_epoch_(group.assignment_epoch()),
      target_(group.target(before_.id)) {}

void MemberStep::replace(const ConsumerMember& former) {
    REACHED("consumer_group_static_member_replaced");
    replaced_ = former.id;
    target_ = group_.target(former.id);
    before_.metadata = former.metadata;
    before_.current = former.current;
    before_.current.epoch = k_joining_epoch;
    before_.current.previous_epoch = k_joining_epoch;
    member_ = before_;
    changes_.emplace_back(CurrentAssignmentChange{.member_id = former.id, .value = {}});
    changes_.emplace_back(TargetChange{.member_id = former.id, .value = {}});
    changes_.emplace_back(MemberMetadataChange{.member_id = former.id, .value = {}});
    changes_.emplace_back(MemberMetadataChange{.member_id = member_.id, .value = member_.metadata});
    changes_.emplace_back(TargetChange{.member_id = member_.id, .value = target_});
    changes_.emplace_back(CurrentAssignmentChange{.member_id = member_.id, .value = member_.current});
}

// ---------------------------------------------------------------- 1: who the member is

Status MemberStep::change(MemberMetadata metadata) {
    member_.metadata = std::move(metadata);
    if (member_.metadata != before_.metadata) {
        changes_.emplace_back(MemberMetadataChange{.member_id = member_.id, .value = member_.metadata});
        topics_changed_ = member_.metadata.subscribed_topics != before_.metadata.subscribed_topics;
    }
    return change_regex();
}

Status MemberStep::change_regex() {
    const auto& before = before_.metadata;
    const auto& now = member_.metadata;
    bool is_new = false;
    if (now.subscribed_regex != before.subscribed_regex) {
        regex_ = RegexChanged::to_unresolved;
        if (before.has_regex() && group_.subscribers_of(*before.subscribed_regex) == 1)
            changes_.emplace_back(RegexChange{.regex = *before.subscribed_regex, .value = {}});
        if (!now.has_regex()) {
            if (before.has_regex()) regex_ = RegexChanged::to_resolved;  // to nothing
        } else if (group_.subscribers_of(*now.subscribed_regex) == 0) {
            TRY_STATUS(check_regular_expression(*now.subscribed_regex));
            is_new = true;
        } else if (group_.resolved_regexes().contains(*now.subscribed_regex)) {
            regex_ = RegexChanged::to_resolved;
        }
    }
    plan_resolution(is_new);
    return {};
}

// All expressions of a group are matched together, so that one change of topics makes one rebalance.
void MemberStep::plan_resolution(bool is_new_regex) {
    if (!is_new_regex && group_.subscribed_regexes().empty()) return;
    const auto& resolved = group_.resolved_regexes();
    if (!resolved.empty() && view_.now_ms <= resolved.begin()->second.timestamp_ms + k_regex_refresh_min_ms)
        return;
    const auto subscribed = group_.subscribed_regexes_with(&before_.metadata, &member_.metadata);
    if (subscribed.empty()) return;
    const bool is_due = is_new_regex || subscribed.size() != resolved.size() ||
                        resolved.begin()->second.image_version < view_.newest_topics_version ||
                        view_.now_ms > resolved.begin()->second.timestamp_ms +
                                           view_.config.consumer.regex_refresh_interval_ms;
    if (!is_due) return;
    for (const auto& [regex, count] : subscribed) regexes_to_resolve_.insert(regex);
}

void MemberStep::update_epoch(bool is_new) {
    const auto topics = group_.subscribed_topics_with(&before_.metadata, &member_.metadata);
    const auto regexes = group_.subscribed_regexes_with(&before_.metadata, &member_.metadata);
    const auto hash = view_.hash_of(topics);
    const bool is_known = group_.find(member_.id) != nullptr || replaced_.has_value();
    is_homogeneous_ =
        ConsumerGroup::is_homogeneous(topics, regexes, group_.members().size() + (is_known ? 0 : 1));
    looked_at_topics_ = true;
    if (is_new || hash != group_.metadata_hash()) {
        ++epoch_;
        const auto group = std::string_view(group_.id());
        LOG_INFO("consumer_group_epoch_bumped", group, epoch_);
        changes_.emplace_back(GroupEpochChange{{{.epoch = epoch_, .metadata_hash = hash}}});
    }
    if (group_.has_partition_metadata()) changes_.emplace_back(PartitionMetadataChange{});
}

RebalanceCause MemberStep::cause() const {
    if (replaced_) return RebalanceCause::member_replaced;
    if (group_.find(member_.id) == nullptr) return RebalanceCause::member_joined;
    return needs_new_epoch() ? RebalanceCause::member_changed : RebalanceCause::topics_changed;
}

// ---------------------------------------------------------------- 2: who shall have what

// A group that changes all the time is assigned once an interval (KIP-1263).
bool MemberStep::may_compute_target() const {
    if (group_.assignment_epoch() >= epoch_) return false;
    const auto since_ms = group_.assignment_timestamp_ms();
    const auto interval_ms = view_.timeouts.assignment_interval_ms;
    return since_ms == 0 || interval_ms == 0 || view_.now_ms >= since_ms + interval_ms;
}

AssignorMember MemberStep::assignor_member(const ConsumerMember& member, const Assignment& current) const {
    return {.member_id = member.id,
            .instance_id = member.metadata.instance_id,
            .rack_id = member.metadata.rack_id,
            .subscribed_topics = view_.topics_of(member.metadata, group_),
            .current = current};
}

AssignorInput MemberStep::assignor_input() const {
    AssignorInput input{.members = {}, .topics = {}, .homogeneous = is_homogeneous_};
    for (const auto& [id, member] : group_.members())
        if (id != replaced_ && id != member_.id)
            input.members.emplace(id, assignor_member(member, group_.target(id)));
    input.members.emplace(member_.id, assignor_member(member_, target_));
    for (const auto& [id, member] : input.members)
        for (const auto topic_id : member.subscribed_topics)
            if (const auto* topic = view_.image->topic(topic_id); topic != nullptr)
                input.topics.try_emplace(
                    topic_id,
                    AssignorTopic{.name = topic->name,
                                  .partition_count = static_cast<std::int32_t>(topic->partitions.size()),
                                  .partition_racks = {}});  // Kafka's assignors do not look at them
    return input;
}

Status MemberStep::update_target() {
    if (!may_compute_target()) return {};
    const auto input = assignor_input();
    const auto assignor = group_.preferred_assignor(&before_.metadata, &member_.metadata,
                                                    view_.config.consumer.assignors.front());
    set_targets(assignor == "range" ? assign_range(input) : assign_uniform(input), input);
    target_epoch_ = epoch_;
    changes_.emplace_back(TargetEpochChange{{{.epoch = epoch_, .timestamp_ms = view_.now_ms}}});
    return {};
}

void MemberStep::set_targets(MemberAssignments assignments, const AssignorInput& input) {
    for (const auto& [id, member] : input.members) {
        auto& next = assignments[id];
        const bool is_first = !group_.has_target(id) && !(id == member_.id && replaced_);
        if (is_first || next != member.current)
            changes_.emplace_back(TargetChange{.member_id = id, .value = next});
        if (id == member_.id) target_ = std::move(next);
    }
}

// ---------------------------------------------------------------- 3: what the member has

Status MemberStep::reconcile(const std::optional<Assignment>& owned) {
    if (!subscription_changed() && member_.current.is_reconciled_to(target_epoch_)) return {};
    auto next = TRY(coordinator::reconcile({.current = member_.current,
                                            .target_epoch = target_epoch_,
                                            .target = target_,
                                            .subscribed_topics = view_.topics_of(member_.metadata, group_),
                                            .subscription_changed = subscription_changed(),
                                            .owned = owned,
                                            .owners = group_.owners()}));
    if (next == member_.current) return {};
    member_.current = std::move(next);
    changes_.emplace_back(CurrentAssignmentChange{.member_id = member_.id, .value = member_.current});
    return {};
}

}  // namespace gregor::coordinator
