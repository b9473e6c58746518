// Offsets that nobody needs any more: by retention, with the group, with their topic, by request.
#include <algorithm>
#include <utility>

#include "base/format.h"
#include "base/log.h"
#include "coordinator/group/consumer/consumer_protocol.h"
#include "coordinator/group/group_machine.h"
#include "coordinator/runtime.h"
#include "gen/misc/consumer_protocol_subscription.h"
#include "protocol/reader.h"

namespace gregor::coordinator {
namespace {

constexpr std::size_t k_tombstones_per_batch = 1'000;

// ConsumerProtocol: int16 version, then a subscription that begins as those of version 0 do. As Kafka,
// nothing behind that is looked at.
bool read_topics(Bytes metadata, std::set<std::string>& topics) {
    protocol::Reader reader(metadata);
    reader.i16();
    msg::ConsumerProtocolSubscription subscription;
    subscription.decode(reader, 0);
    if (reader.failed()) return false;
    for (const auto& topic : subscription.topics) topics.emplace(topic);
    return true;
}

}  // namespace

void ClassicGroup::read_subscriptions() {
    subscribed_topics_.reset();
    if (protocol_type_ != k_consumer_protocol_type) return;
    std::set<std::string> topics;
    for (const auto& [id, member] : members_)
        if (!protocol_ || !read_topics(member.metadata(*protocol_), topics)) return;
    subscribed_topics_ = std::move(topics);
}

ErrorCode ClassicGroup::check_offset_deletion() const {
    return is_empty() || protocol_type_ == k_consumer_protocol_type ? ErrorCode::none
                                                                    : ErrorCode::non_empty_group;
}

// A subscription that nobody can read may be one to any topic.
bool ClassicGroup::is_subscribed_to(const std::string& topic) const {
    return subscribed_topics_ ? subscribed_topics_->contains(topic)
                              : protocol_type_ == k_consumer_protocol_type;
}

// One alarm for the whole partition, and none while it has no groups.
void GroupMachine::watch_retention(Turn& turn) {
    if (watches_retention_) return;
    watches_retention_ = true;
    turn.set_alarm(turn.now() + Duration::millis(config_.retention_check_interval_ms), {});
}

void GroupMachine::expire_offsets(Turn& turn) {
    std::vector<std::string> classic;
    for (const auto& [id, group] : groups_) classic.push_back(id);
    for (const auto& id : classic)
        if (const auto rule = expiry_of(groups_.at(id))) expire_offsets_of(id, *rule, turn);
    std::vector<std::string> consumer;
    for (const auto& [id, group] : consumer_groups_) consumer.push_back(id);
    for (const auto& id : consumer) expire_offsets_of(id, expiry_of(consumer_groups_.at(id)), turn);
    watches_retention_ = false;
    if (!groups_.empty() || !consumer_groups_.empty()) watch_retention(turn);
}

// Counted from when the group became empty, or from the commit. Nothing: the group keeps all it has.
std::optional<GroupMachine::Expiry> GroupMachine::expiry_of(const ClassicGroup& group) {
    const bool holds_offsets_only = group.protocol_type().empty();
    const bool is_stable = group.state() == ClassicGroupState::stable;
    const bool may_expire =
        group.is_empty() || holds_offsets_only || (is_stable && group.subscribed_topics().has_value());
    if (!may_expire) return std::nullopt;
    Expiry rule;
    if (is_stable) rule.subscribed = group.subscribed_topics().value_or(std::set<std::string>());
    if (group.is_empty() && !holds_offsets_only && group.current_state_timestamp_ms() != -1)
        rule.since_ms = group.current_state_timestamp_ms();
    if (group.is_empty()) rule.tombstones.push_back(group_tombstone(group.id()));
    return rule;
}

GroupMachine::Expiry GroupMachine::expiry_of(const ConsumerGroup& group) {
    Expiry rule;
    for (const auto& [topic, count] : group.subscribed_topics()) rule.subscribed.insert(topic);
    if (group.is_empty())
        for (const auto& change : group.tombstones())
            rule.tombstones.push_back(record_of(group.id(), change));
    return rule;
}

void GroupMachine::expire_offsets_of(const std::string& id, const Expiry& rule, Turn& turn) {
    std::vector<CoordinatorRecord> records;
    bool keeps_any = offsets_.has_pending(id);
    if (const auto* offsets = offsets_.find(id); offsets != nullptr)
        for (const auto& [key, offset] : *offsets) {
            const bool is_needed = offsets_.has_pending(id, key) || rule.subscribed.contains(key.topic);
            if (is_needed || !is_expired(rule, offset, turn.wall_clock_ms()))
                keeps_any = true;
            else
                records.push_back(offset_tombstone(id, key));
        }
    if (!keeps_any) records.insert(records.end(), rule.tombstones.begin(), rule.tombstones.end());
    if (records.empty()) return;
    const auto tombstones = records.size();
    LOG_INFO("group_offsets_expired", id, tombstones);
    if (const auto appended = append_tombstones(std::move(records), turn); !appended)
        LOG_WARN("group_expiry_failed", id, appended.error().detail);
}

// An expiry of the commit's own goes first.
bool GroupMachine::is_expired(const Expiry& rule, const CommittedOffset& offset, std::int64_t now_ms) const {
    if (offset.expire_timestamp_ms) return now_ms >= *offset.expire_timestamp_ms;
    return now_ms - rule.since_ms.value_or(offset.commit_timestamp_ms) >= config_.offsets_retention_ms;
}

void GroupMachine::forget_topic(const std::string& name, Uuid topic_id, Turn& turn) {
    for (const auto& id : offsets_.group_ids()) {
        if (is_other(id)) continue;
        std::vector<CoordinatorRecord> records;
        const auto* offsets = offsets_.find(id);
        for (auto at = offsets->lower_bound({.topic = name, .partition = INT32_MIN});
             at != offsets->end() && at->first.topic == name; ++at)
            if (at->second.topic_id.is_zero() || at->second.topic_id == topic_id)
                records.push_back(offset_tombstone(id, at->first));
        if (const auto appended = append_tombstones(std::move(records), turn); !appended)
            LOG_WARN("group_topic_offsets_kept", id, name, appended.error().detail);
    }
}

void GroupMachine::delete_offsets(const OffsetDeleteRequest& request, Turn& turn,
                                  Done<OffsetDeleteResult> done) {
    OffsetDeleteResult result;
    const auto* group = find(request.group_id);
    const auto* consumer = find_consumer(request.group_id);
    if (consumer == nullptr)
        result.error = group == nullptr ? ErrorCode::group_id_not_found : group->check_offset_deletion();
    if (result.error != ErrorCode::none) return turn.answer(std::move(done), std::move(result));
    std::vector<CoordinatorRecord> records;
    for (const auto& topic : request.topics) {
        const bool is_needed = consumer != nullptr ? consumer->subscribed_topics().contains(topic.name)
                                                   : group->is_subscribed_to(topic.name);
        result.topics.push_back(is_needed ? ErrorCode::group_subscribed_to_topic : ErrorCode::none);
        if (is_needed) continue;
        for (const auto partition : topic.partitions) {
            const OffsetKey key{.topic = topic.name, .partition = partition};
            if (offsets_.find(request.group_id, key) != nullptr ||
                offsets_.has_pending(request.group_id, key))
                records.push_back(offset_tombstone(request.group_id, key));
        }
    }
    if (const auto appended = append_tombstones(std::move(records), turn); !appended)
        return done(std::unexpected(client_error_of(appended.error())));
    turn.answer(std::move(done), std::move(result));
}

Status GroupMachine::append_tombstones(std::vector<CoordinatorRecord> records, Turn& turn) {
    for (std::size_t from = 0; from < records.size(); from += k_tombstones_per_batch) {
        const auto until = std::min(from + k_tombstones_per_batch, records.size());
        const auto at = [&](std::size_t i) {
            return std::make_move_iterator(records.begin() + static_cast<std::ptrdiff_t>(i));
        };
        TRY_STATUS(turn.append(std::vector<CoordinatorRecord>(at(from), at(until))));
    }
    return {};
}

}  // namespace gregor::coordinator
