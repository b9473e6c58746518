#include "node/format.h"

#include <algorithm>
#include <set>

#include "controller/activation.h"
#include "node/metadata_log.h"
#include "raft/snapshot.h"
#include "storage/checkpoint.h"
#include "storage/meta_properties.h"

namespace gregor::node {
namespace {

constexpr const char* k_bootstrap_file = "bootstrap.checkpoint";
constexpr const char* k_temporary_suffix = ".tmp";
constexpr std::int16_t k_kraft_version = 1;

// As Kafka's tool does, the header of the bootstrap file carries no time.
raft::SnapshotContent bootstrap_content() {
    raft::SnapshotContent content;
    content.records = controller::initial_feature_records();
    return content;
}

raft::SnapshotContent voter_content(const NodeConfig& config, Uuid directory_id, std::int64_t now_ms) {
    raft::Voter voter{.id = config.node_id, .directory_id = directory_id};
    for (const auto& listener : config.listeners) {
        if (listener.name != config.controller_listener_names.front()) continue;
        const auto& host = listener.endpoint.host;
        voter.endpoints.push_back({listener.name, host.empty() ? "localhost" : host, listener.endpoint.port});
    }
    raft::SnapshotContent content;
    content.last_contained_timestamp = now_ms;
    content.kraft_version = k_kraft_version;
    content.voters = raft::VoterSet{std::move(voter)};
    return content;
}

storage::SmallFile snapshot_file(std::string path, const raft::SnapshotContent& content,
                                 std::int64_t now_ms) {
    const auto bytes = raft::write_snapshot(content, {.now_ms = now_ms}).flatten();
    return {std::move(path), std::string(as_text(bytes))};
}

// Whether the metadata folder holds nothing but what a format that was cut off has left.
bool is_unused_metadata_folder(io::FileSystem& files, const std::string& folder) {
    const auto entries = files.list(folder);
    if (!entries) return true;
    return std::ranges::all_of(*entries, [](const io::DirectoryEntry& entry) {
        return entry.name.ends_with(".checkpoint") || entry.name.ends_with(k_temporary_suffix);
    });
}

}  // namespace

bool is_unformatted(io::FileSystem& files, const storage::LogDirs& dirs) {
    const std::string bootstrap = k_bootstrap_file;
    const std::set<std::string> allowed{bootstrap, bootstrap + k_temporary_suffix, k_metadata_folder,
                                        std::string(storage::k_meta_properties_file) + k_temporary_suffix};
    const auto& path = dirs.directories()[dirs.metadata_directory()].path;
    return dirs.is_blank(files, allowed) &&
           is_unused_metadata_folder(files, storage::join_path(path, k_metadata_folder));
}

Status format_directories(io::FileSystem& files, io::Random& random, const NodeConfig& config,
                          storage::LogDirs& dirs, std::int64_t now_ms) {
    const auto& path = dirs.directories()[dirs.metadata_directory()].path;
    const auto folder = storage::join_path(path, k_metadata_folder);
    const auto directory_id = io::random_uuid(random);
    TRY_STATUS(files.make_directories(folder));
    // The bootstrap file's folder is the one that holds the metadata folder: its fsync covers both.
    TRY_STATUS(storage::write_files_atomically(
        files, {snapshot_file(storage::join_path(folder, raft::snapshot_file_name({})),
                              voter_content(config, directory_id, now_ms), now_ms),
                snapshot_file(storage::join_path(path, k_bootstrap_file), bootstrap_content(), now_ms)}));
    return dirs.format(files, io::random_uuid(random).to_string(), random, directory_id);
}

}  // namespace gregor::node
