#include "coordinator/group/consumer/consumer_group.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "coordinator/group/consumer/consumer_protocol.h"

namespace gregor::coordinator {
namespace {

template <class Key>
void add(std::map<Key, std::int32_t>& counts, const Key& key, std::int32_t by) {
    auto& count = counts[key];
    count += by;
    if (count <= 0) counts.erase(key);
}

void add(SubscribedTopics& topics, const std::string& topic, SubscriptionCount by) {
    auto& count = topics[topic];
    count.members += by.members;
    count.expressions += by.expressions;
    if (count.members <= 0 && count.expressions <= 0) topics.erase(topic);
}

}  // namespace

std::string_view state_name(ConsumerGroupState state) {
    switch (state) {
        case ConsumerGroupState::empty: return "Empty";
        case ConsumerGroupState::assigning: return "Assigning";
        case ConsumerGroupState::reconciling: return "Reconciling";
        case ConsumerGroupState::stable: return "Stable";
    }
    UNREACHABLE();
}

// ---------------------------------------------------------------- replicated state

void ConsumerGroup::apply(const ConsumerChange& change) {
    std::visit([this](const auto& known) { apply_to(known); }, change);
}

void ConsumerGroup::apply_to(const GroupEpochChange& change) {
    const auto value = change.value.value_or(GroupEpochChange::Value{});
    epoch_ = value.epoch;
    metadata_hash_ = value.metadata_hash;
}

void ConsumerGroup::apply_to(const MemberMetadataChange& change) {
    const auto found = members_.find(change.member_id);
    if (found != members_.end()) {
        count(found->second.metadata, -1);
        forget_static(found->second);
    }
    if (!change.value) {
        if (found == members_.end()) return;
        disown(found->second.current);
        members_.erase(found);
        return;
    }
    auto& member = members_[change.member_id];
    member.id = change.member_id;
    member.metadata = *change.value;
    count(member.metadata, +1);
    if (member.metadata.instance_id) static_members_[*member.metadata.instance_id] = member.id;
}

void ConsumerGroup::apply_to(const TargetEpochChange& change) {
    const auto value = change.value.value_or(TargetEpochChange::Value{.epoch = -1});
    assignment_epoch_ = value.epoch;
    assignment_timestamp_ms_ = value.timestamp_ms;
}

void ConsumerGroup::apply_to(const TargetChange& change) {
    if (change.value)
        targets_[change.member_id] = *change.value;
    else
        targets_.erase(change.member_id);
}

// Compaction may bring a member's assignment before its metadata.
void ConsumerGroup::apply_to(const CurrentAssignmentChange& change) {
    auto found = members_.find(change.member_id);
    if (found == members_.end()) {
        if (!change.value) return;
        found = members_.try_emplace(change.member_id).first;
        found->second.id = change.member_id;
    }
    auto& current = found->second.current;
    disown(current);
    current = change.value.value_or(CurrentAssignment{.epoch = k_leaving_epoch});
    own(current);
}

void ConsumerGroup::apply_to(const RegexChange& change) {
    if (const auto found = resolved_regexes_.find(change.regex); found != resolved_regexes_.end()) {
        count_regex(found->second, -1);
        resolved_regexes_.erase(found);
    }
    if (!change.value) return;
    count_regex(*change.value, +1);
    resolved_regexes_[change.regex] = *change.value;
}

void ConsumerGroup::count(const MemberMetadata& metadata, std::int32_t by) {
    for (const auto& topic : metadata.subscribed_topics) add(subscribed_topics_, topic, {.members = by});
    if (metadata.has_regex()) add(subscribed_regexes_, *metadata.subscribed_regex, by);
    if (metadata.server_assignor) add(server_assignors_, *metadata.server_assignor, by);
    if (!metadata.classic) return;
    classic_members_ += by;
    for (const auto& protocol : metadata.classic->protocols) add(classic_protocols_, protocol.name, by);
}

// Unless another has the place by now.
void ConsumerGroup::forget_static(const ConsumerMember& member) {
    if (!member.metadata.instance_id) return;
    const auto found = static_members_.find(*member.metadata.instance_id);
    if (found != static_members_.end() && found->second == member.id) static_members_.erase(found);
}

void ConsumerGroup::count_regex(const ResolvedRegex& resolved, std::int32_t by) {
    for (const auto& topic : resolved.topics) add(subscribed_topics_, topic, {.expressions = by});
}

// A damaged log may give a partition twice; the later epoch has it.
void ConsumerGroup::own(const CurrentAssignment& current) {
    for (const auto* partitions : {&current.assigned, &current.pending_revocation})
        for (const auto& [topic_id, epochs] : *partitions)
            for (const auto& [partition, epoch] : epochs) {
                const auto [owner, is_new] = owners_[topic_id].try_emplace(partition, current.epoch);
                if (!is_new) owner->second = std::max(owner->second, current.epoch);
            }
}

void ConsumerGroup::disown(const CurrentAssignment& current) {
    for (const auto* partitions : {&current.assigned, &current.pending_revocation})
        for (const auto& [topic_id, epochs] : *partitions) {
            const auto topic = owners_.find(topic_id);
            if (topic == owners_.end()) continue;
            for (const auto& [partition, epoch] : epochs) {
                const auto owner = topic->second.find(partition);
                if (owner != topic->second.end() && owner->second == current.epoch)
                    topic->second.erase(owner);
            }
            if (topic->second.empty()) owners_.erase(topic);
        }
}

// ---------------------------------------------------------------- members

ConsumerGroupState ConsumerGroup::state() const {
    if (members_.empty()) return ConsumerGroupState::empty;
    if (epoch_ > assignment_epoch_) return ConsumerGroupState::assigning;
    const bool is_stable = std::ranges::all_of(members_, [&](const auto& member) {
        return member.second.current.is_reconciled_to(assignment_epoch_);
    });
    return is_stable ? ConsumerGroupState::stable : ConsumerGroupState::reconciling;
}

const ConsumerMember* ConsumerGroup::find(const std::string& member_id) const {
    const auto found = members_.find(member_id);
    return found == members_.end() ? nullptr : &found->second;
}

const ConsumerMember* ConsumerGroup::find_static(const std::optional<std::string>& instance_id) const {
    if (!instance_id) return nullptr;
    const auto found = static_members_.find(*instance_id);
    return found == static_members_.end() ? nullptr : find(found->second);
}

bool ConsumerGroup::has_common_protocol() const {
    const auto speaks = [&](const auto& protocol) { return protocol.second == classic_members_; };
    return classic_members_ == 0 || std::ranges::any_of(classic_protocols_, speaks);
}

bool ConsumerGroup::supports_protocols(std::string_view type,
                                       const std::vector<MemberProtocol>& protocols) const {
    if (type != k_consumer_protocol_type) return false;
    if (is_empty()) return !protocols.empty();
    return std::ranges::any_of(protocols, [&](const MemberProtocol& protocol) {
        const auto found = classic_protocols_.find(protocol.name);
        return (found == classic_protocols_.end() ? 0 : found->second) == classic_members_;
    });
}

const Assignment& ConsumerGroup::target(const std::string& member_id) const {
    static const Assignment nothing;
    const auto found = targets_.find(member_id);
    return found == targets_.end() ? nothing : found->second;
}

bool ConsumerGroup::waits_for_others(const ConsumerMember& member) const {
    if (member.current.state != MemberState::unreleased_partitions) return false;
    for (const auto& [topic_id, partitions] : target(member.id))
        for (const auto partition : partitions)
            if (!contains(member.current.assigned, topic_id, partition) &&
                contains(owners_, topic_id, partition))
                return true;
    return false;
}

// ---------------------------------------------------------------- subscriptions

std::int32_t ConsumerGroup::subscribers_of(const std::string& regex) const {
    const auto found = subscribed_regexes_.find(regex);
    return found == subscribed_regexes_.end() ? 0 : found->second;
}

// An expression's topics go with its last subscriber; those of a new one are not known yet.
SubscribedTopics ConsumerGroup::subscribed_topics_with(const MemberMetadata* before,
                                                       const MemberMetadata* after) const {
    auto topics = subscribed_topics_;
    if (before != nullptr) {
        for (const auto& topic : before->subscribed_topics) add(topics, topic, {.members = -1});
        const bool keeps_regex = after != nullptr && after->subscribed_regex == before->subscribed_regex;
        if (before->has_regex() && !keeps_regex && subscribers_of(*before->subscribed_regex) == 1)
            if (const auto resolved = resolved_regexes_.find(*before->subscribed_regex);
                resolved != resolved_regexes_.end())
                for (const auto& topic : resolved->second.topics) add(topics, topic, {.expressions = -1});
    }
    if (after != nullptr)
        for (const auto& topic : after->subscribed_topics) add(topics, topic, {.members = +1});
    return topics;
}

SubscribedTopics ConsumerGroup::subscribed_topics_without(const std::set<std::string>& member_ids,
                                                          const std::set<std::string>& regexes) const {
    auto topics = subscribed_topics_;
    for (const auto& id : member_ids)
        for (const auto& topic : members_.at(id).metadata.subscribed_topics)
            add(topics, topic, {.members = -1});
    for (const auto& regex : regexes)
        if (const auto resolved = resolved_regexes_.find(regex); resolved != resolved_regexes_.end())
            for (const auto& topic : resolved->second.topics) add(topics, topic, {.expressions = -1});
    return topics;
}

Counts ConsumerGroup::subscribed_regexes_with(const MemberMetadata* before,
                                              const MemberMetadata* after) const {
    auto regexes = subscribed_regexes_;
    if (before != nullptr && before->has_regex()) add(regexes, *before->subscribed_regex, -1);
    if (after != nullptr && after->has_regex()) add(regexes, *after->subscribed_regex, +1);
    return regexes;
}

bool ConsumerGroup::is_homogeneous(const SubscribedTopics& topics, const Counts& regexes,
                                   std::size_t members) {
    const auto everybody = static_cast<std::int32_t>(members);
    if (regexes.empty())
        return std::ranges::all_of(topics,
                                   [&](const auto& topic) { return topic.second.members == everybody; });
    if (regexes.begin()->second != everybody) return false;
    return std::ranges::all_of(
        topics, [](const auto& topic) { return topic.second.expressions == 1 && topic.second.members <= 0; });
}

std::string ConsumerGroup::preferred_assignor(const MemberMetadata* before, const MemberMetadata* after,
                                              const std::string& otherwise) const {
    auto counts = server_assignors_;
    if (before != nullptr && before->server_assignor) add(counts, *before->server_assignor, -1);
    if (after != nullptr && after->server_assignor) add(counts, *after->server_assignor, +1);
    const auto most =
        std::ranges::max_element(counts, {}, [](const auto& assignor) { return assignor.second; });
    return most == counts.end() ? otherwise : most->first;
}

// ---------------------------------------------------------------- deleting

std::vector<ConsumerChange> ConsumerGroup::tombstones(const std::optional<Replacement>& replaced) const {
    std::vector<std::string> ids;
    for (const auto& [id, member] : members_)
        ids.push_back(replaced && replaced->member_id == id ? replaced->by : id);
    std::vector<ConsumerChange> changes;
    for (const auto& id : ids) changes.emplace_back(CurrentAssignmentChange{.member_id = id, .value = {}});
    for (const auto& id : ids) changes.emplace_back(TargetChange{.member_id = id, .value = {}});
    changes.emplace_back(TargetEpochChange{});
    for (const auto& id : ids) changes.emplace_back(MemberMetadataChange{.member_id = id, .value = {}});
    for (const auto& [regex, resolved] : resolved_regexes_)
        changes.emplace_back(RegexChange{.regex = regex, .value = {}});
    changes.emplace_back(PartitionMetadataChange{});
    changes.emplace_back(GroupEpochChange{});
    return changes;
}

void ConsumerGroup::check_invariants() const {
    std::int32_t classic = 0;
    std::map<std::pair<Uuid, std::int32_t>, std::string> owners;
    for (const auto& [id, member] : members_) {
        ASSERT(member.id == id);
        if (member.is_classic()) ++classic;
        for (const auto* partitions : {&member.current.assigned, &member.current.pending_revocation})
            for (const auto& [topic_id, epochs] : *partitions)
                for (const auto& [partition, epoch] : epochs) {
                    ASSERT(owners.try_emplace({topic_id, partition}, id).second);
                    ASSERT(contains(owners_, topic_id, partition));
                }
    }
    ASSERT(classic == classic_members_);
    for (const auto& [instance, id] : static_members_)
        ASSERT(members_.at(id).metadata.instance_id == instance);
}

}  // namespace gregor::coordinator
