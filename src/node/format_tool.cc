#include "node/format_tool.h"

#include <fmt/format.h>

#include <algorithm>

#include "controller/activation.h"
#include "metadata/releases.h"
#include "node/config.h"
#include "storage/checkpoint.h"
#include "storage/log_dirs.h"

namespace gregor::node {
namespace {

// In the order of their paths, as the peer looks at them.
std::vector<const storage::LogDir*> in_order(const storage::LogDirs& dirs) {
    std::vector<const storage::LogDir*> list;
    for (const auto& directory : dirs.directories()) list.push_back(&directory);
    std::ranges::sort(list, {}, &storage::LogDir::path);
    return list;
}

Status check_formatted(const storage::LogDirs& dirs, const FormatOptions& options) {
    for (const auto* directory : in_order(dirs)) {
        if (!directory->properties) continue;
        const auto& cluster_id = directory->properties->cluster_id;
        if (!cluster_id || *cluster_id == options.request.cluster_id) continue;
        return fail(ErrorCode::invalid_config,
                    fmt::format("Invalid cluster.id in: {}. Expected {}, but read {}",
                                storage::join_path(directory->path, storage::k_meta_properties_file),
                                options.request.cluster_id, *cluster_id));
    }
    for (const auto* directory : in_order(dirs)) {
        if (!directory->properties || options.ignore_formatted) continue;
        return fail(
            ErrorCode::invalid_config,
            fmt::format("Log directory {} is already formatted. Use --ignore-formatted to ignore this "
                        "directory and format the others.",
                        directory->path));
    }
    return {};
}

std::string_view kind_of(const storage::LogDirs& dirs, const storage::LogDir& directory,
                         const FormatPlan& plan) {
    if (&directory != &dirs.directories()[dirs.metadata_directory()]) return "data directory";
    if (!plan.voters) return "metadata directory";
    return plan.metadata_directory_id() ? "dynamic metadata voter directory" : "dynamic metadata directory";
}

std::string what_happens(const storage::LogDirs& dirs, const FormatPlan& plan) {
    std::string text;
    const auto* release = metadata::find_release(plan.metadata_version);
    for (const auto* directory : in_order(dirs)) {
        if (directory->failed) {
            text += fmt::format("I/O error trying to read log directory {}. Ignoring...\n", directory->path);
        } else if (!directory->properties) {
            text += fmt::format("Formatting {} {} with metadata.version {}.\n",
                                kind_of(dirs, *directory, plan), directory->path, release->name);
        }
    }
    return dirs.is_formatted() ? text + "All of the log directories are already formatted.\n" : text;
}

}  // namespace

Result<std::string> run_format(io::FileSystem& files, io::Random& random, const Settings& settings,
                               const FormatOptions& options, std::int64_t now_ms) {
    const auto plan = TRY(plan_format(settings, options.request, random));
    auto dirs = TRY(storage::LogDirs::open(files, read_log_dirs(settings, plan.node_id)));
    auto status = check_formatted(dirs, options);
    const auto text = what_happens(dirs, plan);
    if (status && !dirs.is_formatted()) status = format_directories(files, random, plan, dirs, now_ms);
    dirs.unlock(files);
    if (!status) return std::unexpected(std::move(status).error());
    return text;
}

}  // namespace gregor::node
