// Log::append: validate, assign offsets, keep in memory, queue the write.
#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"
#include "base/fault.h"
#include "records/batch.h"
#include "storage/log.h"
#include "storage/segment_recovery.h"
#include "storage/segment_scanner.h"

namespace gregor::storage {
namespace {

using records::AppendOrigin;
using records::BatchView;

std::unexpected<AppendRefused> refuse(Error error) {
    return std::unexpected(AppendRefused{std::move(error), {}});
}

std::optional<records::Codec> target_codec(TopicCompression compression) {
    switch (compression) {
        case TopicCompression::producer: return std::nullopt;
        case TopicCompression::uncompressed: return records::Codec::none;
        case TopicCompression::gzip: return records::Codec::gzip;
        case TopicCompression::snappy: return records::Codec::snappy;
        case TopicCompression::lz4: return records::Codec::lz4;
        case TopicCompression::zstd: return records::Codec::zstd;
    }
    UNREACHABLE();
}

// Batches of a set, each with its own slice. A partial batch at the end is cut off, as Kafka does it.
Result<std::vector<Slice>> split_set(const Slice& set) {
    std::vector<Slice> batches;
    records::BatchCursor cursor(set.bytes());
    std::size_t begin = 0;
    while (TRY(cursor.next_v2())) {
        batches.push_back(set.subslice(begin, cursor.position() - begin));
        begin = cursor.position();
    }
    if (batches.empty()) return fail(ErrorCode::corrupt_message, "the record set holds no whole batch");
    return batches;
}

}  // namespace

Log::Appended Log::append(AppendRequest request) {
    if (failed_) return refuse(*failed_);
    if (const auto& why = ports_.writer->offline()) return refuse(*why);  // we are about to hear of it
    ASSERT(!closed_);
    if (truncating_) {
        (void)ports_.writer->has_space_for(request.records.size());  // it may wait for space
        return refuse({ErrorCode::kafka_storage_error, "the log is being truncated"});
    }
    if (request.origin == AppendOrigin::client && !ports_.writer->has_room())
        return refuse({ErrorCode::request_timed_out, "the disk does not keep up: the write queue is full"});
    if (request.origin == AppendOrigin::client && !ports_.writer->has_space_for(request.records.size()))
        return refuse({ErrorCode::kafka_storage_error,
                       "the disk is full: delete or move data, or lower gregor.disk.reserve.bytes"});
    return request.origin == AppendOrigin::replication ? append_as_follower(request)
                                                       : append_as_leader(request);
}

Log::Appended Log::append_as_leader(AppendRequest& request) {
    auto batches = split_set(request.records);
    if (!batches) return refuse(std::move(batches).error());
    if (request.origin == AppendOrigin::client && batches->size() != 1)
        return refuse({ErrorCode::invalid_record, "a produce request holds one batch for each partition"});
    std::vector<Prepared> prepared;
    for (auto& batch : *batches) {
        auto one = prepare(request, std::move(batch));
        if (!one) return std::unexpected(std::move(one).error());
        prepared.push_back(std::move(*one));
    }
    if (auto duplicate = find_duplicate(request)) return std::move(*duplicate);
    for (const auto& one : prepared)
        if (auto allowed = check_producer(BatchView(one.bytes.bytes()), request); !allowed)
            return refuse(std::move(allowed).error());
    auto stamped = stamp(request, std::move(prepared));
    if (!stamped) return refuse(std::move(stamped).error());
    auto info = add_batches(*stamped, request.now_ms);
    if (config_.message_timestamp_type == TimestampType::log_append_time)
        info.log_append_time_ms = request.now_ms;
    return info;
}

std::expected<Log::Prepared, AppendRefused> Log::prepare(const AppendRequest& request, Slice bytes) {
    const BatchView batch(bytes.bytes());
    if (request.origin == AppendOrigin::raft_leader && batch.partition_leader_epoch() != request.leader_epoch)
        return refuse({ErrorCode::invalid_record, "the batch is not of the leader's epoch"});
    const auto max_bytes = static_cast<std::size_t>(std::max(config_.max_message_bytes, 0));
    if (auto fine = records::check_appendable(batch, request.origin, max_bytes); !fine)
        return refuse(std::move(fine).error());
    auto validated = records::validate_batch(batch, rules(request), ports_.decompressor);
    if (!validated) return std::unexpected(std::move(validated).error());
    return Prepared{std::move(bytes), *validated};
}

records::ValidationRules Log::rules(const AppendRequest& request) const {
    records::ValidationRules rules{
        .origin = request.origin,
        .timestamp_type = config_.message_timestamp_type == TimestampType::create_time
                              ? records::TimestampType::create_time
                              : records::TimestampType::log_append_time,
        .timestamp_before_max_ms = config_.message_timestamp_before_max_ms,
        .timestamp_after_max_ms = config_.message_timestamp_after_max_ms,
        .compacted = config_.cleanup_compact,
        .target_codec = target_codec(config_.compression_type),
        .target_level = std::nullopt,
        .now_ms = request.now_ms};
    if (config_.compression_type == TopicCompression::gzip)
        rules.target_level = config_.compression_gzip_level;
    if (config_.compression_type == TopicCompression::lz4) rules.target_level = config_.compression_lz4_level;
    if (config_.compression_type == TopicCompression::zstd)
        rules.target_level = config_.compression_zstd_level;
    return rules;
}

std::optional<AppendInfo> Log::find_duplicate(const AppendRequest& request) const {
    if (request.origin != AppendOrigin::client) return std::nullopt;
    const BatchView batch(request.records.bytes());
    if (!batch.has_producer_id() || batch.is_control()) return std::nullopt;
    const auto kept = producers_.find_duplicate(producer_batch(batch));
    if (!kept) return std::nullopt;
    REACHED("duplicate_batch_answered");
    return AppendInfo{.base_offset = kept->first_offset(),
                      .last_offset = kept->last_offset,
                      .log_append_time_ms = kept->timestamp,
                      .log_start_offset = log_start_,
                      .duplicate = true};
}

Status Log::check_producer(const BatchView& batch, const AppendRequest& request) const {
    if (!batch.has_producer_id() || request.origin == AppendOrigin::raft_leader) return {};
    if (batch.is_control()) {
        const auto marker = producer_marker(batch);
        return marker ? producers_.check_marker(*marker, request.transaction_version) : Status{};
    }
    TRY_STATUS(check_transaction(batch, request));
    TRY_STATUS(producers_.check_epoch(batch.producer_id(), batch.producer_epoch()));
    if (request.origin != AppendOrigin::client) return {};
    // Of any batch, in a transaction or not: whoever was let in comes first.
    TRY_STATUS(verifications_.check_sequence(batch.producer_id(), batch.base_sequence(),
                                             producers_.entries().contains(batch.producer_id())));
    return producers_.check(producer_batch(batch));
}

// A batch that opens a transaction here must have been verified, lest it comes late and hangs for ever.
Status Log::check_transaction(const BatchView& batch, const AppendRequest& request) const {
    const auto id = batch.producer_id();
    const bool opens =
        batch.is_transactional() && !producers_.has_open_transaction(id, batch.producer_epoch());
    return opens ? check_transactional(id, batch.producer_epoch(), request.verification) : Status{};
}

Status Log::check_transactional(ProducerId id, std::int16_t epoch, VerificationGuard guard) const {
    if (producers_.has_open_transaction(id, epoch)) return {};
    TRY_STATUS(producers_.check_epoch(id, epoch));
    if (!config_.verify_transactions || verifications_.is_live(id, guard)) return {};
    return fail(
        ErrorCode::invalid_txn_state,
        fmt::format("the transaction of producer {} was not verified for this partition", id.value()));
}

Result<VerificationGuard> Log::start_verification(const VerificationRequest& request) {
    TRY_STATUS(producers_.check_epoch(request.producer_id, request.epoch));
    // Newer clients count on it: to them writing is adding.
    if (!config_.verify_transactions && !request.supports_epoch_bump) return VerificationGuard{};
    if (producers_.has_open_transaction(request.producer_id, request.epoch)) return VerificationGuard{};
    return verifications_.start(request);
}

// Assigns offsets; last checks on sizes. Nothing of the log has changed yet.
Result<std::vector<Slice>> Log::stamp(const AppendRequest& request, std::vector<Prepared> prepared) const {
    std::vector<Slice> batches;
    auto next = log_end_;
    std::size_t bytes = 0;
    for (auto& [batch, validated] : prepared) {
        if (validated.rewrite) {
            batch = TRY(records::rewrite_batch(BatchView(batch.bytes()), validated, rules(request), next,
                                               request.leader_epoch, ports_.decompressor));
            if (batch.size() > static_cast<std::size_t>(config_.max_message_bytes))
                return fail(ErrorCode::message_too_large, "the recompressed batch exceeds max.message.bytes");
        } else {
            records::stamp_batch(records::MutableBatch(batch.patchable()), validated, next,
                                 request.leader_epoch);
        }
        next = next + validated.records_count;
        bytes += batch.size();
        batches.push_back(std::move(batch));
    }
    if (bytes > static_cast<std::size_t>(config_.segment_bytes))
        return fail(ErrorCode::record_list_too_large,
                    fmt::format("{} bytes do not fit into segment.bytes={}", bytes, config_.segment_bytes));
    return batches;
}

Log::Appended Log::append_as_follower(AppendRequest& request) {
    auto batches = split_set(request.records);
    if (!batches) return refuse(std::move(batches).error());
    auto next = log_end_;
    for (const auto& bytes : *batches) {
        const BatchView batch(bytes.bytes());
        if (auto right = batch.verify(); !right) return refuse(std::move(right).error());
        if (batch.base_offset() < next || batch.last_offset() < batch.base_offset())
            return refuse(
                {ErrorCode::offset_out_of_range, fmt::format("the leader sent offset {} where {} comes next",
                                                             batch.base_offset().value(), next.value())});
        next = batch.next_offset();
    }
    return add_batches(*batches, request.now_ms);
}

AppendInfo Log::add_batches(const std::vector<Slice>& batches, std::int64_t now_ms) {
    const BatchView first(batches.front().bytes());
    const BatchView last(batches.back().bytes());
    std::int64_t bytes = 0;
    std::int64_t max_timestamp = -1;
    for (const auto& batch : batches) {
        bytes += static_cast<std::int64_t>(batch.size());
        max_timestamp = std::max(max_timestamp, BatchView(batch.bytes()).max_timestamp());
    }
    if (must_roll(bytes, max_timestamp, last.last_offset(), now_ms))
        roll_to(std::max(first.base_offset(), log_end_), now_ms);
    for (const auto& batch : batches) add_batch(batch);
    segments_.back().modified_ms = now_ms;
    has_changed_ = true;
    if (is_mark_due()) start_mark();
    if (index_tail_.is_full()) flush_index_tail();
    if (config_.flush_messages != k_forever && log_end_ - recovery_point_ >= config_.flush_messages &&
        config_.durability == Durability::page_cache)
        flush([](const Status&) {});
    check_invariants();
    return {.base_offset = first.base_offset(),
            .last_offset = last.last_offset(),
            .log_append_time_ms = -1,
            .log_start_offset = log_start_};
}

void Log::add_batch(const Slice& bytes) {
    const BatchView batch(bytes.bytes());
    DCHECK(batch.verify().has_value());
    ASSERT(batch.base_offset() >= log_end_);
    auto& segment = segments_.back();
    const auto epoch = batch.partition_leader_epoch();
    if ((epoch.value() >= 0 && epochs_.assign(epoch, batch.base_offset())) || epochs_wait_) queue_epochs();
    if (segment.size == 0) active_.first_timestamp = batch.max_timestamp();
    const auto size = static_cast<std::int64_t>(bytes.size());
    index_tail_.add(active_.rule.add({.last = batch.last_offset(),
                                      .position = segment.size,
                                      .size = size,
                                      .max_timestamp = batch.max_timestamp()}));
    segment.max_timestamp = active_.rule.max_timestamp();
    note_producer(batch);
    tail_.append({batch.base_offset(), batch.last_offset(), bytes});
    const auto ticket =
        ports_.writer->queue(client_, DataWrite{.segment = files_,
                                                .position = segment.size,
                                                .data = bytes,
                                                .sync = config_.durability == Durability::disk});
    segment.size += size;
    log_end_ = batch.next_offset();
    if (config_.durability == Durability::page_cache) unsynced_end_ = log_end_;
    pending_.push_back({ticket, log_end_, segment.base, segment.size});
}

void Log::note_producer(const BatchView& batch) {
    if (!batch.has_producer_id()) return;
    if (!batch.is_control()) {
        if (batch.is_transactional()) verifications_.end(batch.producer_id());
        return producers_.apply(producer_batch(batch));
    }
    const auto marker = producer_marker(batch);
    if (!marker) return;
    verifications_.end_by_marker(marker->producer_id, marker->epoch);
    if (const auto aborted = producers_.apply(*marker)) note_aborted(*aborted);
}

bool Log::must_roll(std::int64_t set_bytes, std::int64_t set_max_timestamp, Offset set_last,
                    std::int64_t now_ms) const {
    const auto& segment = segments_.back();
    if (segment.size + set_bytes > std::min<std::int64_t>(config_.segment_bytes, k_segment_bytes_max))
        return segment.size > 0;
    if (set_last - segment.base > k_relative_offset_max) return true;
    if (segment.size == 0) return false;
    const auto segment_ms = config_.cleanup_compact
                                ? std::min(config_.segment_ms, config_.max_compaction_lag_ms)
                                : config_.segment_ms;
    const auto waited_ms = active_.first_timestamp >= 0 ? set_max_timestamp - active_.first_timestamp
                                                        : now_ms - active_.created_ms;
    if (waited_ms > segment_ms - roll_jitter_ms()) return true;
    const auto index_max = config_.segment_index_bytes / static_cast<std::int64_t>(k_index_entry_bytes);
    const auto time_max = config_.segment_index_bytes / static_cast<std::int64_t>(k_time_entry_bytes);
    return segment.index_entries + index_tail_.index_count() >= index_max ||
           segment.time_entries + index_tail_.time_count() >= time_max - 1;
}

}  // namespace gregor::storage
