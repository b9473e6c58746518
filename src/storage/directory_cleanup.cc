#include "storage/directory_cleanup.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <set>
#include <string_view>

#include "base/log.h"
#include "storage/names.h"
#include "storage/segment_recovery.h"
#include "storage/segment_scanner.h"
#include "storage/txn_index.h"

namespace gregor::storage {
namespace {

constexpr std::string_view k_cleaned = ".cleaned";
constexpr std::string_view k_swap = ".swap";

using Entries = std::vector<io::DirectoryEntry>;

bool is_index_type(std::string_view name) {
    return name.ends_with(k_index_extension) || name.ends_with(k_time_index_extension) ||
           name.ends_with(k_txn_index_extension);
}

Status remove_matching(io::FileSystem& files, const std::string& directory, const Entries& entries,
                       auto&& matches) {
    for (const auto& entry : entries)
        if (!entry.is_directory && matches(entry))  // the trash may be faster
            TRY_STATUS(remove_if_there(files, join_path(directory, entry.name)));
    return {};
}

// Kafka's passes 1: unfinished deletes and cleans, and swaps of an unfinished split.
Status remove_unfinished(io::FileSystem& files, const std::string& directory, const Entries& entries) {
    auto cleaned_from = Offset{std::numeric_limits<std::int64_t>::max()};
    for (const auto& entry : entries)
        if (const auto offset = offset_of_file(entry.name); offset && entry.name.ends_with(k_cleaned))
            cleaned_from = std::min(cleaned_from, *offset);
    return remove_matching(files, directory, entries, [&](const io::DirectoryEntry& entry) {
        const std::string_view name = entry.name;
        if (name.ends_with(k_deleted_suffix)) return !name.ends_with(".checkpoint.deleted");
        if (name.ends_with(k_cleaned)) return true;
        const auto offset = offset_of_file(name);
        return name.ends_with(k_swap) && offset && *offset >= cleaned_from;
    });
}

Result<Offset> end_of_log(io::FileSystem& files, const std::string& path, Offset base, std::int64_t size) {
    const auto log = TRY(files.open(path, io::OpenMode::read));
    SegmentScanner scanner(*log, 0, size);
    auto end = base;
    while (TRY(scanner.next())) end = std::max(end, scanner.batch().last + 1);
    return end;
}

// Passes 2 and 3: what committed swap files replace goes, then they take their names.
Status finish_swaps(io::FileSystem& files, const std::string& directory, const Entries& entries) {
    std::optional<Offset> low;
    Offset high;
    for (const auto& entry : entries) {
        const auto base = offset_of_file(entry.name);
        if (!base || !entry.name.ends_with(".log.swap")) continue;
        low = std::min(low.value_or(*base), *base);
        high = std::max(high, TRY(end_of_log(files, join_path(directory, entry.name), *base, entry.size)));
    }
    if (low) {
        TRY_STATUS(remove_matching(files, directory, entries, [&](const io::DirectoryEntry& entry) {
            const auto offset = offset_of_file(entry.name);
            return offset && *offset >= *low && *offset < high && !entry.name.ends_with(k_swap);
        }));
    }
    bool renamed = false;
    for (const auto& entry : entries) {
        if (entry.is_directory || !entry.name.ends_with(k_swap)) continue;
        const auto plain = entry.name.substr(0, entry.name.size() - k_swap.size());
        TRY_STATUS(files.rename(join_path(directory, entry.name), join_path(directory, plain)));
        renamed = true;
    }
    return renamed ? files.sync_directory(directory) : Status{};
}

}  // namespace

Result<std::vector<Segment>> clean_up_directory(io::FileSystem& files, const std::string& directory) {
    TRY_STATUS(remove_unfinished(files, directory, TRY(files.list(directory))));
    TRY_STATUS(finish_swaps(files, directory, TRY(files.list(directory))));
    const auto entries = TRY(files.list(directory));
    std::vector<Segment> segments;
    std::set<Offset> bases;
    for (const auto& entry : entries) {
        const auto base = offset_of_file(entry.name);
        if (entry.is_directory || !base || entry.name != segment_stem(*base) + k_log_extension) continue;
        bases.insert(*base);
        segments.push_back(
            {.base = *base, .size = entry.size, .written = entry.size, .modified_ms = entry.modified_ms});
    }
    std::ranges::sort(segments, {}, &Segment::base);
    constexpr auto entry_bytes = static_cast<std::int64_t>(k_txn_entry_bytes);
    for (const auto& entry : entries) {
        const auto base = offset_of_file(entry.name);
        if (!base || entry.name != segment_stem(*base) + k_txn_index_extension) continue;
        const auto segment = std::ranges::lower_bound(segments, *base, {}, &Segment::base);
        if (segment != segments.end() && segment->base == *base)
            segment->txn_entries = (entry.size + entry_bytes - 1) / entry_bytes;
    }
    TRY_STATUS(remove_matching(files, directory, entries, [&](const io::DirectoryEntry& entry) {
        const auto base = offset_of_file(entry.name);
        const bool is_orphan = base && is_index_type(entry.name) && !bases.contains(*base);
        if (is_orphan) LOG_WARN("orphaned_index_removed", directory, entry.name);
        return is_orphan;
    }));
    return segments;
}

}  // namespace gregor::storage
