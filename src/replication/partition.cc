#include "replication/partition.h"

#include <algorithm>
#include <array>

#include "base/assert.h"
#include "base/fault.h"
#include "base/format.h"
#include "base/log.h"

namespace gregor::replication {

Partition::Partition(TopicPartitionId id, std::string topic, BrokerId self, PartitionObserver& observer)
    : id_(id), topic_(std::move(topic)), self_(self), observer_(observer) {}

void Partition::lead(Leadership leadership) {
    const bool was_leader = leadership_.leader == self_;
    const bool is_leader = leadership.leader == self_;
    ASSERT(!was_leader || leadership.leader_epoch >= leadership_.leader_epoch);
    leadership_ = std::move(leadership);
    if (!is_leader) {
        if (was_leader) close(ErrorCode::not_leader_or_follower);
        return;
    }
    if (closed_ == ErrorCode::not_leader_or_follower) closed_ = ErrorCode::none;
    if (closed_ != ErrorCode::none) return;
    log_->assign_leader_epoch(leadership_.leader_epoch);
    advance_high_watermark();
}

Offset Partition::last_stable_offset() const {
    if (PLANTED_BUG("open_transactions_are_stable")) return high_watermark_;
    const auto unstable = log_->first_unstable_offset();
    return unstable && *unstable < high_watermark_ ? *unstable : high_watermark_;
}

Offset Partition::read_limit(Isolation isolation) const {
    switch (isolation) {
        case Isolation::read_uncommitted: return high_watermark_;
        case Isolation::read_committed: return last_stable_offset();
        case Isolation::log_end: return log_->log_end_offset();
    }
    UNREACHABLE();
}

ErrorCode Partition::check_leader(LeaderEpoch current_epoch) const {
    if (closed_ != ErrorCode::none) return closed_;
    if (current_epoch != k_no_leader_epoch && current_epoch < leadership_.leader_epoch)
        return ErrorCode::fenced_leader_epoch;
    if (current_epoch > leadership_.leader_epoch) return ErrorCode::unknown_leader_epoch;
    return leadership_.leader == self_ ? ErrorCode::none : ErrorCode::not_leader_or_follower;
}

// Errors that Kafka expects of producers are answered without the start of the log.
constexpr std::array k_without_log_start = {
    ErrorCode::corrupt_message,   ErrorCode::unknown_topic_or_partition, ErrorCode::not_leader_or_follower,
    ErrorCode::message_too_large, ErrorCode::record_list_too_large,      ErrorCode::kafka_storage_error,
};

AppendOutcome Partition::refuse(ErrorCode error, std::string message) const {
    AppendOutcome outcome;
    outcome.error = error;
    outcome.message = std::move(message);
    if (std::ranges::find(k_without_log_start, error) == k_without_log_start.end())
        outcome.log_start_offset = log_->log_start_offset();
    outcome.leader = leader_hint();
    return outcome;
}

Partition::Appended Partition::append(const PartitionAppend& append, const AppendOptions& options,
                                      std::int64_t now_ms, const AppendTicket& ticket) {
    if (const auto error = check_leader(options.required_epoch); error != ErrorCode::none)
        return {refuse(error)};
    if (options.acks == Acks::all && leadership_.isr.size() < leadership_.min_isr) {
        return {refuse(ErrorCode::not_enough_replicas,
                       fmt::format("{} replicas are in sync, min.insync.replicas is {}",
                                   leadership_.isr.size(), leadership_.min_isr))};
    }
    auto appended = log_->append({.records = append.records,
                                  .origin = options.origin,
                                  .leader_epoch = leadership_.leader_epoch,
                                  .now_ms = now_ms,
                                  .verification = append.verification,
                                  .transaction_version = options.transaction_version});
    if (!appended) {
        auto outcome = refuse(appended.error().error.code, std::move(appended.error().error.detail));
        outcome.record_errors = std::move(appended.error().record_errors);
        return {std::move(outcome)};
    }
    Appended result;
    result.outcome.base_offset = appended->base_offset;
    result.outcome.last_offset = appended->last_offset;
    result.outcome.log_append_time_ms = appended->log_append_time_ms;
    result.outcome.log_start_offset = appended->log_start_offset;
    const auto needs_end = appended->last_offset + 1;
    if (options.acks == Acks::all && high_watermark_ < needs_end) {
        put_in_order(waiting_for_commit_, {needs_end, ticket});
        result.must_wait = true;
    } else if (options.acks == Acks::leader && log_->written_end() < needs_end) {
        put_in_order(waiting_for_written_, {needs_end, ticket});
        result.must_wait = true;
    }
    return result;
}

// At the end, but for a duplicate, which waits for what was appended earlier.
void Partition::put_in_order(std::deque<DelayedAppend>& room, const DelayedAppend& delayed) {
    room.insert(std::ranges::upper_bound(room, delayed.needs_end, {}, &DelayedAppend::needs_end), delayed);
}

VerificationOutcome Partition::start_verification(const VerificationStart& start, std::int64_t now_ms) {
    if (const auto error = check_leader(k_no_leader_epoch); error != ErrorCode::none) return {.error = error};
    const auto guard = log_->start_verification({.producer_id = start.producer_id,
                                                 .epoch = start.producer_epoch,
                                                 .first_sequence = start.first_sequence,
                                                 .supports_epoch_bump = start.supports_epoch_bump,
                                                 .now_ms = now_ms});
    if (!guard) return {.error = guard.error().code};
    return {.guard = *guard};
}

RecordDeletionOutcome Partition::delete_records(Offset before) {
    if (const auto error = check_leader(k_no_leader_epoch); error != ErrorCode::none) return {.error = error};
    const auto& config = log_->config();
    if (config.cleanup_compact && !config.cleanup_delete) return {.error = ErrorCode::policy_violation};
    const auto start = before == k_no_offset ? high_watermark_ : before;
    if (start < Offset{0} || start > high_watermark_) return {.error = ErrorCode::offset_out_of_range};
    log_->raise_log_start_offset(start);
    observer_.on_progress(*this);
    return {.low_watermark = log_->log_start_offset()};
}

std::optional<FetchOutcome> Partition::refuse_fetch(const PartitionFetch& fetch, Isolation isolation) const {
    FetchOutcome outcome;
    outcome.error = check_leader(fetch.current_leader_epoch);
    if (outcome.error != ErrorCode::none) {
        outcome.leader = leader_hint();
        return outcome;
    }
    const bool checks_divergence = fetch.last_fetched_epoch != k_no_leader_epoch;
    const auto end = checks_divergence ? log_->end_offset_for(fetch.last_fetched_epoch) : storage::EpochEnd{};
    const bool is_unknown_epoch = checks_divergence && end.epoch == k_no_leader_epoch;
    if (is_unknown_epoch || fetch.fetch_offset < log_->log_start_offset()) {
        outcome.error = ErrorCode::offset_out_of_range;
        return outcome;
    }
    // Before the end of the log is looked at: whoever followed what was cut off since is beyond it, too.
    if (checks_divergence && (end.epoch != fetch.last_fetched_epoch || end.end_offset < fetch.fetch_offset)) {
        outcome = describe_read(isolation);
        outcome.diverging_epoch = end;
        return outcome;
    }
    if (fetch.fetch_offset <= log_->log_end_offset()) return std::nullopt;
    outcome.error = ErrorCode::offset_out_of_range;
    return outcome;
}

FetchOutcome Partition::describe_read(Isolation isolation) const {
    FetchOutcome outcome;
    outcome.high_watermark = high_watermark_;
    outcome.last_stable_offset = last_stable_offset();
    outcome.log_start_offset = log_->log_start_offset();
    outcome.read_limit = read_limit(isolation);
    return outcome;
}

void Partition::watch(const FetchWatch& watch) {
    if (closed_ != ErrorCode::none || leadership_.leader != self_ || has_enough_for(watch)) {
        REACHED("fetch_watch_fires_at_once");
        observer_.on_fetch_ready(watch);
        return;
    }
    watches_.insert_or_assign({watch.home, watch.fetch}, watch);
}

bool Partition::is_at_rest() const {
    const bool is_waited_for =
        !watches_.empty() || !waiting_for_commit_.empty() || !waiting_for_written_.empty();
    return closed_ != ErrorCode::kafka_storage_error && !is_waited_for && log_->is_at_rest();
}

void Partition::resume(Offset high_watermark) {
    high_watermark_ = std::min(high_watermark, log_->log_end_offset());
    log_->on_high_watermark(high_watermark_);
}

void Partition::unwatch(ShardId home, std::uint64_t fetch) { watches_.erase({home, fetch}); }

void Partition::close(ErrorCode error) {
    closed_ = error;
    for (auto* room : {&waiting_for_commit_, &waiting_for_written_}) {
        for (const auto& delayed : std::exchange(*room, {})) observer_.on_append_ready(delayed.ticket, error);
    }
    for (const auto& [key, watch] : std::exchange(watches_, {})) observer_.on_fetch_ready(watch);
}

void Partition::on_written(Offset written_end) {
    while (!waiting_for_written_.empty() && waiting_for_written_.front().needs_end <= written_end) {
        const auto ticket = waiting_for_written_.front().ticket;
        waiting_for_written_.pop_front();
        observer_.on_append_ready(ticket, ErrorCode::none);
    }
    observer_.on_progress(*this);
}

void Partition::on_durable(Offset) { advance_high_watermark(); }

void Partition::on_failed(const Error& why) {
    LOG_ERROR("partition_offline", topic_, id_.partition, why.detail);
    close(ErrorCode::kafka_storage_error);
}

void Partition::on_taken_back(Offset end) {
    for (auto* room : {&waiting_for_commit_, &waiting_for_written_}) {
        while (!room->empty() && room->back().needs_end > end) {
            const auto ticket = room->back().ticket;
            room->pop_back();
            observer_.on_append_ready(ticket, ErrorCode::kafka_storage_error);
        }
    }
    observer_.on_taken_back(*this);
}

void Partition::advance_high_watermark() {
    const bool alone = leadership_.isr.size() == 1 && leadership_.isr.front() == self_;
    if (leadership_.leader != self_ || !alone || closed_ != ErrorCode::none) return;
    const auto committed = log_->durable_end();
    if (committed <= high_watermark_) return;
    high_watermark_ = committed;
    log_->on_high_watermark(high_watermark_);
    while (!waiting_for_commit_.empty() && waiting_for_commit_.front().needs_end <= high_watermark_) {
        const auto ticket = waiting_for_commit_.front().ticket;
        waiting_for_commit_.pop_front();
        const bool enough = leadership_.isr.size() >= leadership_.min_isr;
        observer_.on_append_ready(ticket,
                                  enough ? ErrorCode::none : ErrorCode::not_enough_replicas_after_append);
    }
    wake_fetches();
    observer_.on_progress(*this);
}

void Partition::wake_fetches() {
    std::vector<FetchWatch> ready;
    std::erase_if(watches_, [&](const auto& entry) {
        if (!has_enough_for(entry.second)) return false;
        ready.push_back(entry.second);
        return true;
    });
    for (const auto& watch : ready) {
        REACHED("fetch_woken_by_append");
        observer_.on_fetch_ready(watch);
    }
}

bool Partition::has_enough_for(const FetchWatch& watch) const {
    const auto limit = read_limit(watch.isolation);
    if (limit <= watch.seen_limit) return false;
    if (watch.bytes_needed <= 1) return true;
    const auto grown = log_->bytes_between(watch.seen_limit, limit);
    return !grown || *grown >= watch.bytes_needed;
}

void Partition::check_invariants() const {
    ASSERT(high_watermark_ <= log_->log_end_offset());
    ASSERT(waiting_for_commit_.empty() || waiting_for_commit_.front().needs_end > high_watermark_);
    ASSERT(closed_ == ErrorCode::none || (waiting_for_commit_.empty() && watches_.empty()));
    log_->check_invariants();
}

}  // namespace gregor::replication
