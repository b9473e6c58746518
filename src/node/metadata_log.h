// The log of __cluster_metadata-0 as the quorum sees it: storage::Log for the records, files beside it for
// snapshots and the quorum state. Lives on shard 0, always durable; owned by the node.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/ports.h"
#include "node/metadata_log_limits.h"
#include "raft/raft_log.h"
#include "records/compression.h"
#include "storage/dir_writer.h"
#include "storage/log.h"
#include "storage/recovery.h"
#include "storage/tail_cache.h"

namespace gregor::node {

inline constexpr const char* k_metadata_folder = "__cluster_metadata-0";
inline constexpr const char* k_quorum_state_file = "quorum-state";

// Where the log is, and how it was left.
struct MetadataFolder {
    std::string path;  // of the log directory
    bool was_clean = false;
    MetadataLogLimits limits;
    std::int64_t now_ms = 0;
};

// What was found on the disk before the node serves.
struct LoadedMetadataLog {
    MetadataLogLimits limits;
    storage::LoadedLog log{};
    std::vector<raft::SnapshotFile> snapshots{};  // ascending
    std::optional<std::string> quorum_state{};
};

// Opens, recovers, or creates the folder; removes what an interrupted snapshot left. Blocking.
Result<LoadedMetadataLog> load_metadata_log(io::FileSystem& files, const MetadataFolder& directory);

class MetadataLog final : public raft::RaftLog, public storage::LogObserver, public storage::DirObserver {
public:
    MetadataLog(const io::ShardPorts& ports, const std::string& directory, LoadedMetadataLog loaded);

    Offset start_offset() const override { return log_->log_start_offset(); }
    Offset end_offset() const override { return log_->log_end_offset(); }
    LeaderEpoch last_epoch() const override { return log_->latest_epoch(); }
    raft::EpochEnd end_offset_for(LeaderEpoch epoch) const override {
        const auto end = log_->end_offset_for(epoch);
        return {end.epoch, end.end_offset};
    }
    void append(Slice batch, Completion<Status> durable) override;
    void read(Offset from, std::size_t bytes_max, Completion<Result<Slice>> done) override;
    void write_quorum_state(std::string text, Completion<Status> durable) override;
    const std::vector<raft::SnapshotFile>& snapshots() const override { return snapshots_; }
    void read_snapshot(raft::SnapshotId id, Completion<Result<Slice>> done) override;
    void read_snapshot_piece(const raft::SnapshotPieceRequest& request,
                             Completion<Result<raft::SnapshotPiece>> done) override;
    void write_snapshot(raft::NewSnapshot snapshot, Completion<Status> durable) override;
    void delete_before(raft::SnapshotId id, Completion<Status> done) override;
    std::int64_t size_bytes() const override { return log_->size_bytes(); }

    void close(Completion<Status> done) { log_->close(std::move(done)); }
    void stop() { writer_->stop(); }

    void on_written(Offset) override {}
    void on_durable(Offset durable_end) override;
    void on_failed(const Error& why) override;
    void on_directory_offline(const std::string& directory, const Error& why) override;
    void on_directory_lacks_room(const std::string& directory) override;

private:
    struct Pending {
        Offset end;
        Completion<Status> durable;
    };
    class FileWriteJob;
    class SnapshotReadJob;
    class PieceReadJob;
    class SnapshotWriteJob;
    class RemoveJob;

    std::string path_of(raft::SnapshotId id) const;
    void add_snapshot(const raft::SnapshotFile& file);

    io::ShardPorts ports_;
    std::string folder_;
    std::vector<raft::SnapshotFile> snapshots_;
    storage::TailCache tail_;
    records::Decompressor decompressor_;
    Ref<storage::DirWriter> writer_;
    std::unique_ptr<storage::Log> log_;
    std::deque<Pending> pending_;
    io::DiskLane file_lane_;  // snapshots to read and quorum state, in order
};

}  // namespace gregor::node
