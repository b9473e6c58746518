#include "sim/consumer_member.h"

#include <fmt/format.h>

#include <algorithm>

namespace gregor::sim {
namespace {

constexpr const char* k_group = "cg";
constexpr auto k_stays_max = Duration::seconds(40);  // before it leaves and comes back
constexpr std::string_view k_expression = "topic-.*";
constexpr std::int32_t k_rebalance_timeout_ms = 60'000;  // longer than any fault

}  // namespace

ConsumerMember::ConsumerMember(Machine& machine, Stage& stage, ConsumerLedger& ledger)
    : Actor(machine, stage), ledger_(ledger) {
    become_somebody();
}

ConsumerMember::~ConsumerMember() { ledger_.gone(member_id_); }

void ConsumerMember::become_somebody() {
    member_id_ = Uuid(prng_.next(), prng_.next()).to_string();
    epoch_ = 0;
    by_expression_ = prng_.chance(1, 4);
    leaves_at_ = now() + Duration::micros(prng_.between(5'000'000, k_stays_max.to_micros()));
}

void ConsumerMember::begin() {
    ++attempt_;
    told_owned_ = false;
    committing_ = false;
    heartbeat();
}

void ConsumerMember::on_lost() { ++attempt_; }

// ---------------------------------------------------------------- heartbeats

void ConsumerMember::heartbeat_in(Duration pause) {
    after(pause, [this, attempt = attempt_] {
        if (is_current(attempt)) heartbeat();
    });
}

void ConsumerMember::heartbeat() {
    if (now() >= leaves_at_ && !stage_.winding_down) return leave();
    if (!lost_.empty() && !committing_) give_up(std::exchange(lost_, {}));
    const auto version = by_expression_ ? std::int16_t{1} : any_version<msg::ConsumerGroupHeartbeatRequest>();
    msg::ConsumerGroupHeartbeatRequest request;
    request.group_id = k_group;
    request.member_id = member_id_;
    request.member_epoch = epoch_;
    const bool says_all = epoch_ == 0 || prng_.chance(1, 5);
    if (says_all) {
        request.rebalance_timeout_ms = k_rebalance_timeout_ms;
        if (by_expression_) {
            request.subscribed_topic_regex = k_expression;
        } else {
            request.subscribed_topic_names.emplace();
            for (const auto& topic : stage_.topics) request.subscribed_topic_names->push_back(topic.name);
        }
    }
    if (says_all || !told_owned_) {
        request.topic_partitions.emplace();
        for (const auto at : owned_) {
            auto& topic = request.topic_partitions->emplace_back();
            topic.topic_id = stage_.topics[at.topic].id;
            topic.partitions.push_back(at.partition);
        }
        told_owned_ = true;
    }
    const bool gives_up_on_the_answer = epoch_ > 0 && prng_.chance(1, 10);
    send_heartbeat(request, version, gives_up_on_the_answer);
    if (gives_up_on_the_answer) send_heartbeat(request, version, false);
}

// Whoever repeats a request has not heard the answer to the first: what that one gave, the member does not
// say that it has, and so the broker may give it to another.
void ConsumerMember::send_heartbeat(const msg::ConsumerGroupHeartbeatRequest& request, std::int16_t version,
                                    bool is_repeated) {
    caller_.call<msg::ConsumerGroupHeartbeatResponse>(
        request, version, stage_.patience,
        [this, is_repeated, sent = stage_.world.now(),
         attempt = attempt_](const msg::ConsumerGroupHeartbeatResponse& response) {
            if (is_repeated || !is_current(attempt)) return;
            on_heartbeat(sent, response);
            if (is_current(attempt)) heartbeat_in(Duration::millis(prng_.between(200, 1'200)));
        });
}

void ConsumerMember::on_heartbeat(Instant sent, const msg::ConsumerGroupHeartbeatResponse& response) {
    if (response.error_code != ErrorCode::none) return recover(response.error_code, "ConsumerGroupHeartbeat");
    if (response.member_id != member_id_) return stage_.world.fail(name_ + " was answered in another's name");
    take_assignment(sent, response);
}

void ConsumerMember::take_assignment(Instant sent, const msg::ConsumerGroupHeartbeatResponse& response) {
    const auto before = std::exchange(epoch_, response.member_epoch);
    if (!response.assignment) return ledger_.answered(member_id_, sent, epoch_, {});
    Partitions assigned;
    for (const auto& topic : response.assignment->topic_partitions) {
        const auto index = topic_index({}, topic.topic_id, true);
        if (!index) return stage_.world.fail(name_ + " was assigned a topic that does not exist");
        for (const auto partition : topic.partitions) assigned.insert({*index, partition});
    }
    Partitions gained;
    for (const auto at : assigned)
        if (!owned_.contains(at)) gained.insert(at);
    lost_.clear();
    for (const auto at : owned_)
        if (!assigned.contains(at)) lost_.insert(at);
    ledger_.answered(member_id_, sent, epoch_, gained);
    if (!gained.empty() || !lost_.empty()) told_owned_ = false;
    owned_.insert(gained.begin(), gained.end());
    if (!gained.empty()) fetch_offsets();
    // What it gave up earlier is not its own in any epoch that it has been in.
    for (const auto& topic : stage_.all_partitions())
        if (before > 0 && before < epoch_ && !owned_.contains(topic) && prng_.chance(1, 8))
            return commit_of_the_past(topic, before);
}

void ConsumerMember::give_up(const Partitions& lost) {
    ledger_.gives_up(member_id_, lost);
    for (const auto at : lost) {
        owned_.erase(at);
        positions_.erase(at);
    }
    told_owned_ = false;
}

void ConsumerMember::recover(ErrorCode code, const char* what) {
    if (code == ErrorCode::fenced_member_epoch) return begin_anew(true);
    if (code == ErrorCode::unknown_member_id) return begin_anew(prng_.chance(1, 2));
    if (is_retriable(code)) {
        told_owned_ = false;
        return;
    }
    stage_.world.fail(fmt::format("{}: {} answered {}", name_, what, error_name(code)));
}

void ConsumerMember::begin_anew(bool with_same_id) {
    ledger_.gone(member_id_);
    owned_.clear();
    lost_.clear();
    positions_.clear();
    told_owned_ = false;
    committing_ = false;
    epoch_ = 0;
    if (!with_same_id) become_somebody();
    ++attempt_;
    heartbeat_in(Duration::millis(prng_.between(1, 300)));
}

void ConsumerMember::leave() {
    msg::ConsumerGroupHeartbeatRequest request;
    request.group_id = k_group;
    request.member_id = member_id_;
    request.member_epoch = -1;
    caller_.call<msg::ConsumerGroupHeartbeatResponse>(
        request, any_version<msg::ConsumerGroupHeartbeatRequest>(), stage_.patience,
        [](const msg::ConsumerGroupHeartbeatResponse&) {});
    begin_anew(false);
}

// ---------------------------------------------------------------- offsets

// Since v9 with the member's epoch.
void ConsumerMember::fetch_offsets() {
    constexpr std::int16_t k_by_id_from = 10;
    const auto version = any_version<msg::OffsetFetchRequest>(9);
    msg::OffsetFetchRequest request;
    auto& group = request.groups.emplace_back();
    group.group_id = k_group;
    group.member_id = member_id_;
    group.member_epoch = epoch_;
    group.topics.emplace();
    std::map<TopicPartition, std::int64_t> floors;
    for (const auto at : owned_) {
        if (positions_.contains(at)) continue;
        auto& topic = group.topics->emplace_back();
        name_topic(topic, &msg::OffsetFetchRequest::OffsetFetchRequestTopics::name, at.topic,
                   version >= k_by_id_from);
        topic.partition_indexes.push_back(at.partition);
        floors[at] = stage_.groups.committed(k_group, at);
    }
    if (floors.empty()) return;
    caller_.call<msg::OffsetFetchResponse>(
        request, version, stage_.patience,
        [this, floors, attempt = attempt_](const msg::OffsetFetchResponse& response) {
            if (is_current(attempt)) on_offsets(floors, response);
        });
}

void ConsumerMember::on_offsets(const std::map<TopicPartition, std::int64_t>& floors,
                                const msg::OffsetFetchResponse& response) {
    if (response.groups.size() != 1) return stage_.world.fail(name_ + " asked about one group");
    const auto& group = response.groups[0];
    const bool came_too_late = group.error_code == ErrorCode::stale_member_epoch ||
                               group.error_code == ErrorCode::unknown_member_id ||
                               is_retriable(group.error_code);
    if (came_too_late) {
        after(Duration::millis(300), [this, attempt = attempt_] {
            if (is_current(attempt)) fetch_offsets();
        });
        return;
    }
    if (group.error_code != ErrorCode::none) return recover(group.error_code, "OffsetFetch");
    for (const auto& topic : group.topics) {
        const auto index = topic_index(topic.name, topic.topic_id, topic.name.empty());
        for (const auto& partition : topic.partitions) {
            const TopicPartition at{index.value_or(0), partition.partition_index};
            const bool is_known = index && floors.contains(at) && partition.error_code == ErrorCode::none;
            if (!is_known) continue;
            stage_.groups.fetched(k_group, at, partition.committed_offset, floors.at(at));
            if (owned_.contains(at)) positions_[at] = std::max<std::int64_t>(partition.committed_offset, 0);
        }
    }
    commit();
}

msg::OffsetCommitRequest ConsumerMember::commit_request(
    std::int32_t epoch, std::int16_t version, const std::map<TopicPartition, std::int64_t>& offsets) const {
    constexpr std::int16_t k_by_id_from = 10;
    msg::OffsetCommitRequest request;
    request.group_id = k_group;
    request.generation_id_or_member_epoch = epoch;
    request.member_id = member_id_;
    for (const auto& [at, offset] : offsets) {
        auto& topic = request.topics.emplace_back();
        name_topic(topic, &msg::OffsetCommitRequest::OffsetCommitRequestTopic::name, at.topic,
                   version >= k_by_id_from);
        auto& partition = topic.partitions.emplace_back();
        partition.partition_index = at.partition;
        partition.committed_offset = offset;
    }
    return request;
}

// A partition whose offset was not fetched has none that this member could move on.
void ConsumerMember::commit() {
    if (committing_ || positions_.empty()) return;
    std::map<TopicPartition, std::int64_t> offsets;
    for (const auto& [at, position] : positions_) offsets[at] = position + 1;
    const auto version = any_version<msg::OffsetCommitRequest>(9);
    for (const auto& [at, offset] : offsets) stage_.groups.committing(k_group, at, offset);
    committing_ = true;
    caller_.call<msg::OffsetCommitResponse>(
        commit_request(epoch_, version, offsets), version, stage_.patience,
        [this, offsets, attempt = attempt_](const msg::OffsetCommitResponse& response) {
            if (!is_current(attempt)) return;
            committing_ = false;
            on_committed(offsets, response);
            commit_in(Duration::millis(prng_.between(100, 2'000)));
        });
}

void ConsumerMember::commit_in(Duration pause) {
    after(pause, [this, attempt = attempt_] {
        if (is_current(attempt)) commit();
    });
}

void ConsumerMember::on_committed(const std::map<TopicPartition, std::int64_t>& offsets,
                                  const msg::OffsetCommitResponse& response) {
    for (const auto& topic : response.topics)
        for (const auto& partition : topic.partitions)
            if (partition.error_code != ErrorCode::none) return;  // the next heartbeat tells what is wrong
    for (const auto& [at, offset] : offsets) {
        stage_.groups.commit_acked(k_group, at, offset);
        if (owned_.contains(at)) positions_[at] = offset;
    }
}

// As a packet would that was long under way: it names an epoch in which the member had the partition,
// perhaps, but has not any more.
void ConsumerMember::commit_of_the_past(TopicPartition at, std::int32_t epoch) {
    const auto version = any_version<msg::OffsetCommitRequest>(9);
    caller_.call<msg::OffsetCommitResponse>(
        commit_request(epoch, version, {{at, 0}}), version, stage_.patience,
        [this, at, epoch](const msg::OffsetCommitResponse& response) {
            for (const auto& topic : response.topics)
                for (const auto& partition : topic.partitions)
                    if (partition.error_code == ErrorCode::none)
                        stage_.world.fail(fmt::format("{} of epoch {} committed t{}-{}, which it gave back",
                                                      name_, epoch, at.topic, at.partition));
        });
}

}  // namespace gregor::sim
