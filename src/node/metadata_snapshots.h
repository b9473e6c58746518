// Takes the snapshots of the metadata and lets old ones go. Only a commit makes it look: an idle node sleeps.
// Lives on shard 0, owned by the quorum, which it does not outlive.
#pragma once

#include <cstdint>

#include "io/ports.h"
#include "metadata/image.h"
#include "raft/raft_log.h"
#include "raft/snapshot.h"
#include "raft/snapshot_policy.h"

namespace gregor::node {

// What has been committed, as the quorum knows it.
struct CommittedMetadata {
    Ref<const metadata::Image> image;
    LeaderEpoch leader_epoch;
    std::uint64_t log_bytes = 0;
    std::int16_t kraft_version = 0;
    const raft::VoterSet& voters;
};

class MetadataSnapshots {
public:
    MetadataSnapshots(const io::ShardPorts& ports, raft::RaftLog& log, const raft::SnapshotLimits& limits);

    void on_committed(const CommittedMetadata& committed);
    // Begins nothing any more; `done` when what is under way has ended.
    void stop(io::Task done);

private:
    void take(const CommittedMetadata& committed, std::int64_t now_ms);
    void on_taken(raft::SnapshotId id, const Status& durable);
    void clean();
    void rest();

    io::ShardPorts ports_;
    raft::RaftLog& log_;
    const raft::SnapshotLimits limits_;
    raft::SnapshotSchedule schedule_;
    std::int64_t cleaned_ms_ = 0;
    bool is_busy_ = false;  // a snapshot is being written, or old ones removed
    io::Task when_stopped_;
};

}  // namespace gregor::node
