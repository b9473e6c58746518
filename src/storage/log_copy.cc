#include "storage/log_copy.h"

#include <algorithm>
#include <array>
#include <vector>

#include "base/fault.h"
#include "io/disk_error.h"
#include "storage/checkpoint.h"
#include "storage/names.h"
#include "storage/recovery.h"

namespace gregor::storage {
namespace {

constexpr std::string_view k_log = ".log";
constexpr std::string_view k_deleted = ".deleted";
constexpr std::int64_t k_buffer_bytes = std::int64_t{1} << 20;

bool is_log(std::string_view name) { return name.ends_with(k_log); }

// What may still be renamed or removed under us means nothing to another log.
bool is_wanted(const io::DirectoryEntry& entry) {
    return !entry.is_directory && !entry.name.ends_with(k_deleted) && !entry.name.ends_with(".tmp");
}

Result<std::map<std::string, io::DirectoryEntry>> list_wanted(io::FileSystem& files,
                                                              const std::string& folder) {
    std::map<std::string, io::DirectoryEntry> wanted;
    for (auto& entry : TRY(files.list(folder))) {
        if (is_wanted(entry)) wanted.emplace(entry.name, entry);
    }
    return wanted;
}

}  // namespace

// The topic's id goes first: a start knows by it whose the folder is.
Status LogCopy::begin(io::FileSystem& files) {
    if (files.list(target_)) TRY_STATUS(remove_directory(files, target_));
    TRY_STATUS(files.make_directories(target_));
    TRY_STATUS(files.sync_directory(parent_path(target_)));
    const auto entry = files.stat(join_path(source_, k_partition_metadata_file));
    if (entry)
        TRY_STATUS(copy_small(
            files,
            {.name = k_partition_metadata_file, .size = entry->size, .modified_ms = entry->modified_ms}));
    TRY_STATUS(files.sync_directory(target_));
    has_begun_ = true;
    return {};
}

Result<bool> LogCopy::step(io::FileSystem& files, std::int64_t bytes_max) {
    if (!has_begun_) TRY_STATUS(begin(files));
    const auto entries = TRY(list_wanted(files, source_));
    std::string active;
    for (const auto& [name, entry] : entries) {
        if (is_log(name)) active = name;
    }
    const auto until = effort() + bytes_max;
    for (const auto& [name, entry] : entries) {
        if (effort() >= until) return true;
        if (!is_log(name) && name.substr(0, name.find('.')) != active.substr(0, active.find('.')) &&
            offset_of_file(name)) {
            TRY_STATUS(copy_small(files, entry));  // of a closed segment
        }
        if (!is_log(name)) continue;
        const auto left = entry.size - log_bytes_[name];
        if (left != 0)
            TRY_STATUS(copy_range(files, name, log_bytes_[name] + std::min(left, until - effort())));
    }
    return effort() >= until;
}

Status LogCopy::finish(io::FileSystem& files) {
    if (!has_begun_) TRY_STATUS(begin(files));
    const auto entries = TRY(list_wanted(files, source_));
    for (const auto& [name, entry] : entries) {
        if (is_log(name) && PLANTED_BUG("move_leaves_the_rest_behind")) continue;
        TRY_STATUS(is_log(name) ? copy_range(files, name, entry.size) : copy_small(files, entry));
    }
    TRY_STATUS(remove_others(files, entries));
    return files.sync_directory(target_);
}

// Appends only; a segment that has become shorter is copied anew.
Status LogCopy::copy_range(io::FileSystem& files, const std::string& name, std::int64_t to) {
    auto& done = log_bytes_[name];
    if (done == to && to > 0) return {};  // and synced: the partition waits for this
    const auto target = TRY(files.open(join_path(target_, name), io::OpenMode::create));
    if (done > to) {
        TRY_STATUS(target->truncate(0));
        done = 0;
    }
    const auto source = TRY(files.open(join_path(source_, name), io::OpenMode::read));
    std::vector<std::byte> buffer(
        static_cast<std::size_t>(std::clamp<std::int64_t>(to - done, 1, k_buffer_bytes)));
    while (done < to) {
        const auto size = static_cast<std::size_t>(std::min<std::int64_t>(to - done, std::ssize(buffer)));
        const auto read = TRY(source->read_at(done, std::span(buffer).first(size)));
        if (read == 0)
            return fail(ErrorCode::kafka_storage_error, join_path(source_, name) + " has become shorter");
        const Bytes bytes = std::span(buffer).first(read);
        TRY_STATUS(target->write_at(done, std::span(&bytes, 1)));
        done += static_cast<std::int64_t>(read);
        bytes_copied_ += static_cast<std::int64_t>(read);
    }
    ++files_copied_;
    return PLANTED_BUG("moved_segment_not_synced") ? Status{} : target->sync_data();
}

Status LogCopy::copy_small(io::FileSystem& files, const io::DirectoryEntry& entry) {
    const auto seen = small_.find(entry.name);
    const bool is_same = seen != small_.end() && seen->second.size == entry.size &&
                         seen->second.modified_ms == entry.modified_ms;
    // Those of the active segment change without growing within a millisecond: finish() comes long after.
    if (is_same && has_begun_) return {};
    const auto source = files.open(join_path(source_, entry.name), io::OpenMode::read);
    if (!source && io::is_disk_failure(source.error(), io::DiskFailure::not_found))
        return {};  // retention took it
    if (!source) return std::unexpected(source.error());
    std::vector<std::byte> bytes(static_cast<std::size_t>(TRY((*source)->size())));
    std::size_t filled = 0;
    while (filled < bytes.size()) {
        const auto read =
            TRY((*source)->read_at(static_cast<std::int64_t>(filled), std::span(bytes).subspan(filled)));
        if (read == 0) break;
        filled += read;
    }
    const auto target = TRY(files.open(join_path(target_, entry.name), io::OpenMode::create));
    TRY_STATUS(target->truncate(0));
    const Bytes view = std::span(bytes).first(filled);
    TRY_STATUS(target->write_at(0, std::span(&view, 1)));
    TRY_STATUS(target->sync_data());
    ++files_copied_;
    small_[entry.name] = {.size = entry.size, .modified_ms = entry.modified_ms};
    return {};
}

Status LogCopy::remove_others(io::FileSystem& files,
                              const std::map<std::string, io::DirectoryEntry>& wanted) const {
    for (const auto& entry : TRY(files.list(target_))) {
        if (!wanted.contains(entry.name)) TRY_STATUS(files.remove(join_path(target_, entry.name)));
    }
    return {};
}

Status swap_folders(io::FileSystem& files, const FolderSwap& swap) {
    TRY_STATUS(files.rename(swap.live, swap.condemned));
    TRY_STATUS(files.sync_directory(parent_path(swap.live)));
    FAULT_POINT("partition_between_its_folders");
    TRY_STATUS(files.rename(swap.future, swap.target));
    return files.sync_directory(parent_path(swap.target));
}

}  // namespace gregor::storage
