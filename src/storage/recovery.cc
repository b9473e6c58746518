#include "storage/recovery.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/assert.h"
#include "base/fault.h"
#include "base/log.h"
#include "io/disk_error.h"
#include "storage/checkpoint.h"
#include "storage/directory_cleanup.h"
#include "storage/names.h"
#include "storage/producer_loading.h"
#include "storage/segment_recovery.h"
#include "storage/txn_index.h"

namespace gregor::storage {
namespace {

class Loader {
public:
    Loader(io::FileSystem& files, const LoadRequest& request) : files_(files), request_(request) {
        log_.directory = request.directory;
        if (request.mark) log_.last_mark_end = request.mark->end;
    }
    Result<LoadedLog> load();

private:
    Status find_or_make_directory();
    Result<LoadedLog> fill_new_directory();
    Status check_topic_id();
    Status read_epoch_cache();
    Status open_segments();
    Status recover_from(std::size_t first);
    Status rebuild_indexes(Segment& segment);
    Status start_over_at(Offset offset);
    Status truncate(Offset end);
    Status settle_offsets();
    Status settle_epochs();
    Status settle_folder();
    bool is_settled() const;
    Status check_txn_indexes();
    void rebuild_txn_indexes_from(Offset base);
    std::size_t first_to_recover() const;
    void take_active(OpenedSegment opened);
    Result<const LogMark*> mark_of(Offset base) const;
    void keep_mark();

    io::FileSystem& files_;
    const LoadRequest& request_;
    LoadedLog log_;
    std::vector<EpochStart> stored_epochs_;
    std::optional<Offset> txn_indexes_from_;  // of segments from here on, in need of being written again
    Offset txn_indexes_sound_below_;          // but for what they say of markers below
    bool distrust_all_ = false;  // the epoch file is lost: read every batch to know the epochs again
    std::vector<SmallFile> new_files_;
    bool folder_changed_ = false;  // and not fsynced yet
    bool is_made_ = false;
};

Status Loader::find_or_make_directory() {
    const auto found = files_.stat(request_.directory);
    if (found && found->is_directory) return {};
    if (found) return io::disk_fail(io::DiskFailure::broken, request_.directory + " is not a directory");
    if (!io::is_disk_failure(found.error(), io::DiskFailure::not_found) || !request_.create)
        return std::unexpected(found.error());
    ASSERT(request_.topic_id.has_value());
    TRY_STATUS(files_.make_directories(request_.directory));
    is_made_ = true;
    FAULT_POINT("partition_directory_made");
    return files_.sync_directory(parent_path(request_.directory));
}

Status Loader::check_topic_id() {
    const auto stored = TRY(read_partition_metadata(files_, request_.directory));
    if (stored && request_.topic_id && *stored != *request_.topic_id)
        return fail(ErrorCode::inconsistent_topic_id,
                    fmt::format("{} holds topic id {}, the metadata says {}", request_.directory,
                                stored->to_string(), request_.topic_id->to_string()));
    if (stored) {
        log_.topic_id = *stored;
        return {};
    }
    if (!request_.topic_id) return {};
    log_.topic_id = *request_.topic_id;
    new_files_.push_back(partition_metadata_file(request_.directory, log_.topic_id));
    return {};
}

Status Loader::read_epoch_cache() {
    distrust_all_ = !files_.stat(join_path(request_.directory, k_epoch_file)).has_value();
    auto stored = read_epochs(files_, request_.directory);
    if (request_.config.epochs_are_derived) {
        distrust_all_ = true;
        if (stored) stored_epochs_ = std::move(*stored);
        return {};
    }
    if (stored) {
        stored_epochs_ = *stored;
        log_.epochs = EpochCache(std::move(*stored));
        return {};
    }
    // A checkpoint with garbage in it is worth a full scan, not a broker that does not start.
    if (io::is_disk_failure(stored.error(), io::DiskFailure::no_permission) || io::is_passing(stored.error()))
        return std::unexpected(std::move(stored).error());
    LOG_WARN("epoch_checkpoint_rebuilt", request_.directory, stored.error().detail);
    distrust_all_ = true;
    return {};
}

std::size_t Loader::first_to_recover() const {
    if (request_.clean) return log_.segments.size();
    const auto above = std::ranges::upper_bound(log_.segments, request_.recovery_point, {}, &Segment::base);
    return above == log_.segments.begin() ? 0 : static_cast<std::size_t>(above - log_.segments.begin()) - 1;
}

void Loader::take_active(OpenedSegment opened) {
    log_.segments.back() = opened.segment;
    log_.active = opened.active;
    log_.active.created_ms = request_.now_ms;
    log_.log_end_offset = opened.next_offset;
}

Status Loader::rebuild_indexes(Segment& segment) {
    const auto before = segment;
    auto known = log_.epochs;  // older batches teach nothing that a good epoch file does not know
    auto& epochs = distrust_all_ ? log_.epochs : known;
    const auto rebuilt = TRY(recover_segment(
        files_, request_.directory, segment.base, request_.config,
        {.may_cut = false, .durable_end = Offset{std::numeric_limits<std::int64_t>::max()}}, epochs));
    segment = rebuilt.segment;
    segment.modified_ms = before.modified_ms;
    segment.txn_entries = before.txn_entries;
    ++log_.report.indexes_rebuilt;
    LOG_WARN("segment_indexes_rebuilt", request_.directory, segment.base.value());
    return {};
}

Status Loader::open_segments() {
    log_.segments = TRY(clean_up_directory(files_, request_.directory));
    for (const auto& segment : log_.segments)
        if (segment.size > k_segment_bytes_max)
            return io::disk_fail(io::DiskFailure::broken,
                                 fmt::format("{}/{}.log is larger than a segment can be", request_.directory,
                                             segment_stem(segment.base)));
    if (log_.segments.empty()) return start_over_at(request_.log_start_offset);
    const auto first = first_to_recover();
    for (std::size_t i = 0; i < std::min(first, log_.segments.size()); ++i) {
        auto& segment = log_.segments[i];
        const bool is_active = i + 1 == log_.segments.size();
        if (distrust_all_ || !TRY(indexes_look_sane(files_, request_.directory, segment))) {
            if (is_active) return recover_from(i);
            TRY_STATUS(rebuild_indexes(segment));
            continue;
        }
        if (!is_active) continue;
        auto opened = TRY(open_active(files_, request_.directory, segment, request_.config));
        if (!opened) return recover_from(i);
        take_active(std::move(*opened));
        keep_mark();
    }
    return first < log_.segments.size() ? recover_from(first) : Status{};
}

// Of a log that was closed in order, which has fsynced at least as much as the mark says.
void Loader::keep_mark() {
    const auto& mark = request_.mark;
    const auto& active = log_.segments.back();
    if (mark && mark->base == active.base && mark->topic_id == log_.topic_id &&
        mark->end <= log_.log_end_offset && mark->position <= active.size)
        log_.mark = mark;
}

// nullptr when there is none to go by. What the transaction index says of markers below it cannot be found
// out without reading that part of the log, so all of it must be there.
Result<const LogMark*> Loader::mark_of(Offset base) const {
    const auto& mark = request_.mark;
    if (!mark || mark->base != base || distrust_all_ || mark->topic_id != log_.topic_id) return nullptr;
    const auto entries = read_txn_index(files_, request_.directory, base);
    if (!entries && io::is_passing(entries.error())) return std::unexpected(entries.error());
    const auto is_below = [&](const AbortedTxn& entry) { return entry.last_offset < mark->end; };
    const bool is_whole = entries && std::ranges::count_if(*entries, is_below) == mark->txn_entries;
    if (!is_whole) LOG_WARN("mark_ignored", request_.directory, mark->end.value());
    return is_whole ? &*mark : nullptr;
}

// Verifies all segments from `first` on. Behind a cut nothing can be trusted: later segments go.
Status Loader::recover_from(std::size_t first) {
    rebuild_txn_indexes_from(log_.segments[first].base);
    for (auto i = first; i < log_.segments.size(); ++i) {
        const auto before = log_.segments[i];
        const auto* mark = i == first ? TRY(mark_of(before.base)) : nullptr;
        const auto opened = TRY(recover_segment(
            files_, request_.directory, before.base, request_.config,
            {.durable_end = request_.recovery_point, .is_last = i + 1 == log_.segments.size(), .mark = mark},
            log_.epochs));
        ++log_.report.segments_recovered;
        log_.report.bytes_scanned += opened.bytes_scanned;
        if (opened.from_mark) {
            REACHED("recovered_from_mark");
            log_.mark = request_.mark;
            txn_indexes_sound_below_ = request_.mark->end;
        }
        log_.report.bytes_truncated += opened.bytes_truncated;
        if (opened.bytes_truncated > 0) {
            LOG_WARN("log_tail_cut", request_.directory, opened.next_offset.value(), opened.bytes_truncated);
            if (opened.next_offset < request_.recovery_point)
                LOG_ERROR("durable_records_damaged", request_.directory, opened.next_offset.value(),
                          request_.recovery_point.value());
        }
        const bool is_cut = opened.bytes_truncated > 0;
        for (auto later = log_.segments.size(); is_cut && later > i + 1; --later) {
            TRY_STATUS(remove_segment(files_, request_.directory, log_.segments.back().base));
            log_.segments.pop_back();
            ++log_.report.segments_removed;
        }
        if (i + 1 == log_.segments.size())
            take_active(opened);
        else
            log_.segments[i] = opened.segment;
        log_.segments[i].modified_ms = before.modified_ms;
        log_.segments[i].txn_entries = before.txn_entries;
    }
    folder_changed_ = true;  // an earlier start may have removed or made files and died before its fsync
    return {};
}

Status Loader::start_over_at(Offset offset) {
    for (const auto& segment : log_.segments)
        TRY_STATUS(remove_segment(files_, request_.directory, segment.base));
    log_.epochs.clear();
    log_.mark.reset();
    txn_indexes_sound_below_ = Offset{0};
    TRY_STATUS(create_segment(files_, request_.directory, offset));
    OpenedSegment fresh{.segment = {.base = offset, .modified_ms = request_.now_ms},
                        .active = {.rule = IndexRule(request_.config.index_interval_bytes)},
                        .next_offset = offset};
    log_.segments.assign(1, fresh.segment);
    take_active(std::move(fresh));
    folder_changed_ = true;
    return {};
}

Status Loader::truncate(Offset end) {
    // The entry of a marker is written before the marker, which may be missing.
    if (log_.segments.back().txn_entries > 0) rebuild_txn_indexes_from(log_.segments.back().base);
    if (end >= log_.log_end_offset) return {};
    if (log_.mark && log_.mark->end > end) log_.mark.reset();
    if (log_.segments.front().base > end) return start_over_at(end);
    while (log_.segments.back().base > end ||
           (log_.segments.back().base == end && log_.segments.size() > 1)) {
        TRY_STATUS(remove_segment(files_, request_.directory, log_.segments.back().base));
        log_.segments.pop_back();
    }
    auto& active = log_.segments.back();
    TRY_STATUS(truncate_segment(files_, request_.directory, active, end));
    if (active.txn_entries > 0) rebuild_txn_indexes_from(active.base);
    auto opened = TRY(open_active(files_, request_.directory, active, request_.config));
    if (!opened)
        return io::disk_fail(io::DiskFailure::broken, request_.directory + ": truncation left no log");
    take_active(std::move(*opened));
    log_.log_end_offset = end;
    folder_changed_ = true;
    return {};
}

Status Loader::settle_offsets() {
    if (request_.truncate_to)
        TRY_STATUS(request_.truncate_fully ? start_over_at(*request_.truncate_to)
                                           : truncate(*request_.truncate_to));
    if (log_.log_end_offset < request_.log_start_offset) TRY_STATUS(start_over_at(request_.log_start_offset));
    log_.log_start_offset = std::max(request_.log_start_offset, log_.segments.front().base);
    log_.recovery_point = log_.log_end_offset;  // everything from the checkpointed one on was synced just now
    return {};
}

Status Loader::settle_epochs() {
    // An epoch that has begun and written nothing yet: its leader would only begin it again.
    const bool is_begun = !log_.epochs.entries().empty() && log_.epochs.entries() == stored_epochs_ &&
                          log_.epochs.entries().back().start == log_.log_end_offset &&
                          log_.report.bytes_truncated == 0 && !request_.truncate_to;
    if (!is_begun) log_.epochs.truncate_from_end(log_.log_end_offset);
    log_.epochs.truncate_from_start(log_.log_start_offset);
    const auto path = join_path(request_.directory, k_epoch_file);
    const bool is_needed = !request_.config.epochs_are_derived && log_.epochs.entries() != stored_epochs_;
    if (!is_needed && files_.stat(path)) return {};
    new_files_.push_back(epochs_file(request_.directory, log_.epochs.entries()));
    return {};
}

// Last: the folder is fsynced once, with everything that is new in it.
Status Loader::settle_folder() {
    if (!new_files_.empty()) return write_files_atomically(files_, new_files_);
    return folder_changed_ ? files_.sync_directory(request_.directory) : Status{};
}

// Everything that a close would leave here is here, and durable.
bool Loader::is_settled() const {
    if (!request_.clean || request_.truncate_to || txn_indexes_from_) return false;
    if (log_.report.segments_recovered > 0 || log_.report.indexes_rebuilt > 0) return false;
    return log_.producers.entries().empty() ||
           files_.stat(segment_path(request_.directory, log_.log_end_offset, k_snapshot_extension));
}

void Loader::rebuild_txn_indexes_from(Offset base) {
    txn_indexes_from_ = std::min(txn_indexes_from_.value_or(base), base);
    folder_changed_ = true;  // their files come and go
}

Status Loader::check_txn_indexes() {
    for (const auto& segment : log_.segments) {
        if (txn_indexes_from_ && segment.base >= *txn_indexes_from_) return {};
        if (TRY(txn_index_looks_sane(files_, request_.directory, segment))) continue;
        LOG_WARN("transaction_index_rebuilt", request_.directory, segment.base.value());
        txn_indexes_sound_below_ = Offset{0};
        rebuild_txn_indexes_from(segment.base);
    }
    return {};
}

// Nothing in it needs to be read, or can be wrong: thousands of partitions are made at a time.
Result<LoadedLog> Loader::fill_new_directory() {
    log_.topic_id = *request_.topic_id;
    TRY_STATUS(start_over_at(request_.log_start_offset));
    log_.log_start_offset = log_.recovery_point = log_.log_end_offset;
    if (request_.led_in) log_.epochs.assign(*request_.led_in, log_.log_end_offset);
    new_files_ = {partition_metadata_file(request_.directory, log_.topic_id),
                  epochs_file(request_.directory, log_.epochs.entries())};
    TRY_STATUS(settle_folder());
    return std::move(log_);
}

Result<LoadedLog> Loader::load() {
    TRY_STATUS(find_or_make_directory());
    if (is_made_ && !request_.truncate_to) return fill_new_directory();
    TRY_STATUS(check_topic_id());
    TRY_STATUS(read_epoch_cache());
    TRY_STATUS(open_segments());
    TRY_STATUS(settle_offsets());
    TRY_STATUS(settle_epochs());
    TRY_STATUS(check_txn_indexes());
    log_.producers =
        TRY(load_producers(files_, {.directory = request_.directory,
                                    .segments = log_.segments,
                                    .txn_indexes_from = txn_indexes_from_,
                                    .txn_indexes_sound_below = txn_indexes_sound_below_,
                                    .log_start = log_.log_start_offset,
                                    .log_end = log_.log_end_offset,
                                    .clean = request_.clean && !request_.truncate_to,
                                    .now_ms = request_.now_ms,
                                    .expiration_ms = request_.config.producer_id_expiration_ms}));
    TRY_STATUS(settle_folder());
    log_.is_settled = is_settled();
    return std::move(log_);
}

}  // namespace

Result<LoadedLog> load_log(io::FileSystem& files, const LoadRequest& request) {
    return Loader(files, request).load();
}

}  // namespace gregor::storage
