// What happens to consumer groups beside their requests: expressions are matched, members expire, topics
// change.
#include <algorithm>
#include <utility>

#include "base/fault.h"
#include "base/format.h"
#include "base/log.h"
#include "coordinator/group/consumer/regular_expression.h"
#include "coordinator/group/group_machine.h"
#include "coordinator/runtime.h"

namespace gregor::coordinator {

// ---------------------------------------------------------------- regular expressions

// Kafka matches them on another thread and writes the outcome a little later; here it is the next batch, seen
// by the heartbeats that come after this one.
void GroupMachine::resolve_regexes(const std::string& group_id, const std::set<std::string>& regexes,
                                   const TopicFilter& may_describe, Turn& turn) {
    const auto* group = find_consumer(group_id);
    if (group == nullptr || regexes.empty()) return;
    REACHED("consumer_group_regex_resolved");
    const auto view = view_of(group_id, turn);
    const auto epoch = group->epoch();
    auto topics = group->subscribed_topics();
    bool is_new_epoch = false;
    std::vector<ConsumerChange> changes;
    for (const auto& regex : regexes) {
        if (group->subscribers_of(regex) == 0) continue;
        const auto resolved = resolve(regex, view, may_describe);
        static const std::set<std::string> nothing;
        const auto before = group->resolved_regexes().find(regex);
        const auto& old = before == group->resolved_regexes().end() ? nothing : before->second.topics;
        if (old != resolved.topics) {
            is_new_epoch = true;
            for (const auto& topic : old)
                if (auto& count = topics[topic]; --count.expressions <= 0 && count.members <= 0)
                    topics.erase(topic);
            for (const auto& topic : resolved.topics) ++topics[topic].expressions;
        }
        changes.emplace_back(RegexChange{.regex = regex, .value = resolved});
    }
    const auto hash = view.hash_of(topics);
    is_new_epoch = is_new_epoch || hash != group->metadata_hash();
    if (is_new_epoch)
        changes.emplace_back(GroupEpochChange{{{.epoch = group->epoch() + 1, .metadata_hash = hash}}});
    if (const auto appended = append_changes(group_id, changes, turn); !appended)
        LOG_WARN("consumer_group_regex_not_resolved", group_id, appended.error().detail);
    else if (is_new_epoch)
        timers_of(group_id).renew_metadata(turn.wall_clock_ms());
    note_epoch(group_id, epoch, RebalanceCause::expression_matched, {}, turn);
}

ResolvedRegex GroupMachine::resolve(const std::string& regex, const GroupView& view,
                                    const TopicFilter& may_describe) {
    ResolvedRegex resolved{.topics = {}, .image_version = view.image_version(), .timestamp_ms = view.now_ms};
    const auto compiled = RegularExpression::compile(regex);
    if (!compiled) return resolved;  // was checked when it came; another broker may have thought otherwise
    for (const auto& [name, topic] : view.image->topics_by_name)
        if (compiled->matches(name) && (!may_describe || may_describe(name))) resolved.topics.insert(name);
    return resolved;
}

// ---------------------------------------------------------------- members that are gone

Status GroupMachine::fence(const std::string& group_id, const std::set<std::string>& member_ids,
                           RebalanceCause cause, Turn& turn) {
    const auto& group = consumer_groups_.at(group_id);
    const auto epoch = group.epoch();
    if (may_downgrade_without(group, member_ids))
        return downgrade(group, {.leaving = member_ids, .joining = nullptr, .cause = cause}, {}, turn);
    std::vector<ConsumerChange> changes;
    Counts leaving_subscribers;
    for (const auto& id : member_ids) {
        changes.emplace_back(CurrentAssignmentChange{.member_id = id, .value = {}});
        changes.emplace_back(TargetChange{.member_id = id, .value = {}});
        changes.emplace_back(MemberMetadataChange{.member_id = id, .value = {}});
        const auto& metadata = group.members().at(id).metadata;
        if (metadata.has_regex()) ++leaving_subscribers[*metadata.subscribed_regex];
    }
    std::set<std::string> deleted;
    for (const auto& [regex, subscribers] : leaving_subscribers)
        if (group.subscribers_of(regex) == subscribers) {
            changes.emplace_back(RegexChange{.regex = regex, .value = {}});
            deleted.insert(regex);
        }
    const auto view = view_of(group_id, turn);
    const auto hash = view.hash_of(group.subscribed_topics_without(member_ids, deleted));
    changes.emplace_back(GroupEpochChange{{{.epoch = group.epoch() + 1, .metadata_hash = hash}}});
    TRY_STATUS(append_changes(group_id, changes, turn));
    auto& timers = timers_of(group_id);
    for (const auto& id : member_ids) timers.forget(id);
    note_epoch(group_id, epoch, cause, *member_ids.begin(), turn);
    return {};
}

void GroupMachine::on_consumer_alarm(const std::string& group_id, Turn& turn) {
    const auto timers = consumer_timers_.find(group_id);
    if (timers == consumer_timers_.end()) return;
    for (const auto& due : timers->second.take_due(turn)) {
        const auto* group = find_consumer(group_id);
        if (group == nullptr) return;
        const auto* member = group->find(due.member_id);
        if (member == nullptr) timers_of(group_id).forget(due.member_id);
        const bool has_moved_on =
            member == nullptr || (due.wait == MemberWait::rebalance && member->current.epoch != due.epoch);
        if (has_moved_on) continue;
        REACHED("consumer_group_member_expired");
        const auto member_id = std::string_view(due.member_id);
        LOG_INFO("consumer_group_member_expired", group_id, member_id);
        if (const auto fenced = fence(group_id, {due.member_id}, RebalanceCause::member_expired, turn);
            !fenced) {
            LOG_WARN("consumer_group_member_kept", group_id, member_id, fenced.error().detail);
            timers_of(group_id).watch(due.member_id, MemberWait::session,
                                      view_of(group_id, turn).timeouts.session_timeout_ms, turn);
        }
    }
}

void GroupMachine::watch_loaded(const ConsumerGroup& group, Turn& turn) {
    const auto session_timeout_ms = view_of(group.id(), turn).timeouts.session_timeout_ms;
    for (const auto& [id, member] : group.members()) {
        auto& timers = timers_of(group.id());
        timers.watch(id, MemberWait::session, session_timeout_ms, turn);
        if (member.current.state == MemberState::unrevoked_partitions)
            timers.watch_rebalance(id, member.current.epoch, member.metadata.rebalance_timeout_ms, turn);
    }
}

// ---------------------------------------------------------------- topics

void GroupMachine::on_topics_changed(const std::set<std::string>& topics, bool has_new_topics) {
    if (has_new_topics) newest_topics_version_ = images_.current()->provenance.last_contained_offset.value();
    for (const auto& topic : topics) topic_hashes_.forget(topic);
    for (const auto& [id, group] : consumer_groups_) {
        const auto& subscribed = group.subscribed_topics();
        if (std::ranges::any_of(topics, [&](const std::string& topic) { return subscribed.contains(topic); }))
            timers_of(id).expire_metadata();
    }
}

}  // namespace gregor::coordinator
