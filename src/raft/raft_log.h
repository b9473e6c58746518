// What the quorum needs of storage: the log of __cluster_metadata-0, its snapshots and the quorum-state file.
// node/ adapts storage::Log to it; tests and the simulator may use one in memory.
#pragma once

#include <cstdint>
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

// Lives on shard 0 and outlives the Raft that uses it. Completions come on shard 0, in the order of the
// calls.
class RaftLog {
public:
    virtual ~RaftLog() = default;

    virtual Offset start_offset() const = 0;
    virtual Offset end_offset() const = 0;
    virtual LeaderEpoch last_epoch() const = 0;  // of the last batch; -1 when the log is empty

    // One complete batch with its base offset (= end_offset()) and leader epoch already in it. end_offset()
    // and last_epoch() move at once, `durable` is called when the batch would survive a power cut.
    virtual void append(Slice batch, Completion<Status> durable) = 0;

    // Whole batches from the one that contains `from` on, as many as fit about `bytes_max`, at least one;
    // empty at the end of the log.
    virtual void read(Offset from, std::size_t bytes_max, Completion<Result<Slice>> done) = 0;

    // Replaces the file atomically and durably (temporary file, fsync, rename, fsync of the directory).
    virtual void write_quorum_state(std::string text, Completion<Status> durable) = 0;

    virtual std::vector<SnapshotId> snapshots() const = 0;  // ascending
    virtual void read_snapshot(SnapshotId id, Completion<Result<Slice>> done) = 0;
    virtual void write_snapshot(SnapshotId id, BufferChain content, Completion<Status> durable) = 0;
};

}  // namespace gregor::raft
