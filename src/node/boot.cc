#include "node/boot.h"

#include <fmt/format.h>

#include "io/disk_error.h"
#include "node/format.h"
#include "storage/checkpoint.h"
#include "storage/clean_marker.h"

namespace gregor::node {
namespace {

constexpr const char* k_bootstrap_file = "bootstrap.checkpoint";

Result<std::optional<Slice>> read_bootstrap(io::FileSystem& files, const std::string& directory) {
    auto text = storage::read_text_file(files, storage::join_path(directory, k_bootstrap_file));
    if (text) return Slice::copy_of(as_bytes(*text));
    if (io::is_disk_failure(text.error(), io::DiskFailure::not_found)) return std::nullopt;
    return std::unexpected(text.error());
}

}  // namespace

Result<Booted> boot(io::FileSystem& files, io::Random& random, const NodeConfig& config,
                    std::int64_t now_ms) {
    Booted booted{.dirs = TRY(storage::LogDirs::open(files, config.log_dirs))};
    auto& dirs = booted.dirs;
    if (is_unformatted(files, dirs)) {
        TRY_STATUS(format_directories(files, random, standalone_plan(config, random), dirs, now_ms));
    } else if (!dirs.cluster_id()) {
        return fail(
            ErrorCode::invalid_config,
            fmt::format(
                "{}: holds data but no meta.properties: format it with the tool of the broker that wrote it, "
                "or name an empty folder in log.dirs",
                dirs.directories()[dirs.metadata_directory()].path));
    } else {
        TRY_STATUS(dirs.format(files, *dirs.cluster_id(), random));  // a directory that was added
    }
    const auto& directory = dirs.directories()[dirs.metadata_directory()];
    booted.cluster_id = *dirs.cluster_id();
    booted.directory_id = *directory.properties->directory_id;
    booted.bootstrap = TRY(read_bootstrap(files, directory.path));
    booted.metadata =
        TRY(load_metadata_log(files, {.path = directory.path,
                                      .was_clean = storage::is_marked_clean(files, directory.path),
                                      .limits = config.metadata_log,
                                      .now_ms = now_ms}));
    // Last, because it takes away the clean-shutdown markers: a start that is refused leaves them.
    TRY_STATUS(dirs.begin(files));
    return booted;
}

}  // namespace gregor::node
