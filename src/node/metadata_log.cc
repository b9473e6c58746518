#include "node/metadata_log.h"

#include <algorithm>
#include <limits>

#include "base/assert.h"
#include "base/fault.h"
#include "base/format.h"
#include "base/log.h"
#include "io/disk_error.h"
#include "node/snapshot_files.h"
#include "raft/snapshot.h"
#include "records/batch.h"
#include "storage/checkpoint.h"

namespace gregor::node {
namespace {

constexpr std::size_t k_tail_bytes = std::size_t{1} << 20;
constexpr auto k_retry_without_room = Duration::seconds(1);
constexpr std::int32_t k_batch_bytes_max = 8 << 20;

// Segments go with the snapshots that cover them, never by their own age or size.
storage::LogConfig log_config(const MetadataLogLimits& limits) {
    storage::LogConfig config;
    config.max_message_bytes = k_batch_bytes_max;
    config.segment_bytes = limits.segment_bytes;
    config.segment_ms = limits.segment_ms;
    config.retention_ms = -1;
    config.durability = storage::Durability::disk;
    config.epochs_are_derived = true;
    config.mark_bytes = 0;  // every start reads all of it
    return config;
}

Result<std::vector<storage::EpochStart>> stored_epochs(io::FileSystem& files, const std::string& folder) {
    auto epochs = storage::read_epochs(files, folder);
    return epochs ? std::move(*epochs) : std::vector<storage::EpochStart>{};
}

// What was on the disk for sure: a batch of it that is damaged is no torn write, and stays for us to see.
Offset durable_end(const MetadataFolder& folder, const std::vector<raft::SnapshotFile>& snapshots,
                   const std::vector<storage::EpochStart>& epochs) {
    if (folder.was_clean) return Offset{std::numeric_limits<std::int64_t>::max()};
    Offset end{0};
    if (!snapshots.empty()) end = snapshots.back().id.end_offset;
    if (!epochs.empty()) end = std::max(end, epochs.back().start);  // an epoch begins on a synced log
    return end;
}

// A snapshot behind the log's end holds all that the log has, and more: the log begins anew at its end.
bool is_behind(const storage::LoadedLog& log, const std::vector<raft::SnapshotFile>& snapshots) {
    return !snapshots.empty() && snapshots.back().id.end_offset > log.log_end_offset;
}

Status check_snapshot(io::FileSystem& files, const std::string& folder, raft::SnapshotId id) {
    const auto file =
        TRY(read_snapshot_file(files, storage::join_path(folder, raft::snapshot_file_name(id))));
    const auto content = raft::read_snapshot(file);
    return content ? Status{} : std::unexpected(content.error());
}

}  // namespace

Result<LoadedMetadataLog> load_metadata_log(io::FileSystem& files, const MetadataFolder& directory) {
    const auto folder = storage::join_path(directory.path, k_metadata_folder);
    LoadedMetadataLog loaded{.limits = directory.limits};
    TRY_STATUS(files.make_directories(folder));
    loaded.snapshots = TRY(find_snapshots(files, folder));
    storage::LoadRequest request;
    request.directory = folder;
    request.create = true;
    request.recovery_point = durable_end(directory, loaded.snapshots, TRY(stored_epochs(files, folder)));
    request.topic_id = k_metadata_topic_id;
    request.now_ms = directory.now_ms;
    request.config = log_config(directory.limits);
    loaded.log = TRY(storage::load_log(files, request));
    if (is_behind(loaded.log, loaded.snapshots)) {
        TRY_STATUS(check_snapshot(files, folder, loaded.snapshots.back().id));
        request.truncate_to = loaded.snapshots.back().id.end_offset;
        request.truncate_fully = true;
        loaded.log = TRY(storage::load_log(files, request));
    }
    auto state = storage::read_text_file(files, storage::join_path(folder, k_quorum_state_file));
    if (state) {
        loaded.quorum_state = std::move(*state);
    } else if (!io::is_disk_failure(state.error(), io::DiskFailure::not_found)) {
        return std::unexpected(state.error());
    } else {  // no start has got this far yet: the folder itself may be new
        TRY_STATUS(files.sync_directory(directory.path));
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
    void run(io::FileSystem& files) override { content_ = read_snapshot_file(files, path_); }
    void complete() override { done_(std::move(content_)); }

private:
    std::string path_;
    Completion<Result<Slice>> done_;
    Result<Slice> content_;
};

class MetadataLog::PieceReadJob final : public io::DiskJob {
public:
    PieceReadJob(std::string path, const raft::SnapshotPieceRequest& request,
                 Completion<Result<raft::SnapshotPiece>> done)
        : path_(std::move(path)), request_(request), done_(std::move(done)) {}
    void run(io::FileSystem& files) override { piece_ = node::read_snapshot_piece(files, path_, request_); }
    void complete() override { done_(std::move(piece_)); }

private:
    std::string path_;
    raft::SnapshotPieceRequest request_;
    Completion<Result<raft::SnapshotPiece>> done_;
    Result<raft::SnapshotPiece> piece_;
};

class MetadataLog::SnapshotWriteJob final : public io::DiskJob {
public:
    SnapshotWriteJob(MetadataLog& log, raft::NewSnapshot snapshot, Completion<Status> done)
        : log_(log),
          path_(log.path_of(snapshot.id)),
          snapshot_(std::move(snapshot)),
          done_(std::move(done)) {}
    void run(io::FileSystem& files) override {
        size_ = write_snapshot_file(files, path_, snapshot_.source);
        snapshot_.source = {};  // here, where it costs the shard nothing
    }
    void complete() override {
        if (!size_) return done_(std::unexpected(size_.error()));
        log_.add_snapshot({snapshot_.id, *size_, snapshot_.last_contained_timestamp});
        done_({});
    }

private:
    MetadataLog& log_;
    std::string path_;
    raft::NewSnapshot snapshot_;
    Completion<Status> done_;
    Result<std::int64_t> size_;
};

// Snapshots first: without them the log's start is what its oldest segment says.
class MetadataLog::RemoveJob final : public io::DiskJob {
public:
    struct Doomed {
        std::string folder;
        std::vector<raft::SnapshotId> snapshots{};
        storage::RetiredFiles segments{};
    };
    RemoveJob(Doomed doomed, Completion<Status> done) : doomed_(std::move(doomed)), done_(std::move(done)) {}
    void run(io::FileSystem& files) override {
        status_ = remove_snapshot_files(files, doomed_.folder, doomed_.snapshots);
        for (const auto& path : doomed_.segments) {
            if (status_) status_ = files.remove(path);
        }
    }
    void complete() override { done_(std::move(status_)); }

private:
    Doomed doomed_;
    Completion<Status> done_;
    Status status_;
};

MetadataLog::MetadataLog(const io::ShardPorts& ports, const std::string& directory, LoadedMetadataLog loaded)
    : ports_(ports),
      folder_(storage::join_path(directory, k_metadata_folder)),
      snapshots_(std::move(loaded.snapshots)),
      tail_(k_tail_bytes),
      writer_(make_ref<storage::DirWriter>(directory, ports_.executor, ports_.disk, *this,
                                           storage::DirWriterLimits{.never_takes_back = true})),
      file_lane_(ports_.disk.new_lane(io::LaneUse::waited_for)) {
    log_ =
        std::make_unique<storage::Log>(std::move(loaded.log), log_config(loaded.limits),
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

void MetadataLog::on_directory_lacks_room(const std::string&) {
    ports_.executor.call_at(ports_.clock.now() + k_retry_without_room,
                            [writer = writer_] { writer->try_again(); });
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

void MetadataLog::read_snapshot_piece(const raft::SnapshotPieceRequest& request,
                                      Completion<Result<raft::SnapshotPiece>> done) {
    ports_.disk.submit(io::DiskLane{},
                       std::make_unique<PieceReadJob>(path_of(request.id), request, std::move(done)));
}

// In no lane: it may take seconds, and nothing needs to wait for it.
void MetadataLog::write_snapshot(raft::NewSnapshot snapshot, Completion<Status> durable) {
    ports_.disk.submit(io::DiskLane{},
                       std::make_unique<SnapshotWriteJob>(*this, std::move(snapshot), std::move(durable)));
}

void MetadataLog::add_snapshot(const raft::SnapshotFile& file) {
    const auto at = std::ranges::lower_bound(snapshots_, file.id, {}, &raft::SnapshotFile::id);
    if (at != snapshots_.end() && at->id == file.id) {
        *at = file;
    } else {
        snapshots_.insert(at, file);
    }
}

void MetadataLog::delete_before(raft::SnapshotId id, Completion<Status> done) {
    RemoveJob::Doomed doomed{.folder = folder_};
    while (!snapshots_.empty() && snapshots_.front().id < id) {
        doomed.snapshots.push_back(snapshots_.front().id);
        snapshots_.erase(snapshots_.begin());
    }
    const auto start = PLANTED_BUG("log_cut_behind_the_snapshot") ? log_->log_end_offset() : id.end_offset;
    log_->raise_log_start_offset(std::max(start, log_->log_start_offset()));
    const storage::RetentionRequest request{.high_watermark = start, .now_ms = ports_.clock.wall_clock_ms()};
    log_->enforce_retention(request, [this, doomed = std::move(doomed),
                                      done = std::move(done)](Result<storage::RetiredFiles> retired) mutable {
        if (!retired) return done(std::unexpected(retired.error()));
        doomed.segments = std::move(*retired);
        ports_.disk.submit(io::DiskLane{}, std::make_unique<RemoveJob>(std::move(doomed), std::move(done)));
    });
}

}  // namespace gregor::node
