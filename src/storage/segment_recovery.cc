#include "storage/segment_recovery.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/assert.h"
#include "base/fault.h"
#include "base/log.h"
#include "io/disk_error.h"
#include "storage/names.h"
#include "storage/segment_scanner.h"

namespace gregor::storage {
namespace {

Result<Ref<io::File>> open_file(io::FileSystem& files, const std::string& directory, Offset base,
                                std::string_view extension, io::OpenMode mode) {
    return files.open(segment_path(directory, base, extension), mode);
}

Status replace_end(io::File& file, std::int64_t position, Bytes contents) {
    TRY_STATUS(file.truncate(position));
    return contents.empty() ? Status{} : file.write_at(position, std::span(&contents, 1));
}

// What verification begins with: nothing, or what a mark says of the part before it.
struct Known {
    std::int64_t position = 0;
    Offset next_offset;
    std::int64_t index_entries = 0;
    std::int64_t time_entries = 0;
    TimeEntry max;
    std::int64_t last_time_entry = -1;
    std::int64_t first_timestamp = -1;
    bool is_all = false;  // and there is nothing else in any of the files
};

// The indexes of a segment that is scanned, within their configured size.
class IndexRebuild {
public:
    IndexRebuild(Offset base, const LogConfig& config, const Known& known)
        : base_(base),
          rule_(config.index_interval_bytes),
          index_max_(config.segment_index_bytes / static_cast<std::int64_t>(k_index_entry_bytes)),
          time_max_(config.segment_index_bytes / static_cast<std::int64_t>(k_time_entry_bytes)),
          index_kept_(known.index_entries),
          time_kept_(known.time_entries),
          last_time_(known.last_time_entry) {
        rule_.resume(known.max, known.last_time_entry);
    }

    void add(const ScannedBatch& batch) {
        const auto entries = rule_.add({.last = batch.last,
                                        .position = batch.position,
                                        .size = batch.size,
                                        .max_timestamp = batch.max_timestamp});
        if (entries.index && index_entries() < index_max_) append_entry(index_, base_, *entries.index);
        if (entries.time) add_time(*entries.time, 1);
    }
    void finish() {
        if (const auto closing = rule_.closing_entry()) add_time(*closing, 0);
    }
    Status write(io::File& index, io::File& time, Segment& segment) const {
        TRY_STATUS(replace_end(index, index_kept_ * static_cast<std::int64_t>(k_index_entry_bytes), index_));
        TRY_STATUS(replace_end(time, time_kept_ * static_cast<std::int64_t>(k_time_entry_bytes), time_));
        segment.index_entries = index_entries();
        segment.time_entries = time_entries();
        return {};
    }
    // The rule to go on with when the segment grows.
    IndexRule rule() const {
        auto rule = rule_;
        rule.resume(rule_.max(), last_time_);
        return rule;
    }

private:
    std::int64_t index_entries() const {
        return index_kept_ + static_cast<std::int64_t>(index_.size() / k_index_entry_bytes);
    }
    std::int64_t time_entries() const {
        return time_kept_ + static_cast<std::int64_t>(time_.size() / k_time_entry_bytes);
    }
    void add_time(const TimeEntry& entry, std::int64_t reserve) {
        if (time_entries() + reserve >= time_max_ + (reserve == 0 ? 1 : 0)) return;
        append_entry(time_, base_, entry);
        last_time_ = entry.timestamp;
    }
    Offset base_;
    IndexRule rule_;
    std::int64_t index_max_;
    std::int64_t time_max_;
    std::int64_t index_kept_;
    std::int64_t time_kept_;
    std::vector<std::byte> index_;  // behind the ones that are kept
    std::vector<std::byte> time_;
    std::int64_t last_time_;
};

bool belongs(const ScannedBatch& batch, Offset base, Offset next) {
    return batch.base >= next && batch.last - base <= k_relative_offset_max;
}

// Rewrites what is there.
Status write_again(io::File& file, std::int64_t from, std::int64_t to) {
    constexpr std::int64_t k_part_bytes = 1 << 20;
    std::vector<std::byte> buffer(static_cast<std::size_t>(std::min(k_part_bytes, to - from)));
    while (from < to) {
        const auto wanted = static_cast<std::size_t>(std::min<std::int64_t>(k_part_bytes, to - from));
        const auto size = TRY(file.read_at(from, std::span(buffer).first(wanted)));
        if (size == 0)
            return io::disk_fail(io::DiskFailure::broken, "a segment shrinks while it is recovered");
        const Bytes part = std::span(buffer).first(size);
        TRY_STATUS(file.write_at(from, std::span(&part, 1)));
        from += static_cast<std::int64_t>(size);
    }
    return {};
}

}  // namespace

Status remove_if_there(io::FileSystem& files, const std::string& path) {
    auto removed = files.remove(path);
    if (!removed && io::is_disk_failure(removed.error(), io::DiskFailure::not_found)) return {};
    return removed;
}

Status remove_segment(io::FileSystem& files, const std::string& directory, Offset base) {
    for (const auto* extension : {k_log_extension, k_index_extension, k_time_index_extension,
                                  k_txn_index_extension, k_snapshot_extension})
        TRY_STATUS(remove_if_there(files, segment_path(directory, base, extension)));
    return {};
}

Status create_segment(io::FileSystem& files, const std::string& directory, Offset base) {
    TRY_STATUS(remove_if_there(files, segment_path(directory, base, k_txn_index_extension)));
    for (const auto* extension : {k_log_extension, k_index_extension, k_time_index_extension}) {
        const auto made = open_file(files, directory, base, extension, io::OpenMode::create_new);
        if (made) continue;
        if (!io::is_disk_failure(made.error(), io::DiskFailure::exists)) return std::unexpected(made.error());
        // Not cut to nothing: an empty file is taken for one that was made and never written.
        TRY_STATUS(files.remove(segment_path(directory, base, extension)));
        (void)TRY(open_file(files, directory, base, extension, io::OpenMode::create_new));
    }
    FAULT_POINT("segment_created");
    return {};
}

Result<bool> indexes_look_sane(io::FileSystem& files, const std::string& directory, Segment& segment) {
    const auto index = open_file(files, directory, segment.base, k_index_extension, io::OpenMode::read);
    const auto time = open_file(files, directory, segment.base, k_time_index_extension, io::OpenMode::read);
    for (const auto* opened : {&index, &time}) {
        if (*opened) continue;
        if (io::is_disk_failure(opened->error(), io::DiskFailure::not_found)) return false;
        return std::unexpected(opened->error());
    }
    const auto index_size = TRY((*index)->size());
    const auto time_size = TRY((*time)->size());
    constexpr auto k_index_bytes = static_cast<std::int64_t>(k_index_entry_bytes);
    constexpr auto k_time_bytes = static_cast<std::int64_t>(k_time_entry_bytes);
    if (index_size % k_index_bytes != 0 || time_size % k_time_bytes != 0) return false;
    segment.index_entries = index_size / k_index_bytes;
    segment.time_entries = time_size / k_time_bytes;
    if (segment.index_entries > 0) {
        const auto last = TRY(read_index_entry(**index, segment.base, segment.index_entries - 1));
        if (last.offset <= segment.base || last.position <= 0 || last.position >= segment.size) return false;
    }
    if (segment.time_entries > 0) {
        const auto last = TRY(read_time_entry(**time, segment.base, segment.time_entries - 1));
        const auto first = TRY(read_time_entry(**time, segment.base, 0));
        if (last.offset < segment.base || last.timestamp < 0) return false;
        // The zeros of a file that Kafka had extended and never trimmed.
        if (segment.time_entries > 1 && last.timestamp <= first.timestamp) return false;
        segment.max_timestamp = last.timestamp;
    }
    return segment.time_entries > 0 || segment.size == 0 || segment.index_entries == 0;
}

Result<std::optional<OpenedSegment>> open_active(io::FileSystem& files, const std::string& directory,
                                                 const Segment& segment, const LogConfig& config) {
    const auto log = TRY(open_file(files, directory, segment.base, k_log_extension, io::OpenMode::read));
    OpenedSegment opened{.segment = segment, .active = {}, .next_offset = segment.base};
    opened.active.rule = IndexRule(config.index_interval_bytes);
    TimeEntry max;
    std::int64_t from = 0;
    if (segment.time_entries > 0) {
        const auto time =
            TRY(open_file(files, directory, segment.base, k_time_index_extension, io::OpenMode::read));
        max = TRY(read_time_entry(*time, segment.base, segment.time_entries - 1));
    }
    if (segment.index_entries > 0) {
        const auto index =
            TRY(open_file(files, directory, segment.base, k_index_extension, io::OpenMode::read));
        from = TRY(read_index_entry(*index, segment.base, segment.index_entries - 1)).position;
    }
    const auto last_time_entry = max.timestamp;
    SegmentScanner first(*log, 0, segment.size);
    if (TRY(first.next())) opened.active.first_timestamp = first.batch().max_timestamp;
    SegmentScanner scanner(*log, from, segment.size);
    while (TRY(scanner.next())) {
        const auto& batch = scanner.batch();
        if (!belongs(batch, segment.base, opened.next_offset)) return std::nullopt;
        opened.next_offset = batch.last + 1;
        if (batch.max_timestamp > max.timestamp) max = {batch.max_timestamp, batch.last};
    }
    if (scanner.stopped_early()) return std::nullopt;
    opened.active.rule.resume(max, last_time_entry);
    return opened;
}

namespace {

// Whether the walk over headers from the last index entry below a mark ends at the mark.
Result<bool> leads_to_mark(io::File& log, io::File& index, const LogMark& mark) {
    std::int64_t from = 0;
    if (mark.index_entries > 0) {
        const auto last = TRY(read_index_entry(index, mark.base, mark.index_entries - 1));
        if (last.position != mark.last_index_position || last.position >= mark.position ||
            last.offset >= mark.end)
            return false;
        from = last.position;
    }
    SegmentScanner scanner(log, from, mark.position);
    auto next = mark.base;
    while (TRY(scanner.next())) {
        if (!belongs(scanner.batch(), mark.base, next)) return false;
        next = scanner.batch().last + 1;
    }
    return !scanner.stopped_early() && next <= mark.end;
}

// nullopt when the files are not the ones that the mark was made for. A truncation removes the snapshot at
// the mark, durably, before anything is appended where the mark has been: the directory's state may still
// name it.
Result<std::optional<Known>> known_by_mark(io::FileSystem& files, const std::string& directory, io::File& log,
                                           std::int64_t size, const LogMark& mark) {
    const auto index = open_file(files, directory, mark.base, k_index_extension, io::OpenMode::read);
    const auto time = open_file(files, directory, mark.base, k_time_index_extension, io::OpenMode::read);
    for (const auto* opened : {&index, &time})
        if (!*opened && io::is_passing(opened->error())) return std::unexpected(opened->error());
    const auto snapshot = files.stat(segment_path(directory, mark.end, k_snapshot_extension));
    if (!index || !time || !snapshot || size < mark.position) return std::nullopt;
    const auto index_bytes = mark.index_entries * static_cast<std::int64_t>(k_index_entry_bytes);
    const auto time_bytes = mark.time_entries * static_cast<std::int64_t>(k_time_entry_bytes);
    const auto index_size = TRY((*index)->size());
    const auto time_size = TRY((*time)->size());
    if (index_size < index_bytes || time_size < time_bytes) return std::nullopt;
    Known known{.position = mark.position,
                .next_offset = mark.end,
                .index_entries = mark.index_entries,
                .time_entries = mark.time_entries,
                .max = mark.max,
                .is_all = size == mark.position && index_size == index_bytes && time_size == time_bytes};
    if (mark.time_entries > 0) {
        const auto last = TRY(read_time_entry(**time, mark.base, mark.time_entries - 1));
        if (last.timestamp > mark.max.timestamp || last.offset >= mark.end) return std::nullopt;
        known.last_time_entry = last.timestamp;
    }
    if (!TRY(leads_to_mark(log, **index, mark))) return std::nullopt;
    SegmentScanner first(log, 0, mark.position);
    if (TRY(first.next())) known.first_timestamp = first.batch().max_timestamp;
    return known;
}

// Nothing in any of its files: there is nothing to write either.
bool is_empty_segment(io::FileSystem& files, const std::string& directory, Offset base, std::int64_t size) {
    const auto is_empty = [&](const char* extension) {
        const auto found = files.stat(segment_path(directory, base, extension));
        return found && found->size == 0;
    };
    return size == 0 && is_empty(k_index_extension) && is_empty(k_time_index_extension);
}

// Where verification begins.
Result<Known> find_begin(io::FileSystem& files, const std::string& directory, io::File& log,
                         std::int64_t size, Offset base, const LogMark* mark) {
    if (mark != nullptr) {
        ASSERT(mark->base == base);
        if (const auto known = TRY(known_by_mark(files, directory, log, size, *mark))) return *known;
        LOG_WARN("mark_ignored", directory, mark->end.value());
    }
    return Known{.next_offset = base, .is_all = is_empty_segment(files, directory, base, size)};
}

Result<std::int64_t> possible_size(io::File& log, const std::string& directory, Offset base) {
    const auto size = TRY(log.size());
    if (size <= k_segment_bytes_max) return size;
    return io::disk_fail(io::DiskFailure::broken, fmt::format("{}/{}.log is larger than a segment can be",
                                                              directory, segment_stem(base)));
}

// And fsyncs all three files.
Status write_indexes(io::FileSystem& files, const std::string& directory, io::File& log,
                     const IndexRebuild& indexes, Segment& segment) {
    const auto index =
        TRY(open_file(files, directory, segment.base, k_index_extension, io::OpenMode::create));
    const auto time =
        TRY(open_file(files, directory, segment.base, k_time_index_extension, io::OpenMode::create));
    TRY_STATUS(indexes.write(*index, *time, segment));
    FAULT_POINT("recovery_before_sync");
    const std::array<io::File*, 3> all{&log, index.get(), time.get()};
    return files.sync_all(all);
}

}  // namespace

Result<OpenedSegment> recover_segment(io::FileSystem& files, const std::string& directory, Offset base,
                                      const LogConfig& config, const RecoveryRules& rules,
                                      EpochCache& epochs) {
    const auto log = TRY(open_file(files, directory, base, k_log_extension, io::OpenMode::read_write));
    const auto size = TRY(possible_size(*log, directory, base));
    const auto known = TRY(find_begin(files, directory, *log, size, base, rules.mark));
    OpenedSegment opened{.segment = {.base = base, .size = size, .written = size},
                         .active = {.first_timestamp = known.first_timestamp},
                         .next_offset = known.next_offset,
                         .bytes_scanned = size - known.position,
                         .from_mark = known.position > 0};
    IndexRebuild indexes(base, config, known);
    SegmentScanner scanner(*log, known.position, size);
    auto valid_end = known.position;
    auto durable_size = known.position;
    while (TRY(scanner.next())) {
        const auto& batch = scanner.batch();
        if (!belongs(batch, base, opened.next_offset)) break;
        const bool is_trusted = known.position > 0 && PLANTED_BUG("tail_behind_mark_trusted");
        if (!is_trusted && !TRY(scanner.checksum_matches())) {
            if (batch.last >= rules.durable_end) break;
            LOG_ERROR("durable_batch_damaged", directory, batch.base.value(), batch.last.value());
            continue;
        }
        if (valid_end == 0) opened.active.first_timestamp = batch.max_timestamp;
        if (batch.end() == size && valid_end > 0 && PLANTED_BUG("offsets_reused_after_crash")) break;
        indexes.add(batch);
        if (batch.epoch > epochs.latest()) epochs.assign(batch.epoch, batch.base);
        opened.next_offset = batch.last + 1;
        valid_end = batch.end();
        if (batch.last < rules.durable_end) durable_size = valid_end;
    }
    if (rules.may_cut && valid_end < size && !PLANTED_BUG("lost_truncation")) {
        opened.bytes_truncated = size - valid_end;
        TRY_STATUS(log->truncate(valid_end));
        opened.segment.size = opened.segment.written = valid_end;
    }
    if (known.is_all) {
        opened.segment.index_entries = known.index_entries;
        opened.segment.time_entries = known.time_entries;
        opened.active.rule = indexes.rule();
        return opened;
    }
    if (rules.is_last && !PLANTED_BUG("failed_fsync_believed"))
        TRY_STATUS(write_again(*log, durable_size, valid_end));
    indexes.finish();
    TRY_STATUS(write_indexes(files, directory, *log, indexes, opened.segment));
    opened.active.rule = indexes.rule();
    return opened;
}

Status truncate_segment(io::FileSystem& files, const std::string& directory, Segment& segment, Offset end) {
    const auto log =
        TRY(open_file(files, directory, segment.base, k_log_extension, io::OpenMode::read_write));
    const auto index =
        TRY(open_file(files, directory, segment.base, k_index_extension, io::OpenMode::create));
    const auto time =
        TRY(open_file(files, directory, segment.base, k_time_index_extension, io::OpenMode::create));
    const auto start = TRY(lookup_offset(*index, segment.base, segment.index_entries, end - 1));
    // The entry found may belong to the batch that straddles `end`; one before it is surely whole.
    std::int64_t cut = start.position;
    SegmentScanner scanner(*log, cut, segment.size);
    while (TRY(scanner.next()) && scanner.batch().last < end) cut = scanner.batch().end();
    while (segment.index_entries > 0 &&
           TRY(read_index_entry(*index, segment.base, segment.index_entries - 1)).offset >= end)
        --segment.index_entries;
    while (segment.time_entries > 0 &&
           TRY(read_time_entry(*time, segment.base, segment.time_entries - 1)).offset >= end)
        --segment.time_entries;
    segment.size = segment.written = cut;
    TRY_STATUS(time->truncate(segment.time_entries * static_cast<std::int64_t>(k_time_entry_bytes)));
    TRY_STATUS(index->truncate(segment.index_entries * static_cast<std::int64_t>(k_index_entry_bytes)));
    TRY_STATUS(log->truncate(cut));
    const std::array<io::File*, 3> all{log.get(), index.get(), time.get()};
    return files.sync_all(all);
}

}  // namespace gregor::storage
