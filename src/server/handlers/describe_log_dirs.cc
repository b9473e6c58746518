// DescribeLogDirs v1..v5.   v3 an error for all · v4 space · v5 cordoned
// Sizes are those of the files, read on a disk thread: partitions need not be open to be counted.
#include "gen/api/describe_log_dirs.h"

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "io/ports.h"
#include "io/volume_sizes.h"
#include "server/handlers/admin_handlers.h"
#include "server/handlers/log_directories.h"
#include "server/request_context.h"
#include "storage/names.h"

namespace gregor::server {
namespace {

using msg::DescribeLogDirsRequest;
using msg::DescribeLogDirsResponse;
using storage::DirectoryKind;
using storage::DirectoryName;

constexpr std::string_view k_metadata_topic = "__cluster_metadata";

struct Found {
    DirectoryName name;
    std::int64_t bytes = 0;
};

struct ScannedDirectory {
    std::string path;
    bool has_failed = false;
    bool is_cordoned = false;
    std::int64_t free_bytes = -1;
    std::int64_t total_bytes = -1;
    std::vector<Found> partitions;
};

std::int64_t bytes_of_segments(io::FileSystem& files, const std::string& folder) {
    const auto entries = files.list(folder);
    std::int64_t bytes = 0;
    if (!entries) return bytes;  // gone since it was listed
    for (const auto& entry : *entries) {
        if (entry.name.ends_with(".log")) bytes += entry.size;
    }
    return bytes;
}

void scan(io::FileSystem& files, ScannedDirectory& directory) {
    const auto entries = files.list(directory.path);
    const auto free_bytes = files.free_bytes(directory.path);
    directory.has_failed = !entries || !free_bytes;
    if (directory.has_failed) return;
    directory.free_bytes = *free_bytes;
    if (auto* volumes = dynamic_cast<io::VolumeSizes*>(&files))
        directory.total_bytes = volumes->total_bytes(directory.path).value_or(-1);
    for (const auto& entry : *entries) {
        auto name = entry.is_directory ? storage::parse_directory_name(entry.name) : std::nullopt;
        const bool counts = name && name->partition.topic != k_metadata_topic &&
                            (name->kind == DirectoryKind::live || name->kind == DirectoryKind::future);
        if (!counts) continue;
        const auto bytes = bytes_of_segments(files, storage::join_path(directory.path, entry.name));
        directory.partitions.push_back({std::move(*name), bytes});
    }
}

// None: everything.
using Wanted = std::optional<std::set<storage::PartitionName>>;

Wanted wanted_of(const DescribeLogDirsRequest& request) {
    if (!request.topics) return std::nullopt;
    Wanted wanted{std::in_place};
    for (const auto& topic : *request.topics) {
        for (const auto index : topic.partitions)
            wanted->insert({std::string(topic.topic), PartitionIndex{index}});
    }
    return wanted;
}

void answer_directory(const ScannedDirectory& directory, const Wanted& wanted,
                      DescribeLogDirsResponse& response) {
    auto& row = response.results.emplace_back();
    row.log_dir = directory.path;
    if (directory.has_failed) {
        row.error_code = ErrorCode::kafka_storage_error;
        return;
    }
    row.usable_bytes = directory.free_bytes;
    row.total_bytes = directory.total_bytes;
    row.is_cordoned = directory.is_cordoned;
    std::map<std::string_view, std::size_t> topics;
    for (const auto& found : directory.partitions) {
        if (wanted && !wanted->contains(found.name.partition)) continue;
        const auto& topic = found.name.partition.topic;
        const auto [at, is_new] = topics.try_emplace(topic, row.topics.size());
        if (is_new) row.topics.emplace_back().name = topic;
        auto& entry = row.topics[at->second].partitions.emplace_back();
        entry.partition_index = found.name.partition.partition.value();
        entry.partition_size = found.bytes;
        entry.is_future_key = found.name.kind == DirectoryKind::future;
    }
}

class ScanJob final : public io::DiskJob {
public:
    ScanJob(std::vector<ScannedDirectory> directories, Wanted wanted,
            Completion<DescribeLogDirsResponse> done)
        : directories_(std::move(directories)), wanted_(std::move(wanted)), done_(std::move(done)) {}

    void run(io::FileSystem& files) override {
        for (auto& directory : directories_) scan(files, directory);
    }
    void complete() override {
        DescribeLogDirsResponse response;
        for (const auto& directory : directories_) answer_directory(directory, wanted_, response);
        done_(std::move(response));
    }

private:
    std::vector<ScannedDirectory> directories_;
    Wanted wanted_;
    Completion<DescribeLogDirsResponse> done_;
};

std::vector<ScannedDirectory> directories_of(const RequestContext& context) {
    std::vector<ScannedDirectory> directories;
    for (auto& directory : log_directories(context)) {
        auto& scanned = directories.emplace_back();
        scanned.path = std::move(directory.path);
        scanned.is_cordoned = directory.is_cordoned;
    }
    return directories;
}

}  // namespace

void handle_describe_log_dirs(const DescribeLogDirsRequest& request, RequestContext& context,
                              Completion<DescribeLogDirsResponse> done) {
    if (!context.allows_cluster(security::Operation::describe)) {
        DescribeLogDirsResponse response;
        response.error_code = ErrorCode::cluster_authorization_failed;
        return done(std::move(response));
    }
    context.ports().disk.submit(
        io::DiskLane{},
        std::make_unique<ScanJob>(directories_of(context), wanted_of(request), std::move(done)));
}

}  // namespace gregor::server
