#include "storage/log_dirs.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "base/assert.h"
#include "base/fault.h"
#include "base/log.h"
#include "io/disk_error.h"
#include "storage/clean_marker.h"
#include "storage/recovery.h"
#include "storage/segment_recovery.h"

namespace gregor::storage {
namespace {

constexpr const char* k_lock_file = ".lock";
constexpr const char* k_clean_shutdown_file = ".kafka_cleanshutdown";
constexpr std::string_view k_remote_cache_directory = "remote-log-index-cache";
constexpr std::uint64_t k_reserved_directory_ids = 100;

// One sentence about a directory that cannot be used, with what to do about it.
Error explain(const std::string& path, const Error& cause) {
    if (io::is_disk_failure(cause, io::DiskFailure::locked))
        return {cause.code,
                fmt::format("log directory {} is used by another running broker; stop it, or give "
                            "this one its own log.dirs",
                            path)};
    if (io::is_disk_failure(cause, io::DiskFailure::no_permission))
        return {cause.code,
                fmt::format("no permission to use log directory {}: {}; change its owner or log.dirs", path,
                            cause.detail)};
    return {cause.code, fmt::format("log directory {} cannot be used: {}", path, cause.detail)};
}

// Never the code of a broken disk: that one is survived.
Status refuse(std::string sentence) { return fail(ErrorCode::invalid_config, std::move(sentence)); }

bool is_reserved(Uuid id) { return id.high() == 0 && id.low() < k_reserved_directory_ids; }

// The directory's own name must outlast a power cut, and so must those above it. Synced at every start until
// the directory is formatted, which comes after it: an earlier start may have died in between. A parent that
// we may not open is not ours to have made.
Status sync_parents(io::FileSystem& files, const std::string& path) {
    for (auto parent = parent_path(path);; parent = parent_path(parent)) {
        auto synced = files.sync_directory(parent);
        const bool is_theirs = !synced && io::is_disk_failure(synced.error(), io::DiskFailure::no_permission);
        if (!synced && !is_theirs) return synced;
        if (parent == "/" || parent == ".") return {};
    }
}

Status open_directory(io::FileSystem& files, LogDir& directory) {
    TRY_STATUS(files.make_directories(directory.path));
    directory.lock = TRY(files.lock(join_path(directory.path, k_lock_file)));
    const auto path = join_path(directory.path, k_meta_properties_file);
    auto text = read_text_file(files, path);
    if (!text && io::is_disk_failure(text.error(), io::DiskFailure::not_found))
        return sync_parents(files, directory.path);
    if (!text) return std::unexpected(std::move(text).error());
    directory.properties = TRY(parse_meta_properties(*text, path));
    return {};
}

// A broken disk leaves a directory out; another owner, another cluster or a newer format stop the start.
bool is_survivable(const Error& error) {
    return io::is_disk_failure(error, io::DiskFailure::broken) ||
           io::is_disk_failure(error, io::DiskFailure::no_space);
}

Status check_identity(const LogDir& directory, BrokerId node_id, std::optional<std::string>& cluster_id,
                      std::set<Uuid>& directory_ids) {
    const auto& properties = *directory.properties;
    if (properties.node_id && *properties.node_id != node_id)
        return refuse(
            fmt::format("log directory {} belongs to node {}, this is node {}; correct node.id or "
                        "log.dirs",
                        directory.path, properties.node_id->value(), node_id.value()));
    if (properties.cluster_id && cluster_id && *properties.cluster_id != *cluster_id)
        return refuse(
            fmt::format("log directory {} belongs to cluster {}, the others to {}; correct log.dirs",
                        directory.path, *properties.cluster_id, *cluster_id));
    if (properties.cluster_id) cluster_id = properties.cluster_id;
    if (!properties.directory_id) return {};
    if (is_reserved(*properties.directory_id))
        return refuse(fmt::format("log directory {} has the reserved directory.id {}", directory.path,
                                  properties.directory_id->to_string()));
    if (!directory_ids.insert(*properties.directory_id).second)
        return refuse(
            fmt::format("log directory {} has the same directory.id as another one; one of them is a "
                        "copy: take it out of log.dirs",
                        directory.path));
    return {};
}

std::optional<std::int64_t> broker_epoch_in(std::string_view json) {
    constexpr std::string_view k_key = "\"brokerEpoch\"";
    const auto key = json.find(k_key);
    if (key == std::string_view::npos) return std::nullopt;
    const auto number = json.find_first_of("-0123456789", key + k_key.size());
    if (number == std::string_view::npos) return std::nullopt;
    std::int64_t epoch = 0;
    const auto parsed = std::from_chars(json.data() + number, json.data() + json.size(), epoch);
    return parsed.ec == std::errc{} ? std::optional(epoch) : std::nullopt;
}

// The marker must be gone, durably, before anything in the directory changes.
Status take_clean_marker(io::FileSystem& files, LogDir& directory) {
    const auto path = join_path(directory.path, k_clean_shutdown_file);
    const auto marker = read_text_file(files, path);
    if (!marker && io::is_disk_failure(marker.error(), io::DiskFailure::not_found)) return {};
    if (!marker) return std::unexpected(marker.error());
    directory.was_clean = true;
    directory.last_broker_epoch = broker_epoch_in(*marker);
    TRY_STATUS(files.remove(path));
    FAULT_POINT("clean_marker_removed");
    return files.sync_directory(directory.path);
}

// Kafka's leniency: an unreadable checkpoint only costs time, except the high watermark's.
OffsetCheckpoint read_or_empty(io::FileSystem& files, const LogDir& directory, const char* name) {
    const auto path = join_path(directory.path, name);
    auto offsets = read_offset_checkpoint(files, path);
    if (offsets) return std::move(*offsets);
    LOG_WARN("checkpoint_ignored", path, offsets.error().detail);
    return {};
}

Status list_folders(io::FileSystem& files, LogDir& directory, bool holds_metadata) {
    for (const auto& entry : TRY(files.list(directory.path))) {
        if (!entry.is_directory || entry.name == k_remote_cache_directory) continue;
        auto name = parse_directory_name(entry.name);
        const auto path = join_path(directory.path, entry.name);
        if (!name)
            return refuse(
                fmt::format("{} is not the directory of a partition; move it out of log.dirs", path));
        if (name->partition.topic == k_metadata_topic && !holds_metadata)
            return refuse(fmt::format(
                "{} lies outside of metadata.log.dir; move it there or correct the setting", path));
        if (name->kind == DirectoryKind::live) {
            directory.live.push_back(std::move(name->partition));
            continue;
        }
        auto topic_id = read_partition_metadata(files, path);
        if (!topic_id) LOG_WARN("partition_metadata_ignored", path, topic_id.error().detail);
        directory.others.push_back({path, std::move(*name), topic_id ? *topic_id : std::nullopt});
    }
    std::ranges::sort(directory.live);
    return {};
}

Status begin_directory(io::FileSystem& files, LogDir& directory, bool holds_metadata) {
    TRY_STATUS(take_clean_marker(files, directory));
    directory.recovery_points = read_or_empty(files, directory, k_recovery_point_file);
    directory.log_start_offsets = read_or_empty(files, directory, k_log_start_file);
    directory.high_watermarks = read_or_empty(files, directory, k_high_watermark_file);
    directory.cleaner_offsets = read_or_empty(files, directory, k_cleaner_file);
    return list_folders(files, directory, holds_metadata);
}

Uuid draw_directory_id(io::Random& random, const std::set<Uuid>& taken) {
    while (true) {
        const auto id = io::random_uuid(random);
        if (!is_reserved(id) && !taken.contains(id)) return id;
    }
}

}  // namespace

Result<LogDirs> LogDirs::open(io::FileSystem& files, const LogDirsConfig& config) {
    LogDirs dirs;
    dirs.node_id_ = config.node_id;
    const auto metadata = config.metadata_directory.value_or(
        config.directories.empty() ? std::string() : config.directories.front());
    auto paths = config.directories;
    if (paths.empty()) return fail(ErrorCode::invalid_config, "log.dirs names no directory");
    dirs.log_directories_ = paths.size();
    if (std::ranges::find(paths, metadata) == paths.end()) paths.push_back(metadata);
    std::set<std::string> seen;
    std::optional<std::string> cluster_id;
    std::set<Uuid> directory_ids;
    for (const auto& path : paths) {
        if (!seen.insert(path).second)
            return fail(ErrorCode::invalid_config, fmt::format("log.dirs names {} twice", path));
        LogDir directory{.path = path};
        if (const auto opened = open_directory(files, directory); !opened) {
            auto error = explain(path, opened.error());
            if (path == metadata || !is_survivable(opened.error())) return std::unexpected(std::move(error));
            LOG_ERROR("log_directory_failed", path, error.detail);
            directory.failed = std::move(error);
        }
        if (directory.properties)
            TRY_STATUS(check_identity(directory, config.node_id, cluster_id, directory_ids));
        if (path == metadata) dirs.metadata_directory_ = dirs.directories_.size();
        dirs.directories_.push_back(std::move(directory));
    }
    return dirs;
}

bool LogDirs::is_formatted() const {
    return std::ranges::all_of(directories_,
                               [](const LogDir& dir) { return dir.failed || dir.properties.has_value(); });
}

bool LogDirs::is_blank(io::FileSystem& files, const std::set<std::string>& allowed) const {
    for (const auto& directory : directories_) {
        const auto entries = files.list(directory.path);
        if (directory.failed || directory.properties || !entries) return false;
        for (const auto& entry : *entries)
            if (entry.name != k_lock_file && !allowed.contains(entry.name)) return false;
    }
    return true;
}

std::optional<std::string> LogDirs::cluster_id() const {
    for (const auto& directory : directories_)
        if (directory.properties && directory.properties->cluster_id) return directory.properties->cluster_id;
    return std::nullopt;
}

Status LogDirs::format(io::FileSystem& files, const std::string& cluster_id, io::Random& random,
                       std::optional<Uuid> metadata_directory_id) {
    std::set<Uuid> taken;
    if (metadata_directory_id) taken.insert(*metadata_directory_id);
    for (const auto& directory : directories_)
        if (directory.properties && directory.properties->directory_id)
            taken.insert(*directory.properties->directory_id);
    for (std::size_t i = 0; i < directories_.size(); ++i) {
        auto& directory = directories_[i];
        if (directory.failed) continue;
        auto properties = directory.properties.value_or(
            MetaProperties{.version = 1, .cluster_id = cluster_id, .node_id = node_id_});
        if (properties.directory_id) continue;
        const bool is_given = i == metadata_directory_ && metadata_directory_id;
        properties.directory_id = is_given ? *metadata_directory_id : draw_directory_id(random, taken);
        taken.insert(*properties.directory_id);
        const auto text = format_meta_properties(properties);
        TRY_STATUS(
            write_file_atomically(files, join_path(directory.path, k_meta_properties_file), as_bytes(text)));
        directory.properties = std::move(properties);
    }
    return {};
}

Status LogDirs::begin(io::FileSystem& files) {
    found_marks_.resize(directories_.size());
    for (std::size_t i = 0; i < directories_.size(); ++i) {
        auto& directory = directories_[i];
        if (directory.failed) continue;
        const auto begun = begin_directory(files, directory, i == metadata_directory_);
        if (begun) found_marks_[i] = find_marks(files, directory);
        if (begun) continue;
        if (i == metadata_directory_ || !is_survivable(begun.error())) return begun;
        LOG_ERROR("log_directory_failed", directory.path, begun.error().detail);
        directory.failed = begun.error();
    }
    TRY_STATUS(finish_moves(files));
    TRY_STATUS(discard_copies(files));
    return check_duplicates();
}

// A crash between the two renames of a move (log_copy.h) leaves a copy without its original: it is complete.
// With a directory out of order the original may be there.
Status LogDirs::finish_moves(io::FileSystem& files) {
    if (std::ranges::any_of(directories_, [](const LogDir& each) { return each.failed.has_value(); }))
        return {};
    for (auto& directory : directories_) {
        std::vector<OtherFolder> others;
        for (auto& folder : directory.others) {
            if (folder.name.kind != DirectoryKind::future || directory_of(folder.name.partition)) {
                others.push_back(std::move(folder));
                continue;
            }
            const auto path = join_path(directory.path, folder.name.partition.to_string());
            TRY_STATUS(files.rename(folder.path, path));
            TRY_STATUS(files.sync_directory(directory.path));
            LOG_INFO("partition_move_finished", path);
            directory.live.insert(std::ranges::upper_bound(directory.live, folder.name.partition),
                                  folder.name.partition);
        }
        directory.others = std::move(others);
    }
    return {};
}

// Beside their original: copies that a crash left without the id of their topic, so that nobody would go on
// with them, and all but one of a partition.
Status LogDirs::discard_copies(io::FileSystem& files) {
    std::set<PartitionName> copied;
    for (auto& directory : directories_) {
        for (auto at = directory.others.begin(); at != directory.others.end();) {
            const auto& [path, name, topic_id] = *at;
            const bool is_copy = name.kind == DirectoryKind::future && directory_of(name.partition);
            if (!is_copy || (topic_id && copied.insert(name.partition).second)) {
                ++at;
                continue;
            }
            REACHED("useless_copy_discarded");
            LOG_INFO("partition_copy_discarded", path);
            TRY_STATUS(remove_directory(files, path));
            TRY_STATUS(files.sync_directory(directory.path));
            at = directory.others.erase(at);
        }
    }
    return {};
}

Status LogDirs::check_duplicates() const {
    const auto refuse_both = [](const std::string& one, const std::string& other) {
        return refuse(fmt::format("{} and {} hold the same partition; move one of them away", one, other));
    };
    std::map<PartitionName, std::string> futures;
    for (std::size_t i = 0; i < directories_.size(); ++i) {
        for (const auto& folder : directories_[i].others) {
            if (folder.name.kind != DirectoryKind::future) continue;
            const auto [other, is_new] = futures.emplace(folder.name.partition, folder.path);
            if (!is_new) return refuse_both(other->second, folder.path);
        }
        for (std::size_t other = 0; other < i; ++other) {
            for (const auto& partition : directories_[i].live) {
                if (std::ranges::binary_search(directories_[other].live, partition))
                    return refuse_both(join_path(directories_[other].path, partition.to_string()),
                                       join_path(directories_[i].path, partition.to_string()));
            }
        }
    }
    return {};
}

bool is_marked_clean(io::FileSystem& files, const std::string& directory) {
    return files.stat(join_path(directory, k_clean_shutdown_file)).has_value();
}

std::optional<std::size_t> LogDirs::directory_of(const PartitionName& partition) const {
    for (std::size_t i = 0; i < log_directories_; ++i)
        if (std::ranges::binary_search(directories_[i].live, partition)) return i;
    return std::nullopt;
}

// Our own state is disposable: damaged, it is as good as none.
LogDirs::FoundMarks LogDirs::find_marks(io::FileSystem& files, const LogDir& directory) {
    auto marks = read_marks(files, join_path(directory.path, k_marks_file), directory.id());
    auto stamp = read_stamp(files, join_path(directory.path, k_stamp_file), directory.id());
    if (marks && stamp) return {std::move(*marks), std::move(*stamp)};
    LOG_WARN("marks_ignored", directory.path, (marks ? stamp.error() : marks.error()).detail);
    return {};
}

void LogDirs::claim_marks(std::optional<Uuid> last_incarnation) {
    last_incarnation_ = last_incarnation;
    auto all = std::exchange(found_marks_, {});
    ASSERT(all.size() == directories_.size());
    for (std::size_t i = 0; i < all.size(); ++i) {
        auto& [marks, stamp] = all[i];
        auto& directory = directories_[i];
        directory.are_marks_ours =
            last_incarnation && std::ranges::find(stamp, *last_incarnation) != stamp.end();
        if (directory.are_marks_ours)
            directory.marks = std::move(marks);
        else if (!marks.empty())
            LOG_INFO("marks_are_void", directory.path, marks.size());
    }
}

// The old marks go first, unless they are ours: the new stamp must not make them valid again.
Status LogDirs::stamp(io::FileSystem& files, Uuid incarnation) {
    for (std::size_t i = 0; i < log_directories_; ++i) {
        const auto& directory = directories_[i];
        if (directory.failed) continue;
        std::vector<Uuid> incarnations{incarnation};
        if (directory.are_marks_ours) {
            incarnations.push_back(*last_incarnation_);
        } else {
            TRY_STATUS(remove_if_there(files, join_path(directory.path, k_marks_file)));
            TRY_STATUS(files.sync_directory(directory.path));
        }
        const auto path = join_path(directory.path, k_stamp_file);
        TRY_STATUS(write_files_atomically(files, {stamp_file(path, directory.id(), incarnations)}));
    }
    return {};
}

Status LogDirs::mark_clean(io::FileSystem& files, std::size_t directory, std::int64_t broker_epoch) {
    const auto path = join_path(directories_.at(directory).path, k_clean_shutdown_file);
    const auto text = fmt::format("{{\"version\":0,\"brokerEpoch\":{}}}", broker_epoch);
    const auto bytes = as_bytes(text);
    const auto file = TRY(files.open(path, io::OpenMode::create));
    TRY_STATUS(file->truncate(0));
    TRY_STATUS(file->write_at(0, std::span(&bytes, 1)));
    TRY_STATUS(file->sync_data());
    return files.sync_directory(directories_[directory].path);
}

void LogDirs::unlock(io::FileSystem& files) {
    for (auto& directory : directories_) {
        if (!directory.lock) continue;
        (void)files.remove(join_path(directory.path, k_lock_file));
        directory.lock = {};
    }
}

}  // namespace gregor::storage
