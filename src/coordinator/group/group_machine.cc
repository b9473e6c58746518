#include "coordinator/group/group_machine.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "base/assert.h"
#include "base/format.h"
#include "base/log.h"
#include "coordinator/group/consumer/consumer_protocol.h"
#include "coordinator/runtime.h"

namespace gregor::coordinator {
namespace {

// Java's String.length(): UTF-16 units.
std::size_t utf16_length(std::string_view text) {
    std::size_t units = 0;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if ((byte & 0xc0U) == 0x80U) continue;  // a continuation
        units += byte >= 0xf0U ? 2 : 1;
    }
    return units;
}

bool equals_ignoring_case(std::string_view a, std::string_view b) {
    return std::ranges::equal(a, b, [](char x, char y) {
        return std::tolower(static_cast<unsigned char>(x)) == std::tolower(static_cast<unsigned char>(y));
    });
}

constexpr std::string_view k_classic = "classic";
constexpr std::string_view k_consumer = "consumer";

bool passes(const std::vector<std::string>& filter, std::string_view value) {
    return filter.empty() || std::ranges::any_of(filter, [&](const std::string& wanted) {
               return equals_ignoring_case(wanted, value);
           });
}

}  // namespace

ClassicGroup* GroupMachine::find(const std::string& group_id) {
    const auto found = groups_.find(group_id);
    return found == groups_.end() ? nullptr : &found->second;
}

// ---------------------------------------------------------------- membership

void GroupMachine::join(JoinRequest request, Turn& turn, Done<JoinResult> done) {
    JoinResult refused;
    refused.member_id = request.member_id;
    if (is_other(request.group_id)) {
        refused.error = ErrorCode::inconsistent_group_protocol;
        return turn.answer(std::move(done), std::move(refused));
    }
    if (auto* group = find(request.group_id); group != nullptr)
        return group->join(std::move(request), turn, std::move(done));
    const auto* consumer = find_consumer(request.group_id);
    if (consumer != nullptr && !consumer->is_empty())
        return join_consumer_group(std::move(request), turn, std::move(done));
    if (!request.member_id.empty()) {
        refused.error = ErrorCode::unknown_member_id;
        return turn.answer(std::move(done), std::move(refused));
    }
    std::vector<CoordinatorRecord> records;
    if (consumer != nullptr)
        for (const auto& change : consumer->tombstones())
            records.push_back(record_of(request.group_id, change));
    // The record makes the group exist, before anybody hears of it.
    const auto group_id = request.group_id;
    auto& group = groups_.try_emplace(group_id, group_id, config_, turn.wall_clock_ms()).first->second;
    records.push_back(group.record());
    if (const auto appended = turn.append(std::move(records)); !appended) {
        groups_.erase(group_id);
        return done(std::unexpected(client_error_of(appended.error())));
    }
    watch_retention(turn);
    group.join(std::move(request), turn, std::move(done));
}

void GroupMachine::sync(SyncRequest request, Turn& turn, Done<SyncResult> done) {
    if (auto* group = find(request.group_id); group != nullptr)
        return group->sync(std::move(request), turn, std::move(done));
    if (const auto* group = find_consumer(request.group_id); group != nullptr) {
        auto result = sync_in_consumer_group(*group, request, turn);
        return turn.answer(std::move(done), std::move(result));
    }
    turn.answer(std::move(done), SyncResult{.error = ErrorCode::unknown_member_id});
}

void GroupMachine::heartbeat(const HeartbeatRequest& request, Turn& turn, Done<ErrorCode> done) {
    auto error = ErrorCode::unknown_member_id;
    if (auto* group = find(request.group_id); group != nullptr)
        error = group->heartbeat(request, turn);
    else if (const auto* consumer = find_consumer(request.group_id); consumer != nullptr)
        error = heartbeat_in_consumer_group(*consumer, request, turn);
    turn.answer(std::move(done), std::move(error));
}

void GroupMachine::leave(const LeaveRequest& request, Turn& turn, Done<LeaveResult> done) {
    if (auto* group = find(request.group_id); group != nullptr) {
        auto result = group->leave(request, turn);
        return turn.answer(std::move(done), std::move(result));
    }
    if (const auto* group = find_consumer(request.group_id); group != nullptr) {
        auto result = leave_as_classic(*group, request, turn);
        if (!result) return done(std::unexpected(std::move(result).error()));
        return turn.answer(std::move(done), std::move(*result));
    }
    LeaveResult result;
    for (const auto& member : request.members)
        result.members.push_back({.member_id = member.member_id,
                                  .instance_id = member.instance_id,
                                  .error = ErrorCode::unknown_member_id});
    turn.answer(std::move(done), std::move(result));
}

// ---------------------------------------------------------------- offsets

ErrorCode GroupMachine::check_commit(const OffsetCommitRequest& request, Turn& turn) {
    if (is_other(request.group_id)) return request.unknown_group_error;
    if (auto* group = find(request.group_id); group != nullptr) return group->accept_commit(request, turn);
    if (const auto* group = find_consumer(request.group_id); group != nullptr)
        return check_consumer_commit(*group, request);
    return request.generation < 0 ? ErrorCode::none : request.unknown_group_error;
}

bool GroupMachine::is_too_large(std::string_view metadata) const {
    return utf16_length(metadata) > static_cast<std::size_t>(std::max(config_.offset_metadata_max_bytes, 0));
}

void GroupMachine::commit_offsets(const OffsetCommitRequest& request, Turn& turn,
                                  Done<OffsetCommitResult> done) {
    const auto refusal = check_commit(request, turn);
    const auto now_ms = turn.wall_clock_ms();
    OffsetCommitResult result;
    std::vector<CoordinatorRecord> records;
    for (const auto& topic : request.topics) {
        auto& errors = result.topics.emplace_back();
        for (const auto& partition : topic.partitions) {
            const auto error = refusal != ErrorCode::none         ? refusal
                               : is_too_large(partition.metadata) ? ErrorCode::offset_metadata_too_large
                                                                  : ErrorCode::none;
            errors.push_back(error);
            if (error != ErrorCode::none) continue;
            CommittedOffset offset{.offset = partition.offset,
                                   .leader_epoch = partition.leader_epoch,
                                   .metadata = partition.metadata,
                                   .commit_timestamp_ms = now_ms,
                                   .expire_timestamp_ms = {},
                                   .topic_id = {}};
            if (!request.transaction) offset.topic_id = topic.topic_id;  // Kafka stores none in transactions
            if (request.retention_time_ms) offset.expire_timestamp_ms = now_ms + *request.retention_time_ms;
            records.push_back(offset_record(request.group_id,
                                            {.topic = topic.name, .partition = partition.partition}, offset));
        }
    }
    const auto appended = request.transaction
                              ? turn.append_transactional(std::move(records), *request.transaction)
                              : turn.append(std::move(records));
    if (!appended) return done(std::unexpected(client_error_of(appended.error())));
    watch_retention(turn);
    turn.answer(std::move(done), std::move(result));
}

void GroupMachine::end_transaction(const TransactionEnd& end, Turn& turn, Done<ErrorCode> done) {
    if (const auto ended = turn.end_transaction(end); !ended)
        return done(std::unexpected(client_error_of(ended.error())));
    turn.answer(std::move(done), ErrorCode::none);
}

OffsetFetchResult::Partition GroupMachine::fetch_one(const OffsetFetchRequest& request, const OffsetKey& key,
                                                     Uuid topic_id) const {
    OffsetFetchResult::Partition result;
    result.partition = key.partition;
    if (request.require_stable && offsets_.has_pending(request.group_id, key)) {
        result.error = ErrorCode::unstable_offset_commit;
        return result;
    }
    const auto* offset = offsets_.find(request.group_id, key);
    if (offset == nullptr) return result;
    const bool is_of_another_topic =
        !topic_id.is_zero() && !offset->topic_id.is_zero() && topic_id != offset->topic_id;
    if (is_of_another_topic) return result;
    result.offset = offset->offset;
    result.leader_epoch = offset->leader_epoch;
    result.metadata = offset->metadata;
    return result;
}

std::vector<OffsetFetchResult::Topic> GroupMachine::fetch_all(const OffsetFetchRequest& request) const {
    std::vector<OffsetFetchResult::Topic> topics;
    const auto* offsets = offsets_.find(request.group_id);
    if (offsets == nullptr) return topics;
    for (const auto& [key, offset] : *offsets) {
        if (topics.empty() || topics.back().name != key.topic)
            topics.push_back({.name = key.topic, .topic_id = offset.topic_id, .partitions = {}});
        topics.back().partitions.push_back(fetch_one(request, key, {}));
    }
    return topics;
}

void GroupMachine::fetch_offsets(const OffsetFetchRequest& request, Turn& turn,
                                 Done<OffsetFetchResult> done) {
    OffsetFetchResult result;
    result.error = check_fetch(request);
    if (result.error != ErrorCode::none) return turn.answer(std::move(done), std::move(result));
    if (!request.topics) {
        result.topics = fetch_all(request);
        return turn.answer(std::move(done), std::move(result));
    }
    for (const auto& topic : *request.topics) {
        auto& fetched = result.topics.emplace_back();
        fetched.name = topic.name;
        fetched.topic_id = topic.topic_id;
        for (const auto partition : topic.partitions)
            fetched.partitions.push_back(
                fetch_one(request, {.topic = topic.name, .partition = partition}, topic.topic_id));
    }
    turn.answer(std::move(done), std::move(result));
}

// ---------------------------------------------------------------- looking, deleting

void GroupMachine::describe(const DescribeRequest& request, Turn& turn, Done<DescribedGroup> done) {
    const auto& group_id = request.group_id;
    if (const auto* group = find(group_id); group != nullptr) {
        auto described = group->describe();
        if (request.with_rebalances) described.rebalances = group->history().all();
        return turn.answer(std::move(done), std::move(described));
    }
    DescribedGroup missing;
    missing.group_id = group_id;
    missing.error = ErrorCode::group_id_not_found;
    const bool is_another = is_other(group_id) || consumer_groups_.contains(group_id);
    missing.error_message =
        is_another ? "Group " + group_id + " is not a classic group." : "Group " + group_id + " not found.";
    turn.answer(std::move(done), std::move(missing));
}

std::vector<ListedGroup> GroupMachine::list(const ListFilter& filter) const {
    std::vector<ListedGroup> listed;
    const auto add = [&](const std::string& id, const std::string& protocol_type, std::string_view state,
                         std::string_view type) {
        if (passes(filter.states, state))
            listed.push_back({.group_id = id, .protocol_type = protocol_type, .state = state, .type = type});
    };
    if (passes(filter.types, k_classic))
        for (const auto& [id, group] : groups_)
            add(id, group.protocol_type(), state_name(group.state()), k_classic);
    if (passes(filter.types, k_consumer))
        for (const auto& [id, group] : consumer_groups_)
            add(id, std::string(k_consumer_protocol_type), state_name(group.state()), k_consumer);
    return listed;
}

void GroupMachine::remove(const std::string& group_id, Turn& turn, Done<ErrorCode> done) {
    const auto* group = find(group_id);
    const auto* consumer = find_consumer(group_id);
    if (group == nullptr && consumer == nullptr)
        return turn.answer(std::move(done), ErrorCode::group_id_not_found);
    const bool is_empty = group != nullptr ? group->is_empty() : consumer->is_empty();
    if (!is_empty) return turn.answer(std::move(done), ErrorCode::non_empty_group);
    std::vector<CoordinatorRecord> records;
    for (const auto& key : offsets_.keys(group_id)) records.push_back(offset_tombstone(group_id, key));
    if (group != nullptr) records.push_back(group_tombstone(group_id));
    if (consumer != nullptr)
        for (const auto& change : consumer->tombstones()) records.push_back(record_of(group_id, change));
    if (const auto appended = append_tombstones(std::move(records), turn); !appended)
        return done(std::unexpected(client_error_of(appended.error())));
    turn.answer(std::move(done), ErrorCode::none);
}

// ---------------------------------------------------------------- replicated state

Status GroupMachine::apply(const RecordView& record) {
    const auto parsed = TRY(parse_record(record));
    if (const auto* offset = std::get_if<OffsetRecord>(&parsed))
        apply(*offset, record.producer_id);
    else if (const auto* group = std::get_if<GroupRecord>(&parsed))
        apply(*group);
    else if (const auto* consumer = std::get_if<ConsumerGroupRecord>(&parsed))
        apply(*consumer);
    else if (const auto* other = std::get_if<OtherGroupRecord>(&parsed))
        apply(*other);
    return {};
}

// An offset of a group that has no record of its own makes a group that only holds offsets.
void GroupMachine::apply(const OffsetRecord& record, ProducerId producer_id) {
    if (!record.value) return offsets_.erase(record.group_id, record.key);
    offsets_.put(record.group_id, record.key, *record.value, producer_id);
    if (!is_other(record.group_id) && !consumer_groups_.contains(record.group_id))
        groups_.try_emplace(record.group_id, record.group_id, config_, record.value->commit_timestamp_ms);
}

// When deciding, the group already is what its record says.
void GroupMachine::apply(const GroupRecord& record) {
    if (!record.value) {
        groups_.erase(record.group_id);
        return;
    }
    if (is_loaded_) {
        ASSERT(find(record.group_id) != nullptr);
        return;
    }
    groups_.erase(record.group_id);
    other_groups_.erase(record.group_id);
    forget_consumer(record.group_id);
    groups_.try_emplace(record.group_id, record.group_id, config_, *record.value);
}

// Tombstones of a group that is gone, or that compaction has taken apart, say nothing.
void GroupMachine::apply(const ConsumerGroupRecord& record) {
    const bool ends_group =
        std::holds_alternative<GroupEpochChange>(record.change) && is_tombstone(record.change);
    if (ends_group) return forget_consumer(record.group_id);
    auto* group = find_consumer(record.group_id);
    if (group == nullptr) {
        if (is_tombstone(record.change)) return;
        groups_.erase(record.group_id);
        other_groups_.erase(record.group_id);
        group = &consumer_groups_.try_emplace(record.group_id, record.group_id).first->second;
    }
    group->apply(record.change);
}

void GroupMachine::forget_consumer(const std::string& group_id) {
    consumer_groups_.erase(group_id);
    consumer_timers_.erase(group_id);
    consumer_histories_.erase(group_id);
}

void GroupMachine::apply(const OtherGroupRecord& record) {
    if (record.exists) {
        other_groups_.insert(record.group_id);
        groups_.erase(record.group_id);
        forget_consumer(record.group_id);
        return;
    }
    other_groups_.erase(record.group_id);
}

void GroupMachine::apply_marker(ProducerId producer_id, bool committed) {
    offsets_.complete_transaction(producer_id, committed);
}

void GroupMachine::on_loaded(Turn& turn) {
    is_loaded_ = true;
    newest_topics_version_ = images_.current()->provenance.last_contained_offset.value();
    for (auto& [id, group] : groups_) group.on_loaded(turn);
    for (const auto& [id, group] : consumer_groups_) watch_loaded(group, turn);
    if (!groups_.empty() || !consumer_groups_.empty()) watch_retention(turn);
}

void GroupMachine::on_alarm(const std::string& key, Turn& turn) {
    if (key.empty()) return expire_offsets(turn);
    if (auto* group = find(key); group != nullptr) return group->on_alarm(turn);
    on_consumer_alarm(key, turn);
}

void GroupMachine::on_unload(const Error& why) {
    for (auto& [id, group] : groups_) group.on_unload(why);
}

void GroupMachine::check_invariants() const {
    for (const auto& [id, group] : groups_) {
        ASSERT(group.id() == id);
        ASSERT(!other_groups_.contains(id));
        group.check_invariants();
    }
    for (const auto& [id, group] : consumer_groups_) {
        ASSERT(group.id() == id);
        ASSERT(!groups_.contains(id) && !other_groups_.contains(id));
        group.check_invariants();
    }
}

}  // namespace gregor::coordinator
