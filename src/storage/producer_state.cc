#include "storage/producer_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "base/assert.h"
#include "base/fault.h"
#include "records/batch.h"

namespace gregor::storage {
namespace {

bool follows(std::int32_t last, std::int32_t next) {
    if (last == std::numeric_limits<std::int32_t>::max()) return next == 0;
    return next == last + 1;
}

}  // namespace

std::int32_t ProducerEntry::Batch::first_sequence() const {
    constexpr auto k_max = std::numeric_limits<std::int32_t>::max();
    if (last_sequence >= offset_delta) return last_sequence - offset_delta;
    return static_cast<std::int32_t>(std::int64_t{k_max} - (offset_delta - last_sequence) + 1);
}

std::int32_t ProducerEntry::last_sequence() const {
    return batch_count == 0 ? records::k_no_sequence : batches[batch_count - 1U].last_sequence;
}

Offset ProducerEntry::last_offset() const {
    return batch_count == 0 ? k_no_offset : batches[batch_count - 1U].last_offset;
}

std::optional<ProducerEntry::Batch> ProducerState::find_duplicate(const ProducerBatch& batch) const {
    const auto found = entries_.find(batch.producer_id);
    if (found == entries_.end() || found->second.epoch != batch.epoch) return std::nullopt;
    const auto& entry = found->second;
    for (std::size_t i = 0; i < entry.batch_count; ++i) {
        const auto& kept = entry.batches[i];
        if (kept.first_sequence() == batch.first_sequence && kept.last_sequence == batch.last_sequence)
            return kept;
    }
    return std::nullopt;
}

Status ProducerState::check(const ProducerBatch& batch) const {
    const auto found = entries_.find(batch.producer_id);
    if (found == entries_.end()) return {};  // unknown or expired: any first sequence
    const auto& entry = found->second;
    TRY_STATUS(check_epoch(batch.producer_id, batch.epoch));
    const bool in_sequence = batch.epoch == entry.epoch ? follows(entry.last_sequence(), batch.first_sequence)
                                                        : batch.first_sequence == 0;
    if (entry.epoch != records::k_no_producer_epoch && !in_sequence)
        return fail(
            ErrorCode::out_of_order_sequence_number,
            fmt::format("producer {} epoch {}: sequence {} does not follow {}", batch.producer_id.value(),
                        batch.epoch, batch.first_sequence, entry.last_sequence()));
    if (!batch.transactional && entry.current_txn_first_offset != k_no_offset)
        return fail(ErrorCode::invalid_txn_state,
                    fmt::format("producer {} has an open transaction and sent a batch outside of it",
                                batch.producer_id.value()));
    return {};
}

Status ProducerState::check_epoch(ProducerId id, std::int16_t epoch) const {
    const auto found = entries_.find(id);
    if (found == entries_.end() || epoch >= found->second.epoch) return {};
    return fail(ErrorCode::invalid_producer_epoch, fmt::format("producer {} has epoch {}, the batch epoch {}",
                                                               id.value(), found->second.epoch, epoch));
}

Status ProducerState::check_marker(const ProducerMarker& marker, TransactionVersion version) const {
    TRY_STATUS(check_epoch(marker.producer_id, marker.epoch));
    const auto found = entries_.find(marker.producer_id);
    if (found == entries_.end() && marker.epoch >= records::k_no_producer_epoch) return {};
    if (found == entries_.end())
        return fail(ErrorCode::invalid_producer_epoch, fmt::format("producer {} has no epoch, and none is {}",
                                                                   marker.producer_id.value(), marker.epoch));
    // With version 2 a marker bears the next epoch; the same one is a repetition, or the last there is.
    const bool is_old = marker.epoch == found->second.epoch &&
                        found->second.current_txn_first_offset != k_no_offset &&
                        marker.epoch != std::numeric_limits<std::int16_t>::max();
    if (version == TransactionVersion::tv2 && is_old)
        return fail(ErrorCode::invalid_producer_epoch,
                    fmt::format("producer {} has epoch {}, and so has the marker", marker.producer_id.value(),
                                marker.epoch));
    if (marker.coordinator_epoch < found->second.coordinator_epoch)
        return fail(ErrorCode::transaction_coordinator_fenced,
                    fmt::format("producer {} was last ended by coordinator epoch {}, the marker has {}",
                                marker.producer_id.value(), found->second.coordinator_epoch,
                                marker.coordinator_epoch));
    return {};
}

void ProducerState::apply(const ProducerBatch& batch) {
    auto& entry = entry_for(batch.producer_id, batch.epoch);
    if (entry.batch_count == k_duplicate_window)
        std::shift_left(entry.batches.begin(), entry.batches.end(), 1);
    else
        ++entry.batch_count;
    entry.batches[entry.batch_count - 1U] = {
        .last_sequence = batch.last_sequence,
        .last_offset = batch.last_offset,
        .offset_delta = static_cast<std::int32_t>(batch.last_offset - batch.first_offset),
        .timestamp = batch.timestamp};
    entry.last_timestamp = batch.timestamp;
    if (batch.transactional && entry.current_txn_first_offset == k_no_offset) {
        entry.current_txn_first_offset = batch.first_offset;
        open_transactions_.emplace(batch.first_offset, batch.producer_id);
    }
}

std::optional<AbortedTxn> ProducerState::apply(const ProducerMarker& marker) {
    auto& entry = entry_for(marker.producer_id, marker.epoch);
    auto aborted = close_transaction(entry, marker);
    entry.coordinator_epoch = marker.coordinator_epoch;
    entry.last_timestamp = marker.timestamp;
    return aborted;
}

ProducerEntry& ProducerState::entry_for(ProducerId id, std::int16_t epoch) {
    if (entries_.size() >= k_producers_max && !entries_.contains(id)) drop_oldest();
    auto& entry = entries_[id];
    if (entry.epoch != epoch) {
        entry.epoch = epoch;
        entry.batch_count = 0;
    }
    return entry;
}

std::optional<AbortedTxn> ProducerState::close_transaction(ProducerEntry& entry,
                                                           const ProducerMarker& marker) {
    const auto first = std::exchange(entry.current_txn_first_offset, k_no_offset);
    if (first == k_no_offset) return std::nullopt;
    open_transactions_.erase({first, marker.producer_id});
    unreplicated_.emplace(first, marker.offset);
    if (marker.commits) return std::nullopt;
    return AbortedTxn{.producer_id = marker.producer_id,
                      .first_offset = first,
                      .last_offset = marker.offset,
                      .last_stable_offset =
                          open_transactions_.empty() ? marker.offset + 1 : open_transactions_.begin()->first};
}

void ProducerState::on_high_watermark(Offset high_watermark) {
    std::erase_if(unreplicated_, [&](const auto& ended) { return ended.second < high_watermark; });
}

bool ProducerState::has_open_transaction(ProducerId id) const {
    const auto found = entries_.find(id);
    return found != entries_.end() && found->second.current_txn_first_offset != k_no_offset;
}

bool ProducerState::has_open_transaction(ProducerId id, std::int16_t epoch) const {
    return has_open_transaction(id) && entries_.find(id)->second.epoch == epoch;
}

// An eighth at once, so that a flood of new producers costs each of them O(1).
void ProducerState::drop_oldest() {
    std::vector<std::int64_t> times;
    times.reserve(entries_.size());
    for (const auto& [id, entry] : entries_) times.push_back(entry.last_timestamp);
    const auto eighth = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 8);
    std::ranges::nth_element(times, eighth);
    const auto limit = *eighth;
    auto quota = times.size() / 8 + 1;
    std::erase_if(entries_, [&](const auto& item) {
        return item.second.last_timestamp <= limit && item.second.current_txn_first_offset == k_no_offset &&
               quota > 0 && quota-- > 0;
    });
}

void ProducerState::expire(std::int64_t now_ms, std::int64_t expiration_ms) {
    std::erase_if(entries_, [&](const auto& item) {
        return item.second.current_txn_first_offset == k_no_offset &&
               now_ms - item.second.last_timestamp >= expiration_ms;
    });
}

void ProducerState::clear() {
    entries_.clear();
    open_transactions_.clear();
    unreplicated_.clear();
}

void ProducerState::adopt_windows(const ProducerState& recent) {
    for (auto& [id, entry] : entries_) {
        const auto found = recent.entries_.find(id);
        if (found == recent.entries_.end()) continue;
        const auto& other = found->second;
        if (other.epoch != entry.epoch || other.last_sequence() != entry.last_sequence() ||
            other.last_offset() != entry.last_offset())
            continue;
        entry.batches = other.batches;
        entry.batch_count = other.batch_count;
    }
}

std::optional<Offset> ProducerState::first_unstable_offset() const {
    std::optional<Offset> first;
    if (!open_transactions_.empty() && !PLANTED_BUG("open_transaction_not_held_back"))
        first = open_transactions_.begin()->first;
    if (!unreplicated_.empty())
        first = std::min(first.value_or(unreplicated_.begin()->first), unreplicated_.begin()->first);
    return first;
}

}  // namespace gregor::storage
