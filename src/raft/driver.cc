#include "raft/driver.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "base/assert.h"
#include "base/fault.h"
#include "base/format.h"
#include "base/log.h"
#include "raft/control_records.h"
#include "records/control.h"
#include "records/record.h"

namespace gregor::raft {
namespace {

std::unexpected<Error> damaged(std::string why) {
    return fail(ErrorCode::corrupt_message, "the metadata log is damaged: " + std::move(why));
}

}  // namespace

Driver::Driver(Settings settings, RaftLog& log, RaftListener& listener)
    : settings_(std::move(settings)), log_(log), listener_(listener) {}

// ---------------------------------------------------------------- loading

void Driver::start() {
    if (settings_.quorum_state) {
        auto state = QuorumState::parse(*settings_.quorum_state);
        if (!state) return fail_with(state.error());
        start_.quorum_state = *state;
    }
    start_.log_start_offset = log_.start_offset();
    const auto& snapshots = log_.snapshots();
    if (!snapshots.empty()) return load_snapshot(snapshots.back().id);
    if (log_.start_offset() > Offset{0})
        return fail_with(
            {ErrorCode::corrupt_message,
             fmt::format("the metadata log starts at offset {} and no snapshot covers what is before",
                         log_.start_offset())});
    start_.voters = settings_.static_voters;
    read_on();
}

void Driver::load_snapshot(SnapshotId id) {
    log_.read_snapshot(id, [this, id](Result<Slice> file) { on_snapshot_read(id, file); });
}

void Driver::on_snapshot_read(SnapshotId id, const Result<Slice>& file) {
    if (stopped_) return;
    if (!file) return fail_with(file.error());
    if (const auto taken = take_snapshot(id, *file); !taken) return fail_with(taken.error());
    read_on();
}

Status Driver::take_snapshot(SnapshotId id, const Slice& file) {
    const auto content = TRY(read_snapshot(file));
    if (id.end_offset < log_.start_offset() || id.end_offset > log_.end_offset()) {
        return damaged(fmt::format("the newest snapshot ends at offset {}, the log covers {} to {}",
                                   id.end_offset, log_.start_offset(), log_.end_offset()));
    }
    start_.kraft_version = content.kraft_version.value_or(0);
    start_.voters = content.voters.value_or(settings_.static_voters);
    start_.voters_are_in_log = content.voters.has_value() && id.end_offset > Offset{0};
    next_ = id.end_offset;
    last_epoch_ = id.end_offset > Offset{0} ? id.epoch : LeaderEpoch{-1};
    return listener_.on_snapshot(id, content);
}

void Driver::read_on() {
    if (next_ >= log_.end_offset()) return elect();
    log_.read(next_, settings_.read_bytes_max, [this](Result<Slice> bytes) { on_read(bytes); });
}

void Driver::on_read(const Result<Slice>& bytes) {
    if (stopped_) return;
    if (!bytes) return fail_with(bytes.error());
    const auto before = next_;
    if (const auto replayed = replay(bytes->bytes()); !replayed) return fail_with(replayed.error());
    if (next_ == before)
        return fail_with(
            {ErrorCode::corrupt_message,
             fmt::format("the metadata log ends at offset {}, not at {}", next_, log_.end_offset())});
    read_on();
}

Status Driver::replay(Bytes bytes) {
    records::BatchCursor cursor(bytes);
    while (true) {
        const auto batch = TRY(cursor.next_v2());
        if (!batch) return {};
        if (batch->last_offset() < next_) continue;
        TRY_STATUS(replay_batch(*batch));
    }
}

Status Driver::replay_batch(const records::BatchView& batch) {
    if (batch.base_offset() != next_)
        return damaged(fmt::format("a gap between offset {} and {}", next_, batch.base_offset()));
    if (batch.partition_leader_epoch() < last_epoch_)
        return damaged(fmt::format("the epoch falls at offset {}", batch.base_offset()));
    if (batch.is_compressed())
        return damaged(fmt::format("a compressed batch at offset {}", batch.base_offset()));
    if (const auto verified = batch.verify(); !verified)
        return damaged(fmt::format("at offset {}, {}", batch.base_offset(), verified.error().detail));
    TRY_STATUS(batch.is_control() ? replay_control(batch) : replay_data(batch));
    last_epoch_ = batch.partition_leader_epoch();
    log_bytes_ += batch.size();
    next_ = batch.next_offset();
    return {};
}

Status Driver::replay_control(const records::BatchView& batch) {
    records::RecordCursor cursor(batch);
    records::RecordView record;
    while (cursor.next(record)) {
        const auto type = TRY(records::parse_control_key(record.key));
        const auto value = record.value.value_or(Bytes{});
        if (type == records::ControlType::kraft_version)
            start_.kraft_version = TRY(decode_kraft_version(value));
        if (type != records::ControlType::kraft_voters) continue;
        start_.voters = TRY(decode_voters(value));
        start_.voters_are_in_log = true;
    }
    return cursor.status();
}

Status Driver::replay_data(const records::BatchView& batch) {
    RecordBatch out{.base_offset = batch.base_offset(),
                    .epoch = batch.partition_leader_epoch(),
                    .timestamp = batch.max_timestamp(),
                    .values = {}};
    records::RecordCursor cursor(batch);
    records::RecordView record;
    while (cursor.next(record)) {
        if (!record.value)
            return damaged(fmt::format("a record without value at offset {}", record.offset(batch)));
        out.values.push_back(*record.value);
    }
    TRY_STATUS(cursor.status());
    return listener_.on_batch(out);
}

// ---------------------------------------------------------------- leading

void Driver::elect() {
    start_.log_end_offset = log_.end_offset();
    start_.last_log_epoch = log_.last_epoch();
    if (const auto checked = check_single_voter(settings_.config, start_); !checked)
        return fail_with(checked.error());
    raft_ = std::make_unique<Raft>(settings_.config, start_);
    step(Started{});
}

void Driver::stop() {
    stopped_ = true;
    if (raft_ != nullptr) step(StopRequested{});
}

Offset Driver::append(const std::vector<Bytes>& values) {
    Effects effects;
    const auto end = raft_->append(values, settings_.wall_clock_ms(), effects);
    perform(std::move(effects));
    return end;
}

void Driver::step(const Event& event) {
    Effects effects;
    raft_->step(event, settings_.wall_clock_ms(), effects);
    perform(std::move(effects));
}

void Driver::perform(Effects effects) {
    std::ranges::move(effects, std::back_inserter(effects_));
    if (performing_) return;
    performing_ = true;
    while (!effects_.empty()) {
        auto effect = std::move(effects_.front());
        effects_.pop_front();
        perform_one(std::move(effect));
    }
    performing_ = false;
}

void Driver::perform_one(Effect effect) {
    if (const auto* write = std::get_if<WriteQuorumState>(&effect)) {
        log_.write_quorum_state(write->state.to_text(), [this](const Status& durable) {
            if (!durable) return fail_with(durable.error());
            step(QuorumStateWritten{});
        });
    } else if (auto* append = std::get_if<Append>(&effect)) {
        append_to_log(std::move(append->batch));
    } else if (const auto* elected = std::get_if<BecameLeader>(&effect)) {
        const auto epoch = elected->epoch;
        const auto start_offset = elected->epoch_start_offset;
        LOG_INFO("quorum_led", epoch, start_offset);
        listener_.on_became_leader(epoch);
    } else if (const auto* committed = std::get_if<Committed>(&effect)) {
        listener_.on_committed(committed->high_watermark);
    } else if (const auto* resigned = std::get_if<Resigned>(&effect)) {
        listener_.on_resigned(resigned->epoch);
    }
}

// What was decided before a stop or a failure, and is not on its way yet, stays behind: nobody was told of
// it.
void Driver::append_to_log(Slice batch) {
    if (stopped_) return;
    const records::BatchView view(batch.bytes());
    ASSERT(view.base_offset() == log_.end_offset());
    const auto end = view.next_offset();
    log_bytes_ += batch.size();
    log_.append(std::move(batch), [this, end](const Status& durable) {
        if (!durable) return fail_with(durable.error());
        step(Flushed{end});
    });
    if (PLANTED_BUG("metadata_told_before_fsync")) step(Flushed{end});
}

// A disk that failed once is not asked again: the epoch ends, and the listener decides whether the node does.
void Driver::fail_with(const Error& why) {
    if (stopped_) return;
    stopped_ = true;
    if (raft_ != nullptr) step(DiskFailed{});
    listener_.on_failed(why);
}

}  // namespace gregor::raft
