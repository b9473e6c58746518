// What the quorum needs of storage: the log of __cluster_metadata-0, its snapshots and the quorum-state file.
// node/ adapts storage::Log to it; tests and the simulator may use one in memory.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/completion.h"
#include "base/ids.h"
#include "base/result.h"

namespace gregor::raft {

// A snapshot holds everything before `end_offset`; its file is named after both ("%020d-%010d.checkpoint").
struct SnapshotId {
    Offset end_offset;
    LeaderEpoch epoch{0};
    friend constexpr auto operator<=>(const SnapshotId&, const SnapshotId&) = default;
};
std::string snapshot_file_name(SnapshotId id);
std::optional<SnapshotId> parse_snapshot_file_name(std::string_view name);

struct EpochEnd {
    LeaderEpoch epoch{-1};
    Offset end_offset = k_no_offset;
    friend bool operator==(const EpochEnd&, const EpochEnd&) = default;
};

// A snapshot that a log holds.
struct SnapshotFile {
    SnapshotId id;
    std::int64_t size_bytes = 0;
    std::optional<std::int64_t> last_contained_timestamp{};  // none where its header cannot be read
    friend bool operator==(const SnapshotFile&, const SnapshotFile&) = default;
};

// Makes the bytes of a snapshot on a worker thread, piece by piece; an error of the sink ends it.
using SnapshotSink = std::function<Status(const BufferChain& bytes)>;
using SnapshotSource = std::move_only_function<Status(const SnapshotSink& sink)>;
struct NewSnapshot {
    SnapshotId id;
    std::int64_t last_contained_timestamp = 0;
    SnapshotSource source;
};

// Some bytes of a snapshot, cut anywhere.
struct SnapshotPiece {
    std::int64_t snapshot_bytes = 0;  // of the whole file
    Slice bytes;
};
struct SnapshotPieceRequest {
    SnapshotId id;
    std::int64_t position = 0;
    std::size_t bytes_max = 0;
};

// Lives on shard 0 and outlives the Raft that uses it. Completions come on shard 0, in the order of the
// calls.
class RaftLog {
public:
    virtual ~RaftLog() = default;

    virtual Offset start_offset() const = 0;
    virtual Offset end_offset() const = 0;
    virtual LeaderEpoch last_epoch() const = 0;  // of the last batch; -1 when the log is empty
    // The largest epoch in the log that is not above `epoch`, and its end; -1, -1 when there is none, or when
    // `epoch` is above all of them.
    virtual EpochEnd end_offset_for(LeaderEpoch epoch) const = 0;

    // One complete batch with its base offset (= end_offset()) and leader epoch already in it. end_offset()
    // and last_epoch() move at once, `durable` is called when the batch would survive a power cut.
    virtual void append(Slice batch, Completion<Status> durable) = 0;

    // Whole batches from the one that contains `from` on, as many as fit about `bytes_max`, at least one;
    // empty at the end of the log.
    virtual void read(Offset from, std::size_t bytes_max, Completion<Result<Slice>> done) = 0;

    // Replaces the file atomically and durably (temporary file, fsync, rename, fsync of the directory).
    virtual void write_quorum_state(std::string text, Completion<Status> durable) = 0;

    virtual const std::vector<SnapshotFile>& snapshots() const = 0;  // complete ones, ascending
    virtual void read_snapshot(SnapshotId id, Completion<Result<Slice>> done) = 0;
    // offset_out_of_range when the position is not inside of the file.
    virtual void read_snapshot_piece(const SnapshotPieceRequest& request,
                                     Completion<Result<SnapshotPiece>> done) = 0;
    // One at a time. It is one of snapshots() once it is durable; a failure leaves none of it.
    virtual void write_snapshot(NewSnapshot snapshot, Completion<Status> durable) = 0;
    // Makes the end of a snapshot the log's start; older snapshots, and the segments below, are removed.
    virtual void delete_before(SnapshotId id, Completion<Status> done) = 0;
    virtual std::int64_t size_bytes() const = 0;  // of the log without its snapshots
};

}  // namespace gregor::raft
