#include "node/format.h"

#include <algorithm>
#include <set>

#include "controller/activation.h"
#include "metadata/features.h"
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
raft::SnapshotContent bootstrap_content(const FormatPlan& plan) {
    raft::SnapshotContent content;
    content.records = plan.bootstrap;
    return content;
}

raft::SnapshotContent voter_content(const FormatPlan& plan, std::int64_t now_ms) {
    raft::SnapshotContent content;
    content.last_contained_timestamp = now_ms;
    content.kraft_version = plan.kraft_version;
    content.voters = plan.voters;
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

std::optional<Uuid> FormatPlan::metadata_directory_id() const {
    if (!voters) return std::nullopt;
    const auto self = std::ranges::find(*voters, node_id, &raft::Voter::id);
    return self == voters->end() ? std::nullopt : std::optional(self->directory_id);
}

FormatPlan standalone_plan(const NodeConfig& config, io::Random& random) {
    FormatPlan plan{.cluster_id = io::random_uuid(random).to_string(),
                    .node_id = config.node_id,
                    .metadata_version = metadata::k_metadata_version_max,
                    .bootstrap = controller::initial_feature_records()};
    if (!config.quorum_voters.empty()) return plan;  // a static quorum: its log names no voters
    const auto& [name, endpoint, protocol] = config.controller_listeners.front();
    plan.kraft_version = k_kraft_version;
    plan.voters = raft::VoterSet{{.id = config.node_id,
                                  .directory_id = io::random_uuid(random),
                                  .endpoints = {{name, endpoint.host, endpoint.port}}}};
    return plan;
}

Status format_directories(io::FileSystem& files, io::Random& random, const FormatPlan& plan,
                          storage::LogDirs& dirs, std::int64_t now_ms) {
    std::vector<storage::SmallFile> list;
    for (std::size_t i = 0; i < dirs.directories().size(); ++i) {
        const auto& directory = dirs.directories()[i];
        if (directory.failed || directory.properties) continue;
        if (plan.voters && i == dirs.metadata_directory()) {
            const auto folder = storage::join_path(directory.path, k_metadata_folder);
            TRY_STATUS(files.make_directories(folder));
            list.push_back(snapshot_file(storage::join_path(folder, raft::snapshot_file_name({})),
                                         voter_content(plan, now_ms), now_ms));
        }
        // The bootstrap file's folder is the one that holds the metadata folder: its fsync covers both.
        list.push_back(snapshot_file(storage::join_path(directory.path, k_bootstrap_file),
                                     bootstrap_content(plan), now_ms));
    }
    TRY_STATUS(storage::write_files_atomically(files, list));
    return dirs.format(files, plan.cluster_id, random, plan.metadata_directory_id());
}

}  // namespace gregor::node
