#include "raft/raft.h"

#include <algorithm>

#include "base/assert.h"
#include "base/log.h"
#include "raft/control_records.h"
#include "records/batch.h"
#include "records/builder.h"

namespace gregor::raft {

Status check_single_voter(const RaftConfig& config, const RaftStart& start) {
    if (start.voters.empty())
        return fail(
            ErrorCode::inconsistent_voter_set,
            "the metadata log names no voters: set controller.quorum.voters where the directory was "
            "formatted "
            "for a static quorum, or format an empty directory with gregor storage format --standalone");
    const auto source = start.kraft_version >= 1 ? "in the metadata log"
                                                 : "in controller.quorum.voters, which count for this log";
    const auto self = std::ranges::find(start.voters, config.node_id, &Voter::id);
    if (self == start.voters.end()) {
        return fail(ErrorCode::inconsistent_voter_set,
                    fmt::format("node.id {} is not among the voters {}", config.node_id.value(), source));
    }
    if (start.voters.size() > 1) {
        return fail(ErrorCode::inconsistent_voter_set,
                    fmt::format("there are {} voters {}; only a quorum of one is supported yet",
                                start.voters.size(), source));
    }
    if (!self->directory_id.is_zero() && self->directory_id != config.directory_id) {
        return fail(ErrorCode::inconsistent_voter_set,
                    fmt::format("the metadata log expects this voter in directory {}, this one is {}",
                                self->directory_id.to_string(), config.directory_id.to_string()));
    }
    return {};
}

Raft::Raft(RaftConfig config, RaftStart start)
    : config_(std::move(config)),
      kraft_version_(start.kraft_version),
      voters_(std::move(start.voters)),
      voters_are_in_log_(start.voters_are_in_log),
      end_offset_(start.log_end_offset),
      flushed_offset_(start.log_end_offset),
      epoch_start_offset_(start.log_end_offset) {
    ASSERT(voters_.size() == 1 && voters_[0].id == config_.node_id);  // check_single_voter said so
    if (start.quorum_state) state_ = *start.quorum_state;
    // A log that is ahead of the file: its epoch is the one we know of.
    state_.leader_epoch = std::max({state_.leader_epoch, start.last_log_epoch, LeaderEpoch{0}});
    state_.leader_id = k_no_broker;
    state_.data_version = kraft_version_ >= 1 ? 1 : 0;
}

void Raft::step(const Event& event, std::int64_t now_ms, Effects& out) {
    if (std::holds_alternative<Started>(event)) {
        start(out);
    } else if (std::holds_alternative<QuorumStateWritten>(event)) {
        on_quorum_state_written(now_ms, out);
    } else if (const auto* flushed = std::get_if<Flushed>(&event)) {
        on_flushed(flushed->end_offset, out);
    } else {
        resign(out);  // DiskFailed, StopRequested
    }
    DCHECK((check_invariants(), true));
}

// The only voter elects itself without asking anybody: the epoch becomes its own the moment that is durable.
void Raft::start(Effects& out) {
    ASSERT(role_ == Role::unattached);
    role_ = Role::candidate;
    state_.leader_epoch = LeaderEpoch{state_.leader_epoch.value() + 1};
    state_.leader_id = config_.node_id;
    state_.voted_id = k_no_broker;
    state_.voted_directory_id = Uuid{};
    state_.static_voters.clear();
    if (state_.data_version == 0) state_.static_voters.push_back(config_.node_id);
    out.emplace_back(WriteQuorumState{state_});
}

void Raft::on_quorum_state_written(std::int64_t now_ms, Effects& out) {
    if (role_ != Role::candidate) return;  // stopped meanwhile
    role_ = Role::leader;
    epoch_start_offset_ = end_offset_;
    high_watermark_.reset();
    append_epoch_batch(now_ms, out);
    out.emplace_back(BecameLeader{epoch(), epoch_start_offset_});
}

// LeaderChange, and the voter set where the log does not hold it yet or this voter's entry is out of date.
void Raft::append_epoch_batch(std::int64_t now_ms, Effects& out) {
    records::BatchBuilder batch(
        {.base_offset = end_offset_, .partition_leader_epoch = epoch(), .control = true});
    batch.append_control(records::ControlType::leader_change, now_ms,
                         encode_leader_change(config_.node_id, voters_).bytes());
    auto& self = voters_[0];
    const Voter current{
        .id = config_.node_id, .directory_id = config_.directory_id, .endpoints = config_.endpoints};
    if (kraft_version_ >= 1 && (!voters_are_in_log_ || self != current)) {
        self = current;
        voters_are_in_log_ = true;
        batch.append_control(records::ControlType::kraft_version, now_ms,
                             encode_kraft_version(kraft_version_).bytes());
        batch.append_control(records::ControlType::kraft_voters, now_ms, encode_voters(voters_).bytes());
    }
    end_offset_ = batch.next_offset();
    out.emplace_back(Append{batch.build()});
}

Offset Raft::append(const std::vector<Bytes>& values, std::int64_t now_ms, Effects& out) {
    ASSERT(role_ == Role::leader);
    ASSERT(!values.empty());
    records::BatchBuilder batch({.base_offset = end_offset_, .partition_leader_epoch = epoch()});
    for (const auto& value : values) batch.append({.timestamp = now_ms, .value = value});
    end_offset_ = batch.next_offset();
    out.emplace_back(Append{batch.build()});
    return end_offset_;
}

// The voters' median offset is this voter's own. What a former epoch left commits together with the first
// batch of this one, never before it.
void Raft::on_flushed(Offset flushed, Effects& out) {
    ASSERT(flushed <= end_offset_);
    flushed_offset_ = std::max(flushed_offset_, flushed);
    if (role_ != Role::leader || flushed_offset_ <= epoch_start_offset_) return;
    if (high_watermark_ && *high_watermark_ >= flushed_offset_) return;
    high_watermark_ = flushed_offset_;
    out.emplace_back(Committed{*high_watermark_});
}

// Not written down: after a restart the epoch is left behind anyway.
void Raft::resign(Effects& out) {
    const bool led = role_ == Role::leader;
    role_ = Role::resigned;
    if (led) out.emplace_back(Resigned{epoch()});
}

void Raft::check_invariants() const {
    ASSERT(flushed_offset_ <= end_offset_);
    ASSERT(epoch_start_offset_ <= end_offset_);
    ASSERT(!high_watermark_ ||
           (*high_watermark_ > epoch_start_offset_ && *high_watermark_ <= flushed_offset_));
    ASSERT(role_ != Role::leader || (state_.leader_id == config_.node_id && epoch().value() > 0));
    ASSERT(role_ != Role::leader || end_offset_ > epoch_start_offset_);
}

}  // namespace gregor::raft
