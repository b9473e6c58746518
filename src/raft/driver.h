// Drives the Raft machine over a RaftLog: reads what the disk holds, starts the machine, carries its effects
// out and reports to a listener. Shard 0. The listener outlives it, and it outlives the completions it gives
// to the log.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "raft/raft.h"
#include "raft/raft_log.h"
#include "raft/snapshot.h"
#include "records/batch.h"

namespace gregor::raft {

// One data batch of the log, uncompressed: the values of its records are views.
struct RecordBatch {
    Offset base_offset;
    LeaderEpoch epoch;
    std::int64_t timestamp = 0;
    std::vector<Bytes> values;
};

// Called on shard 0, in this order: the snapshot or the bootstrap records if there are any, every data batch
// of the log, loaded, became_leader, then committed again and again; resigned or failed at most once, last.
class RaftListener {
public:
    virtual ~RaftListener() = default;
    // A snapshot replaces everything before it. Its last record is at `id.end_offset` - 1.
    virtual Status on_snapshot(SnapshotId id, const SnapshotContent& content) = 0;
    virtual Status on_batch(const RecordBatch& batch) = 0;
    virtual void on_became_leader(LeaderEpoch epoch) = 0;
    virtual void on_committed(Offset high_watermark) = 0;
    virtual void on_resigned(LeaderEpoch epoch) = 0;
    // The disk or its content does not allow to go on; the sentence is for the operator.
    virtual void on_failed(const Error& why) = 0;
};

class Driver {
public:
    struct Settings {
        RaftConfig config;
        std::optional<std::string> quorum_state;  // the file's text; none when it is missing
        VoterSet static_voters;                   // of controller.quorum.voters; empty with a dynamic quorum
        std::function<std::int64_t()> wall_clock_ms;
        std::size_t read_bytes_max = std::size_t{1} << 20U;
    };
    Driver(Settings settings, RaftLog& log, RaftListener& listener);
    Driver(const Driver&) = delete;
    Driver& operator=(const Driver&) = delete;

    void start();
    void stop();  // resigns; what was appended may still become durable

    bool is_leader() const { return raft_ != nullptr && raft_->role() == Role::leader; }
    LeaderEpoch epoch() const { return raft_->epoch(); }
    Offset end_offset() const { return raft_->end_offset(); }
    Offset high_watermark() const { return raft_->high_watermark().value_or(Offset{0}); }
    std::int16_t kraft_version() const { return raft_->kraft_version(); }
    const VoterSet& voters() const { return raft_->voters(); }
    // Of the batches behind the snapshot that was loaded, and of all appended since.
    std::uint64_t log_bytes() const { return log_bytes_; }
    // One batch, all of it committed or none. Only while leader. Returns the offset behind it.
    Offset append(const std::vector<Bytes>& values);

private:
    void load_snapshot(SnapshotId id);
    void on_snapshot_read(SnapshotId id, const Result<Slice>& file);
    Status take_snapshot(SnapshotId id, const Slice& file);
    void read_on();
    void on_read(const Result<Slice>& bytes);
    Status replay(Bytes bytes);
    Status replay_batch(const records::BatchView& batch);
    Status replay_control(const records::BatchView& batch);
    Status replay_data(const records::BatchView& batch);
    void elect();
    void step(const Event& event);
    void perform(Effects effects);
    void perform_one(Effect effect);
    void append_to_log(Slice batch);
    void fail_with(const Error& why);

    Settings settings_;
    RaftLog& log_;
    RaftListener& listener_;
    RaftStart start_;
    std::unique_ptr<Raft> raft_;  // from the election on
    Offset next_{0};              // the next offset to load
    LeaderEpoch last_epoch_{-1};  // of the batches loaded
    std::uint64_t log_bytes_ = 0;
    std::deque<Effect> effects_;  // in order; a listener may cause more while one is carried out
    bool performing_ = false;
    bool stopped_ = false;
};

}  // namespace gregor::raft
