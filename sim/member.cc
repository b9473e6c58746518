#include "sim/member.h"

#include <fmt/format.h>

#include <algorithm>

#include "gen/misc/consumer_protocol_assignment.h"
#include "gen/misc/consumer_protocol_subscription.h"

namespace gregor::sim {
namespace {

constexpr std::string_view k_protocol_type = "consumer";
constexpr std::string_view k_protocol = "range";

// Consumer protocol values carry their version in front.
template <class Message>
std::vector<std::byte> with_version(const Message& message, std::int16_t version) {
    protocol::Writer writer;
    writer.i16(version);
    message.encode(writer, version);
    return writer.take().flatten();
}

std::vector<std::byte> encode_assignment(const Stage& stage, const GroupLedger::Assignment& owned) {
    msg::ConsumerProtocolAssignment assignment;
    for (const auto at : owned) {
        auto& topics = assignment.assigned_partitions;
        if (topics.empty() || topics.back().topic != stage.topics[at.topic].name) {
            topics.emplace_back().topic = stage.topics[at.topic].name;
        }
        topics.back().partitions.push_back(at.partition);
    }
    return with_version(assignment, 1);
}

}  // namespace

Member::Member(Machine& machine, Stage& stage, MemberOptions options)
    : Actor(machine, stage),
      options_(std::move(options)),
      loop_(stage, caller_, prng_.split(), name_),
      leaves_at_(now() + Duration::micros(prng_.between(5'000'000, options_.stays_max.to_micros()))) {}

void Member::begin() { find_coordinator(); }

void Member::on_lost() {
    loop_.connection_lost();
    state_ = State::away;
    ++attempt_;
}

void Member::rejoin_in(Duration pause) {
    state_ = State::away;
    owned_.clear();
    const auto attempt = ++attempt_;
    after(pause, [this, attempt] {
        if (is_current(attempt)) join();
    });
}

void Member::recover(ErrorCode code, const char* what) {
    if (code == ErrorCode::unknown_member_id || code == ErrorCode::illegal_generation) {
        member_id_.clear();
        return rejoin_in(Duration::millis(prng_.between(1, 50)));
    }
    if (code == ErrorCode::rebalance_in_progress) return rejoin_in(Duration::millis(prng_.between(1, 50)));
    if (is_retriable(code)) return rejoin_in(Duration::millis(prng_.between(50, 300)));
    stage_.world.fail(fmt::format("{}: {} answered {}", name_, what, error_name(code)));
}

// ---------------------------------------------------------------- join

void Member::find_coordinator() {
    constexpr std::int16_t k_many_from = 4;
    const auto version = any_version<msg::FindCoordinatorRequest>();
    msg::FindCoordinatorRequest request;
    if (version < k_many_from) {
        request.key = options_.group;
    } else {
        request.coordinator_keys.push_back(options_.group);
    }
    caller_.call<msg::FindCoordinatorResponse>(
        request, version, stage_.patience,
        [this, version](const msg::FindCoordinatorResponse& response) { on_coordinator(version, response); });
}

// There is one broker, so what matters is that the answer says so.
void Member::on_coordinator(std::int16_t version, const msg::FindCoordinatorResponse& response) {
    constexpr std::int16_t k_many_from = 4;
    const bool many = version >= k_many_from;
    if (many && response.coordinators.size() != 1) {
        return stage_.world.fail(name_ + " asked for the coordinator of one group");
    }
    const auto code = many ? response.coordinators[0].error_code : response.error_code;
    if (code == ErrorCode::none) {
        const auto host = many ? response.coordinators[0].host : response.host;
        if (host != stage_.broker.host)
            stage_.world.fail(name_ + " was sent to a coordinator that does not exist");
        return join();
    }
    if (!is_retriable(code)) {
        return stage_.world.fail(fmt::format("{}: FindCoordinator answered {}", name_, error_name(code)));
    }
    after(Duration::millis(200), [this, attempt = attempt_] {
        if (is_current(attempt)) find_coordinator();
    });
}

void Member::join() {
    if (loop_.is_under_way()) return rejoin_in(Duration::millis(20));  // its answer comes first
    state_ = State::joining;
    msg::ConsumerProtocolSubscription subscription;
    for (const auto& topic : stage_.topics) subscription.topics.push_back(topic.name);
    const auto metadata = with_version(subscription, 1);
    const auto version = any_version<msg::JoinGroupRequest>();
    msg::JoinGroupRequest request;
    request.group_id = options_.group;
    request.session_timeout_ms = static_cast<std::int32_t>(options_.session_timeout.to_millis());
    if (version >= 1) {
        request.rebalance_timeout_ms = static_cast<std::int32_t>(options_.rebalance_timeout.to_millis());
    }
    request.member_id = member_id_;
    request.protocol_type = k_protocol_type;
    request.protocols.push_back({k_protocol, Bytes{metadata}, {}});
    const auto known = stage_.groups.generation(options_.group);
    const auto wait = std::max(options_.rebalance_timeout, options_.session_timeout);
    caller_.call<msg::JoinGroupResponse>(
        request, version, wait * 2 + stage_.patience,
        [this, version, known, attempt = attempt_](const msg::JoinGroupResponse& response) {
            if (is_current(attempt)) on_joined(version, known, response);
        });
}

void Member::on_joined(std::int16_t, std::int32_t known, const msg::JoinGroupResponse& response) {
    if (response.error_code == ErrorCode::member_id_required) {
        member_id_ = response.member_id;
        return join();
    }
    if (response.error_code != ErrorCode::none) return recover(response.error_code, "JoinGroup");
    member_id_ = response.member_id;
    generation_ = response.generation_id;
    if (response.protocol_name != k_protocol) {
        return stage_.world.fail(name_ + " joined with a protocol that it did not offer");
    }
    stage_.groups.joined(options_.group, member_id_, generation_, known);
    sync(response.leader == response.member_id ? &response : nullptr);
}

GroupLedger::Assignments Member::divide(const std::vector<std::string>& members) const {
    GroupLedger::Assignments assignments;
    std::size_t turn = 0;
    for (const auto at : stage_.all_partitions()) assignments[members[turn++ % members.size()]].insert(at);
    return assignments;
}

void Member::sync(const msg::JoinGroupResponse* as_leader) {
    state_ = State::syncing;
    const auto version = any_version<msg::SyncGroupRequest>();
    msg::SyncGroupRequest request;
    request.group_id = options_.group;
    request.generation_id = generation_;
    request.member_id = member_id_;
    if (version >= 5) {
        request.protocol_type = k_protocol_type;
        request.protocol_name = k_protocol;
    }
    std::vector<std::vector<std::byte>> encoded;
    GroupLedger::Assignments given;
    if (as_leader != nullptr) {
        std::vector<std::string> members;
        for (const auto& member : as_leader->members) members.emplace_back(member.member_id);
        std::ranges::sort(members);
        given = divide(members);
        for (const auto& [member, owned] : given) encoded.push_back(encode_assignment(stage_, owned));
        std::size_t i = 0;
        for (const auto& [member, owned] : given)
            request.assignments.push_back({member, Bytes{encoded[i++]}, {}});
        stage_.groups.leader_assigns(options_.group, generation_, given);
    }
    const auto known = stage_.groups.generation(options_.group);
    caller_.call<msg::SyncGroupResponse>(
        request, version, options_.rebalance_timeout + stage_.patience,
        [this, known, attempt = attempt_](const msg::SyncGroupResponse& response) {
            if (is_current(attempt)) on_synced(known, response);
        });
}

void Member::on_synced(std::int32_t known, const msg::SyncGroupResponse& response) {
    if (response.error_code != ErrorCode::none) return recover(response.error_code, "SyncGroup");
    if (!read_assignment(response.assignment)) {
        return stage_.world.fail(name_ + " cannot read what it was assigned");
    }
    stage_.groups.synced(options_.group, member_id_, generation_, owned_, known);
    set_heartbeat();
    fetch_offsets();
}

bool Member::read_assignment(Bytes bytes) {
    owned_.clear();
    if (bytes.empty()) return true;  // the leader gave it nothing
    protocol::Reader reader(bytes);
    const auto version = reader.i16();
    msg::ConsumerProtocolAssignment assignment;
    assignment.decode(reader, version);
    if (!reader.finished()) return false;
    for (const auto& topic : assignment.assigned_partitions) {
        const auto index = topic_index(topic.topic, {}, false);
        if (!index) return false;
        for (const auto partition : topic.partitions) owned_.insert({*index, partition});
    }
    return true;
}

// ---------------------------------------------------------------- where to start

void Member::fetch_offsets() {
    state_ = State::starting;
    found_.clear();
    if (owned_.empty()) return start_consuming();
    constexpr std::int16_t k_groups_from = 8;
    const auto version = any_version<msg::OffsetFetchRequest>();
    if (version < k_groups_from) {
        fetch_offsets_of_one_group(version);
    } else {
        fetch_offsets_of_groups(version);
    }
}

void Member::fetch_offsets_of_one_group(std::int16_t version) {
    msg::OffsetFetchRequest request;
    request.group_id = options_.group;
    std::map<TopicPartition, std::int64_t> floors;
    for (const auto at : owned_) {
        auto& topic = request.topics->emplace_back();
        topic.name = stage_.topics[at.topic].name;
        topic.partition_indexes.push_back(at.partition);
        floors[at] = stage_.groups.committed(options_.group, at);
    }
    caller_.call<msg::OffsetFetchResponse>(
        request, version, stage_.patience,
        [this, floors, attempt = attempt_](const msg::OffsetFetchResponse& response) {
            if (!is_current(attempt)) return;
            if (response.error_code != ErrorCode::none) return recover(response.error_code, "OffsetFetch");
            for (const auto& topic : response.topics) {
                const auto index = topic_index(topic.name, {}, false);
                for (const auto& partition : topic.partitions) {
                    const TopicPartition at{index.value_or(0), partition.partition_index};
                    if (!index || !floors.contains(at)) continue;
                    if (partition.error_code == ErrorCode::none) {
                        stage_.groups.fetched(options_.group, at, partition.committed_offset, floors.at(at));
                    }
                    on_offset(at, partition.committed_offset, partition.error_code);
                }
            }
            start_consuming();
        });
}

void Member::fetch_offsets_of_groups(std::int16_t version) {
    constexpr std::int16_t k_by_id_from = 10;
    msg::OffsetFetchRequest request;
    auto& group = request.groups.emplace_back();
    group.group_id = options_.group;
    std::map<TopicPartition, std::int64_t> floors;
    for (const auto at : owned_) {
        auto& topic = group.topics->emplace_back();
        name_topic(topic, &msg::OffsetFetchRequest::OffsetFetchRequestTopics::name, at.topic,
                   version >= k_by_id_from);
        topic.partition_indexes.push_back(at.partition);
        floors[at] = stage_.groups.committed(options_.group, at);
    }
    caller_.call<msg::OffsetFetchResponse>(
        request, version, stage_.patience,
        [this, floors, version, attempt = attempt_](const msg::OffsetFetchResponse& response) {
            if (!is_current(attempt)) return;
            if (response.groups.size() != 1) return stage_.world.fail(name_ + " asked about one group");
            const auto& answer = response.groups[0];
            if (answer.error_code != ErrorCode::none) return recover(answer.error_code, "OffsetFetch");
            for (const auto& topic : answer.topics) {
                const auto index = topic_index(topic.name, topic.topic_id, version >= k_by_id_from);
                for (const auto& partition : topic.partitions) {
                    const TopicPartition at{index.value_or(0), partition.partition_index};
                    if (!index || !floors.contains(at)) continue;
                    if (partition.error_code == ErrorCode::none) {
                        stage_.groups.fetched(options_.group, at, partition.committed_offset, floors.at(at));
                    }
                    on_offset(at, partition.committed_offset, partition.error_code);
                }
            }
            start_consuming();
        });
}

void Member::on_offset(TopicPartition at, std::int64_t offset, ErrorCode code) {
    if (code != ErrorCode::none) return;
    found_[at] = Offset{std::max<std::int64_t>(offset, 0)};  // -1: nothing committed
}

void Member::start_consuming() {
    if (found_.size() != owned_.size()) return rejoin_in(Duration::millis(100));
    state_ = State::consuming;
    committed_ = found_;
    loop_.assign(found_);
    consume();
}

// ---------------------------------------------------------------- work

void Member::consume() {
    if (state_ != State::consuming || !caller_.is_connected() || loop_.is_under_way()) return;
    if (now() >= leaves_at_ && !stage_.winding_down) return leave();
    if (owned_.empty()) return;
    loop_.fetch_once([this, attempt = attempt_] {
        if (is_current(attempt)) on_consumed();
    });
}

void Member::on_consumed() {
    if (prng_.chance(1, 3)) commit();
    after(Duration::micros(prng_.between(0, 100'000)), [this, attempt = attempt_] {
        if (is_current(attempt)) consume();
    });
}

void Member::commit() {
    FetchLoop::Positions moved;
    for (const auto& [at, position] : loop_.positions()) {
        if (position != committed_[at]) moved[at] = position;
    }
    if (moved.empty()) return;
    const auto version = any_version<msg::OffsetCommitRequest>();
    constexpr std::int16_t k_by_id_from = 10;
    msg::OffsetCommitRequest request;
    request.group_id = options_.group;
    request.generation_id_or_member_epoch = generation_;
    request.member_id = member_id_;
    for (const auto& [at, position] : moved) {
        auto& topic = request.topics.emplace_back();
        name_topic(topic, &msg::OffsetCommitRequest::OffsetCommitRequestTopic::name, at.topic,
                   version >= k_by_id_from);
        auto& partition = topic.partitions.emplace_back();
        partition.partition_index = at.partition;
        partition.committed_offset = position.value();
        stage_.groups.committing(options_.group, at, position.value());
    }
    const auto known = stage_.groups.generation(options_.group);
    caller_.call<msg::OffsetCommitResponse>(
        request, version, stage_.patience,
        [this, moved, known, generation = generation_](const msg::OffsetCommitResponse& response) {
            on_committed(generation, known, moved, response);
        });
}

void Member::on_committed(std::int32_t generation, std::int32_t known, const FetchLoop::Positions& positions,
                          const msg::OffsetCommitResponse& response) {
    ErrorCode worst = ErrorCode::none;
    std::size_t count = 0;
    for (const auto& topic : response.topics) {
        for (const auto& partition : topic.partitions) {
            ++count;
            if (partition.error_code != ErrorCode::none) worst = partition.error_code;
        }
    }
    if (count != positions.size())
        return stage_.world.fail(name_ + ": a commit is not answered for each partition");
    if (worst != ErrorCode::none) {
        if (state_ == State::consuming && generation == generation_) recover(worst, "OffsetCommit");
        return;
    }
    stage_.groups.served(options_.group, generation, known, "OffsetCommit");
    for (const auto& [at, position] : positions) {
        stage_.groups.commit_acked(options_.group, at, position.value());
        if (generation == generation_) committed_[at] = position;
    }
}

void Member::set_heartbeat() {
    after(Duration::millis(prng_.between(300, 1'500)), [this, attempt = attempt_] {
        if (is_current(attempt)) heartbeat();
    });
}

void Member::heartbeat() {
    if (prng_.chance(1, 8)) heartbeat_of_the_past();
    msg::HeartbeatRequest request;
    request.group_id = options_.group;
    request.generation_id = generation_;
    request.member_id = member_id_;
    const auto known = stage_.groups.generation(options_.group);
    caller_.call<msg::HeartbeatResponse>(
        request, any_version<msg::HeartbeatRequest>(), stage_.patience,
        [this, known, attempt = attempt_, generation = generation_](const msg::HeartbeatResponse& response) {
            if (response.error_code == ErrorCode::none) {
                stage_.groups.served(options_.group, generation, known, "Heartbeat");
            }
            if (is_current(attempt)) on_heartbeat(response.error_code);
        });
}

// As a packet would that was long under way: an earlier generation must not be served any more.
void Member::heartbeat_of_the_past() {
    const auto past = generation_ - 1;
    if (past < 0) return;
    msg::HeartbeatRequest request;
    request.group_id = options_.group;
    request.generation_id = past;
    request.member_id = member_id_;
    const auto known = stage_.groups.generation(options_.group);
    caller_.call<msg::HeartbeatResponse>(request, any_version<msg::HeartbeatRequest>(), stage_.patience,
                                         [this, known, past](const msg::HeartbeatResponse& response) {
                                             if (response.error_code == ErrorCode::none) {
                                                 stage_.groups.served(options_.group, past, known,
                                                                      "Heartbeat");
                                             }
                                         });
}

void Member::on_heartbeat(ErrorCode code) {
    if (code != ErrorCode::none) return recover(code, "Heartbeat");
    if (state_ == State::consuming && owned_.empty()) consume();  // to leave, when it is time
    set_heartbeat();
}

// ---------------------------------------------------------------- the end

void Member::leave() {
    state_ = State::away;
    ++attempt_;
    leaves_at_ = now() + Duration::micros(prng_.between(5'000'000, options_.stays_max.to_micros()));
    const auto version = any_version<msg::LeaveGroupRequest>();
    constexpr std::int16_t k_many_from = 3;
    msg::LeaveGroupRequest request;
    request.group_id = options_.group;
    if (version < k_many_from) {
        request.member_id = member_id_;
    } else {
        request.members.emplace_back().member_id = member_id_;
    }
    caller_.call<msg::LeaveGroupResponse>(request, version, stage_.patience,
                                          [this, attempt = attempt_](const msg::LeaveGroupResponse&) {
                                              if (is_current(attempt)) on_left();
                                          });
}

void Member::on_left() {
    member_id_.clear();
    rejoin_in(Duration::millis(prng_.between(100, 3'000)));
}

}  // namespace gregor::sim
