#include "node/metadata_log.h"

#include <algorithm>

#include "base/assert.h"
#include "base/format.h"
#include "base/log.h"
#include "io/disk_error.h"
#include "records/batch.h"
#include "storage/checkpoint.h"

namespace gregor::node {
namespace {

constexpr std::size_t k_tail_bytes = std::size_t{1} << 20;
constexpr std::int32_t k_batch_bytes_max = 8 << 20;
constexpr std::int64_t k_snapshot_bytes_max = std::int64_t{1} << 30;

storage::LogConfig metadata_log_config() {
    storage::LogConfig config;
    config.max_message_bytes = k_batch_bytes_max;
    config.segment_ms = storage::k_forever;
    config.retention_ms = -1;
    config.durability = storage::Durability::disk;
    config.epochs_are_derived = true;
    config.mark_bytes = 0;  // every start reads all of it
    return config;
}

Result<Slice> read_whole(io::FileSystem& files, const std::string& path) {
    const auto file = TRY(files.open(path, io::OpenMode::read));
    const auto size = TRY(file->size());
    if (size > k_snapshot_bytes_max)
        return io::disk_fail(io::DiskFailure::broken,
                             fmt::format("{}: {} bytes are too many for a snapshot", path, size));
    auto buffer = Buffer::allocate(static_cast<std::size_t>(size));
    const auto read = TRY(file->read_at(0, buffer->writable()));
    return Slice(buffer, 0, read);
}

}  // namespace

Result<LoadedMetadataLog> load_metadata_log(io::FileSystem& files, const std::string& directory,
                                            std::int64_t now_ms) {
    const auto folder = storage::join_path(directory, k_metadata_folder);
    LoadedMetadataLog loaded;
    TRY_STATUS(files.make_directories(folder));
    for (const auto& entry : TRY(files.list(folder))) {
        if (entry.name.ends_with(".part") || entry.name.ends_with(".checkpoint.deleted")) {
            TRY_STATUS(files.remove(storage::join_path(folder, entry.name)));
        } else if (const auto id = raft::parse_snapshot_file_name(entry.name)) {
            loaded.snapshots.push_back(*id);
        }
    }
    std::ranges::sort(loaded.snapshots);
    storage::LoadRequest request;
    request.directory = folder;
    request.create = true;
    request.topic_id = k_metadata_topic_id;
    request.now_ms = now_ms;
    request.config = metadata_log_config();
    loaded.log = TRY(storage::load_log(files, request));
    auto state = storage::read_text_file(files, storage::join_path(folder, k_quorum_state_file));
    if (state) {
        loaded.quorum_state = std::move(*state);
    } else if (!io::is_disk_failure(state.error(), io::DiskFailure::not_found)) {
        return std::unexpected(state.error());
    }
    return loaded;
}

// Writes one small file atomically, then answers.
class MetadataLog::FileWriteJob final : public io::DiskJob {
public:
    FileWriteJob(std::string path, std::vector<std::byte> content, Completion<Status> done)
        : path_(std::move(path)), content_(std::move(content)), done_(std::move(done)) {}
    void run(io::FileSystem& files) override {
        status_ = storage::write_file_atomically(files, path_, content_);
    }
    void complete() override { done_(std::move(status_)); }

private:
    std::string path_;
    std::vector<std::byte> content_;
    Completion<Status> done_;
    Status status_;
};

class MetadataLog::SnapshotReadJob final : public io::DiskJob {
public:
    SnapshotReadJob(std::string path, Completion<Result<Slice>> done)
        : path_(std::move(path)), done_(std::move(done)) {}
    void run(io::FileSystem& files) override { content_ = read_whole(files, path_); }
    void complete() override { done_(std::move(content_)); }

private:
    std::string path_;
    Completion<Result<Slice>> done_;
    Result<Slice> content_;
};

MetadataLog::MetadataLog(const io::ShardPorts& ports, const std::string& directory, LoadedMetadataLog loaded)
    : ports_(ports),
      folder_(storage::join_path(directory, k_metadata_folder)),
      snapshots_(std::move(loaded.snapshots)),
      tail_(k_tail_bytes),
      writer_(make_ref<storage::DirWriter>(directory, ports_.executor, ports_.disk, *this,
                                           storage::DirWriterLimits{.never_takes_back = true})),
      file_lane_(ports_.disk.new_lane()) {
    log_ =
        std::make_unique<storage::Log>(std::move(loaded.log), metadata_log_config(),
                                       storage::LogPorts{writer_, tail_, ports_.disk, decompressor_}, *this);
}

void MetadataLog::append(Slice batch, Completion<Status> durable) {
    const auto epoch = records::BatchView(batch.bytes()).partition_leader_epoch();
    if (log_->latest_epoch() < epoch) log_->assign_leader_epoch(epoch);
    const auto appended = log_->append({.records = std::move(batch),
                                        .origin = records::AppendOrigin::raft_leader,
                                        .leader_epoch = epoch,
                                        .now_ms = ports_.clock.wall_clock_ms()});
    if (!appended) return durable(std::unexpected(appended.error().error));
    pending_.push_back({appended->last_offset + 1, std::move(durable)});
}

void MetadataLog::on_durable(Offset durable_end) {
    while (!pending_.empty() && pending_.front().end <= durable_end) {
        auto done = std::move(pending_.front().durable);
        pending_.pop_front();
        done({});
    }
}

void MetadataLog::on_failed(const Error& why) {
    for (auto& pending : std::exchange(pending_, {})) pending.durable(std::unexpected(why));
}

void MetadataLog::on_directory_offline(const std::string& directory, const Error& why) {
    LOG_ERROR("metadata_directory_offline", directory, why.detail);
}

void MetadataLog::read(Offset from, std::size_t bytes_max, Completion<Result<Slice>> done) {
    const storage::ReadRequest request{
        .from = from, .upper_bound = log_->log_end_offset(), .max_bytes = bytes_max, .min_one_message = true};
    log_->read(request, [done = std::move(done)](Result<storage::LogRead> read) mutable {
        if (!read) return done(std::unexpected(read.error()));
        if (read->records.elements().size() == 1) {
            if (const auto* slice = std::get_if<Slice>(&read->records.elements().front()))
                return done(*slice);
        }
        done(Slice::copy_of(read->records.flatten()));
    });
}

void MetadataLog::write_quorum_state(std::string text, Completion<Status> durable) {
    const auto bytes = as_bytes(text);
    ports_.disk.submit(file_lane_, std::make_unique<FileWriteJob>(
                                       storage::join_path(folder_, k_quorum_state_file),
                                       std::vector(bytes.begin(), bytes.end()), std::move(durable)));
}

std::string MetadataLog::path_of(raft::SnapshotId id) const {
    return storage::join_path(folder_, raft::snapshot_file_name(id));
}

void MetadataLog::read_snapshot(raft::SnapshotId id, Completion<Result<Slice>> done) {
    ports_.disk.submit(file_lane_, std::make_unique<SnapshotReadJob>(path_of(id), std::move(done)));
}

void MetadataLog::write_snapshot(raft::SnapshotId id, BufferChain content, Completion<Status> durable) {
    if (std::ranges::find(snapshots_, id) == snapshots_.end()) {
        snapshots_.insert(std::ranges::upper_bound(snapshots_, id), id);
    }
    ports_.disk.submit(file_lane_,
                       std::make_unique<FileWriteJob>(path_of(id), content.flatten(), std::move(durable)));
}

}  // namespace gregor::node
