#include "storage/cleaner.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/assert.h"
#include "base/fault.h"
#include "records/builder.h"
#include "records/opened_batch.h"
#include "storage/index.h"
#include "storage/names.h"
#include "storage/segment_recovery.h"
#include "storage/txn_index.h"

namespace gregor::storage {
namespace {

constexpr std::size_t k_write_bytes = std::size_t{256} << 10;

Status write_whole(io::FileSystem& files, const std::string& path, Bytes contents,
                   std::vector<Ref<io::File>>& written) {
    auto file = TRY(files.open(path, io::OpenMode::create));
    TRY_STATUS(file->truncate(0));
    if (!contents.empty()) TRY_STATUS(file->write_at(0, std::span(&contents, 1)));
    written.push_back(std::move(file));
    return {};
}

}  // namespace

// The new segment, its indexes in memory until the end.
class Cleaner::Output {
public:
    Output(std::string directory, Offset base, const LogConfig& config)
        : directory_(std::move(directory)),
          rule_(config.index_interval_bytes),
          segment_{.base = base, .max_timestamp = -1} {}

    Status open(io::FileSystem& files) {
        log_ = TRY(files.open(path(k_log_extension), io::OpenMode::create));
        return log_->truncate(0);
    }
    Status append(const records::BatchView& batch) {
        const auto size = static_cast<std::int64_t>(batch.size());
        const auto entries = rule_.add({.last = batch.last_offset(),
                                        .position = segment_.size,
                                        .size = size,
                                        .max_timestamp = batch.max_timestamp()});
        if (entries.index) append_entry(index_, segment_.base, *entries.index);
        if (entries.time) append_entry(time_, segment_.base, *entries.time);
        return append_bytes(batch.bytes());
    }
    Status append_legacy(Bytes bytes) { return append_bytes(bytes); }
    void add_aborted(const std::vector<AbortedTxn>& entries) {
        for (const auto& entry : entries) storage::append_entry(txn_, entry);
    }
    Result<Segment> finish(io::FileSystem& files, std::int64_t modified_ms) {
        TRY_STATUS(write_out());
        if (const auto closing = rule_.closing_entry()) append_entry(time_, segment_.base, *closing);
        std::vector<Ref<io::File>> written{log_};
        TRY_STATUS(write_whole(files, path(k_index_extension), index_, written));
        TRY_STATUS(write_whole(files, path(k_time_index_extension), time_, written));
        if (!txn_.empty()) TRY_STATUS(write_whole(files, path(k_txn_index_extension), txn_, written));
        FAULT_POINT("cleaned_segment_written");
        std::vector<io::File*> all;
        for (const auto& file : written) all.push_back(file.get());
        if (!PLANTED_BUG("cleaned_segment_not_synced")) TRY_STATUS(files.sync_all(all));
        segment_.written = segment_.size;
        segment_.index_entries = static_cast<std::int64_t>(index_.size() / k_index_entry_bytes);
        segment_.time_entries = static_cast<std::int64_t>(time_.size() / k_time_entry_bytes);
        segment_.txn_entries = static_cast<std::int64_t>(txn_.size() / k_txn_entry_bytes);
        segment_.max_timestamp = rule_.max_timestamp();
        segment_.modified_ms = modified_ms;
        return segment_;
    }

private:
    std::string path(const char* extension) const {
        return segment_path(directory_, segment_.base, extension) + k_cleaned_suffix;
    }
    Status append_bytes(Bytes bytes) {
        if (segment_.size + static_cast<std::int64_t>(bytes.size()) > k_segment_bytes_max)
            return fail(ErrorCode::record_list_too_large, "what is left does not fit into one segment");
        pending_.insert(pending_.end(), bytes.begin(), bytes.end());
        segment_.size += static_cast<std::int64_t>(bytes.size());
        return pending_.size() < k_write_bytes ? Status{} : write_out();
    }
    Status write_out() {
        if (pending_.empty()) return {};
        const Bytes bytes = pending_;
        TRY_STATUS(
            log_->write_at(segment_.size - static_cast<std::int64_t>(bytes.size()), std::span(&bytes, 1)));
        pending_.clear();
        return {};
    }

    std::string directory_;
    IndexRule rule_;
    Segment segment_;
    Ref<io::File> log_;
    std::vector<std::byte> pending_;
    std::vector<std::byte> index_;
    std::vector<std::byte> time_;
    std::vector<std::byte> txn_;
};

Cleaner::Cleaner(CleaningPlan plan)
    : plan_(std::move(plan)),
      map_(plan_.limits.map_bytes_max, plan_.limits.load_factor, plan_.limits.key),
      mapped_end_(plan_.first_dirty) {
    ASSERT(plan_.cleanable > 0 && plan_.cleanable < plan_.segments.size());
    const auto first = std::ranges::upper_bound(plan_.segments, plan_.first_dirty, {}, &Segment::base);
    segment_ =
        first == plan_.segments.begin() ? 0 : static_cast<std::size_t>(first - plan_.segments.begin()) - 1;
    result_.layout = plan_.layout;
}

Cleaner::~Cleaner() = default;

Cleaned Cleaner::take_result() {
    ASSERT(phase_ == Phase::done);
    return std::move(result_);
}

Result<bool> Cleaner::step(io::FileSystem& files, std::int64_t bytes) {
    if (!is_begun_) TRY_STATUS(remove_leftovers(files));
    is_begun_ = true;
    const auto until = bytes_read_ + bytes;
    while (phase_ != Phase::done && bytes_read_ < until) {
        if (!scanner_) TRY_STATUS(open_segment(files));
        const bool has_more = phase_ == Phase::mapping ? TRY(map_next()) : TRY(copy_next());
        if (!has_more) TRY_STATUS(close_segment(files));
    }
    return phase_ == Phase::done;
}

// Of an earlier pass whose discard did not succeed: beside one of them, a start takes a committed swap for
// one that is unfinished and drops it. The index of a transaction that this pass does not have would be taken
// over.
Status Cleaner::remove_leftovers(io::FileSystem& files) const {
    for (const auto& entry : TRY(files.list(plan_.directory)))
        if (entry.name.ends_with(k_cleaned_suffix))
            TRY_STATUS(remove_if_there(files, join_path(plan_.directory, entry.name)));
    return {};
}

// The segment and the aborted transactions with records in it.
Status Cleaner::open_segment(io::FileSystem& files) {
    const auto& segment = plan_.segments[segment_];
    AbortedCollector collector(segment.base, plan_.segments[segment_ + 1].base);
    for (auto i = segment_; i < plan_.segments.size() && !collector.is_done(); ++i)
        TRY_STATUS(collector.add_file(files, plan_.directory, plan_.segments[i]));
    transactions_.add_aborted(collector.take());
    file_ = TRY(files.open(segment_path(plan_.directory, segment.base, k_log_extension), io::OpenMode::read));
    scanner_.emplace(*file_, 0, segment.size);
    next_offset_ = segment.base;
    if (phase_ == Phase::mapping || output_) return {};
    output_ = std::make_unique<Output>(plan_.directory, segment.base, plan_.config);
    return output_->open(files);
}

Status Cleaner::close_segment(io::FileSystem& files) {
    if (scanner_->stopped_early() && !map_is_full_)
        return fail(ErrorCode::corrupt_message, fmt::format("{}/{}.log ends within a batch", plan_.directory,
                                                            segment_stem(plan_.segments[segment_].base)));
    scanner_.reset();
    file_ = {};
    const auto done = segment_++;
    if (phase_ == Phase::mapping) {
        if (!map_is_full_) mapped_end_ = plan_.segments[segment_].base;
        if (!map_is_full_ && segment_ < plan_.cleanable) return {};
        if (mapped_end_ == plan_.first_dirty)
            return fail(ErrorCode::invalid_config,
                        "the keys of one batch do not fit into log.cleaner.dedupe.buffer.size");
        start_copying();
        return {};
    }
    if (done != groups_[group_].back()) return {};
    CleanedGroup group{.sources = {},
                       .segment = TRY(output_->finish(files, plan_.segments[done].modified_ms))};
    for (const auto source : groups_[group_]) group.sources.push_back(plan_.segments[source].base);
    result_.groups.push_back(std::move(group));
    output_.reset();
    if (++group_ == groups_.size()) phase_ = Phase::done;
    return {};
}

// Offsets lie outside of the checksum.
Result<bool> Cleaner::next_batch() {
    if (!TRY(scanner_->next())) return false;
    const auto& batch = scanner_->batch();
    if (batch.base < next_offset_ || batch.last >= plan_.segments[segment_ + 1].base)
        return fail(ErrorCode::corrupt_message,
                    fmt::format("{}/{}.log holds offset {} out of its place", plan_.directory,
                                segment_stem(plan_.segments[segment_].base), batch.base.value()));
    next_offset_ = batch.last + 1;
    return true;
}

Result<records::BatchView> Cleaner::read_batch() {
    const auto& found = scanner_->batch();
    bytes_read_ += found.size;
    auto whole = TRY(scanner_->whole(static_cast<std::size_t>(found.size)));
    if (!whole) return fail(ErrorCode::corrupt_message, "a segment is shorter than it was");
    batch_ = std::move(*whole);
    const records::BatchView batch(batch_);
    TRY_STATUS(batch.verify());
    return batch;
}

// ---------------------------------------------------------------- the map

// False at the end of the segment, or when the map is full.
Result<bool> Cleaner::map_next() {
    if (!TRY(next_batch())) return false;
    // Messages of the formats before 2 are kept as they are.
    if (scanner_->batch().magic != records::k_magic_v2) {
        bytes_read_ += scanner_->batch().size;
        return true;
    }
    const auto batch = TRY(read_batch());
    if (batch.is_control()) {
        transactions_.on_control_batch(batch);
    } else if (!transactions_.on_batch(batch)) {
        TRY_STATUS(map_records(batch));
    }
    if (map_is_full_) return false;
    mapped_end_ = std::max(mapped_end_, batch.next_offset());
    return true;
}

Status Cleaner::map_records(const records::BatchView& batch) {
    if (batch.records_count() == 0) return {};
    auto opened = TRY(records::open_batch(batch, decompressor_));
    records::RecordView record;
    while (opened.cursor.next(record)) {
        const auto offset = record.offset(batch);
        if (!record.key || offset < plan_.first_dirty) continue;
        if (map_.put(*record.key, offset)) continue;
        map_is_full_ = true;  // this batch and what follows are left for the next pass
        REACHED("cleaner_map_full");
        return {};
    }
    return opened.cursor.status();
}

// ---------------------------------------------------------------- the copy

void Cleaner::start_copying() {
    phase_ = Phase::copying;
    transactions_ = {};
    result_.end = mapped_end_;
    groups_ = make_groups();
    segment_ = 0;
    if (groups_.empty()) phase_ = Phase::done;
}

// As many neighbours together as one segment may hold.
std::vector<std::vector<std::size_t>> Cleaner::make_groups() const {
    std::vector<std::vector<std::size_t>> groups;
    std::int64_t bytes = 0;
    std::int64_t index_entries = 0;
    std::int64_t time_entries = 0;
    const auto index_max = plan_.config.segment_index_bytes / static_cast<std::int64_t>(k_index_entry_bytes);
    const auto time_max = plan_.config.segment_index_bytes / static_cast<std::int64_t>(k_time_entry_bytes);
    for (std::size_t i = 0; i < plan_.cleanable && plan_.segments[i].base < mapped_end_; ++i) {
        const auto& segment = plan_.segments[i];
        bytes += segment.size;
        index_entries += segment.index_entries;
        time_entries += segment.time_entries;
        const bool fits = !groups.empty() && bytes <= plan_.config.segment_bytes &&
                          index_entries <= index_max && time_entries <= time_max &&
                          plan_.segments[i + 1].base - 1 - plan_.segments[groups.back().front()].base <=
                              k_relative_offset_max;
        if (fits) {
            groups.back().push_back(i);
            continue;
        }
        groups.push_back({i});
        bytes = segment.size;
        index_entries = segment.index_entries;
        time_entries = segment.time_entries;
    }
    return groups;
}

Result<bool> Cleaner::copy_next() {
    if (!TRY(next_batch())) return false;
    if (scanner_->batch().magic == records::k_magic_v2) {
        TRY_STATUS(copy_batch(TRY(read_batch())));
        return true;
    }
    const auto whole = TRY(scanner_->whole(static_cast<std::size_t>(scanner_->batch().size)));
    if (!whole) return fail(ErrorCode::corrupt_message, "a segment is shorter than it was");
    bytes_read_ += scanner_->batch().size;
    TRY_STATUS(output_->append_legacy(*whole));
    return true;
}

Status Cleaner::copy_batch(const records::BatchView& batch) {
    if (!batch.is_control()) return copy_records(batch, transactions_.on_batch(batch), false);
    const bool is_empty = transactions_.on_control_batch(batch);
    output_->add_aborted(transactions_.take_kept());
    const auto horizon = batch.delete_horizon_ms();
    return copy_records(batch, is_empty && horizon && *horizon <= plan_.now_ms, is_empty);
}

// A producer goes on from the batch it wrote last; the end of the pass stays visible, too.
bool Cleaner::must_leave_header(const records::BatchView& batch) const {
    if (batch.next_offset() == mapped_end_) return true;
    const auto producer = plan_.producers.find(batch.producer_id());
    if (!batch.has_producer_id() || producer == plan_.producers.end()) return false;
    const auto& last = producer->second;
    if (last.data_offset) return batch.last_offset() == *last.data_offset;
    return batch.is_control() && batch.producer_epoch() == last.epoch;
}

bool Cleaner::survives(const records::BatchView& batch, const records::RecordView& record) const {
    const auto offset = record.offset(batch);
    if (batch.is_control() || offset >= mapped_end_) return true;
    if (!record.key) return false;
    const auto last = map_.find(*record.key);
    if (last && *last > offset) return false;
    const auto horizon = batch.delete_horizon_ms();
    return record.value.has_value() || !horizon || plan_.now_ms < *horizon;
}

std::int64_t Cleaner::horizon_from_now() const {
    constexpr auto k_max = std::numeric_limits<std::int64_t>::max();
    return plan_.now_ms + std::min(plan_.config.delete_retention_ms, k_max - plan_.now_ms);
}

Status Cleaner::copy_records(const records::BatchView& batch, bool discards, bool ends_empty_transaction) {
    std::vector<records::RecordView> kept;
    bool has_tombstone = false;
    std::optional<records::OpenedBatch> opened;
    if (!discards && batch.records_count() > 0) {
        opened = TRY(records::open_batch(batch, decompressor_));
        records::RecordView record;
        while (opened->cursor.next(record)) {
            if (!survives(batch, record)) continue;
            has_tombstone |= !record.value.has_value();
            kept.push_back(record);
        }
        TRY_STATUS(opened->cursor.status());
    }
    if (kept.empty()) {
        if (!must_leave_header(batch)) return {};
        if (batch.records_count() == 0) return output_->append(batch);
        const auto header = records::build_empty_batch(batch);
        return output_->append(records::BatchView(header.bytes()));
    }
    auto horizon = batch.delete_horizon_ms();
    const bool needs_horizon = (has_tombstone || ends_empty_transaction) && !horizon;
    if (!needs_horizon && static_cast<std::int32_t>(kept.size()) == batch.records_count())
        return output_->append(batch);
    if (needs_horizon) horizon = horizon_from_now();
    records::BatchBuilder builder({.base_offset = batch.base_offset(),
                                   .partition_leader_epoch = batch.partition_leader_epoch(),
                                   .compression = {.codec = *batch.codec()},
                                   .timestamp_type = batch.timestamp_type(),
                                   .log_append_time_ms = batch.max_timestamp(),
                                   .producer_id = batch.producer_id(),
                                   .producer_epoch = batch.producer_epoch(),
                                   .base_sequence = batch.base_sequence(),
                                   .transactional = batch.is_transactional(),
                                   .control = batch.is_control(),
                                   .delete_horizon_ms = horizon});
    for (const auto& record : kept)
        builder.append_copy_at(record.offset(batch), record, record.timestamp(batch));
    builder.override_last_offset(batch.last_offset());
    const auto rebuilt = builder.build();
    return output_->append(records::BatchView(rebuilt.bytes()));
}

void Cleaner::discard(io::FileSystem& files) const {
    for (const auto& segment : plan_.segments)
        for (const auto* extension :
             {k_log_extension, k_index_extension, k_time_index_extension, k_txn_index_extension})
            (void)remove_if_there(files,
                                  segment_path(plan_.directory, segment.base, extension) + k_cleaned_suffix);
}

}  // namespace gregor::storage
