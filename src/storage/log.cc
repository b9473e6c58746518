#include "storage/log.h"

#include <algorithm>

#include "base/assert.h"
#include "base/fault.h"
#include "storage/recovery.h"

namespace gregor::storage {
namespace {

constexpr std::int64_t k_long_look_bytes = std::int64_t{1} << 20;

}  // namespace

Log::Log(LoadedLog loaded, LogConfig config, LogPorts ports, LogObserver& observer)
    : config_(config), ports_(std::move(ports)), observer_(&observer), tail_(ports_.tail) {
    client_ = ports_.writer->attach(*this);
    if (const auto& offline = ports_.writer->offline()) failed_ = *offline;
    adopt(std::move(loaded));
}

Log::~Log() { ports_.writer->detach(client_); }

void Log::adopt(LoadedLog loaded) {
    ASSERT(!loaded.segments.empty());
    directory_ = std::move(loaded.directory);
    topic_id_ = loaded.topic_id;
    segments_ = std::move(loaded.segments);
    active_ = loaded.active;
    active_.rule.set_interval(config_.index_interval_bytes);
    segments_.back().max_timestamp = active_.rule.max_timestamp();
    index_tail_.clear();
    epochs_ = std::move(loaded.epochs);
    producers_ = std::move(loaded.producers);
    files_ = ports_.writer->files_of(segment_path(directory_, segments_.back().base, ""));
    log_start_ = loaded.log_start_offset;
    log_end_ = written_end_ = durable_end_ = loaded.log_end_offset;
    recovery_point_ = loaded.recovery_point;
    unsynced_end_ = Offset{0};
    unsynced_segments_.clear();
    mark_ = loaded.mark;
    last_mark_end_ = std::max(last_mark_end_, loaded.last_mark_end);
    marking_ = false;
    marked_bytes_ = mark_ ? mark_->position : 0;
    ++mark_round_;
    mark_snapshots_.clear();
    // Whatever took long to know should be known the next time.
    is_mark_wanted_ = loaded.report.bytes_scanned > std::min(config_.mark_bytes, k_long_look_bytes);
    has_changed_ |= is_mark_wanted_ || config_.epochs_are_derived;
    was_settled_ = loaded.is_settled;
    tail_.reset(log_end_);
    recent_aborted_.clear();
    clean_end_ = std::min(clean_end_, log_end_);
    ++layout_;
    check_invariants();
}

std::int64_t Log::size_bytes() const {
    std::int64_t size = 0;
    for (const auto& segment : segments_) size += segment.size;
    return size;
}

void Log::update_config(const LogConfig& config) {
    const bool now_durable =
        config_.durability == Durability::page_cache && config.durability == Durability::disk;
    config_ = config;
    active_.rule.set_interval(config.index_interval_bytes);
    // What was answered from the page cache must not stay behind what is answered from disk.
    if (now_durable && !failed_) flush([](const Status&) {});
}

std::vector<ActiveProducer> Log::active_producers() const {
    std::vector<ActiveProducer> active;
    for (const auto& [id, entry] : producers_.entries())
        active.push_back({.producer_id = id,
                          .epoch = entry.epoch,
                          .last_sequence = entry.last_sequence(),
                          .last_timestamp = entry.last_timestamp,
                          .coordinator_epoch = entry.coordinator_epoch,
                          .current_txn_first_offset = entry.current_txn_first_offset});
    return active;
}

std::optional<Offset> Log::first_unstable_offset() const {
    const auto first = producers_.first_unstable_offset();
    return first ? std::optional(std::max(*first, log_start_)) : std::nullopt;
}

void Log::expire_producers(std::int64_t now_ms) {
    producers_.expire(now_ms, config_.producer_id_expiration_ms);
    verifications_.expire(now_ms, config_.producer_id_expiration_ms);
}

void Log::on_done(std::uint64_t ticket) {
    auto end = written_end_;
    while (!pending_.empty() && pending_.front().ticket <= ticket) {
        const auto& done = pending_.front();
        if (auto* segment = find_segment(done.segment_base)) segment->written = done.segment_size;
        end = done.end;
        pending_.pop_front();
    }
    if (end == written_end_) return;
    ASSERT(end > written_end_ && end <= log_end_);
    written_end_ = durable_end_ = end;
    if (unsynced_end_ <= recovery_point_ && unsynced_segments_.empty())
        recovery_point_ = std::max(recovery_point_, end);
    tail_.set_written_end(end);
    check_invariants();
    observer_->on_written(end);
    observer_->on_durable(end);
}

void Log::on_failed(const Error& why) {
    failed_ = why;
    resume_reads();
    observer_->on_failed(why);
}

// What the disk holds beyond the last write that succeeded is cut, and the log is read again.
void Log::on_taken_back() {
    if (failed_ || closed_ || truncating_) return;
    REACHED("appends_taken_back");
    const auto end = written_end_;
    start_truncation(end, Truncation::of_lost_writes, [](const Status&) {});
    observer_->on_taken_back(end);  // whoever tries again at once is refused
}

void Log::raise_log_start_offset(Offset offset) {
    ASSERT(offset <= log_end_);
    if (offset <= log_start_) return;
    log_start_ = offset;
    if (epochs_.truncate_from_start(offset)) queue_epochs();
}

void Log::assign_leader_epoch(LeaderEpoch epoch) {
    if (epochs_.assign(epoch, log_end_)) epochs_wait_ = true;
}

Segment* Log::find_segment(Offset base) {
    const auto found = std::ranges::lower_bound(segments_, base, {}, &Segment::base);
    return found != segments_.end() && found->base == base ? &*found : nullptr;
}

void Log::check_invariants() const {
    ASSERT(!segments_.empty());
    ASSERT(segments_.front().base <= log_start_ || truncating_);
    ASSERT(log_start_ <= log_end_);
    ASSERT(durable_end_ <= written_end_ && written_end_ <= log_end_);
    ASSERT(recovery_point_ <= log_end_);
    ASSERT(truncating_ || (pending_.empty() ? written_end_ : pending_.back().end) == log_end_);
    ASSERT(segments_.back().written <= segments_.back().size);
    ASSERT(epochs_.entries().empty() || epochs_.entries().back().start <= log_end_);
    DCHECK(std::ranges::is_sorted(segments_, std::less{}, &Segment::base));
    DCHECK(std::ranges::is_sorted(pending_, std::less{}, &Pending::end));
}

}  // namespace gregor::storage
