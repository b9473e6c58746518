// A KRaft voter as a step machine: events in, effects out, nothing else. It lives on shard 0, is node state
// and the only writer of __cluster_metadata-0. A quorum of one voter is the degenerate case: it elects itself
// and commits what is durable; the messages between voters come with the quorum issue as further events and
// effects.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "raft/quorum_state.h"
#include "raft/snapshot.h"

namespace gregor::raft {

enum class Role : std::uint8_t { unattached, candidate, leader, resigned };

// ---------------------------------------------------------------- events

struct Started {};
struct QuorumStateWritten {};  // the last WriteQuorumState is durable
struct Flushed {
    Offset end_offset;
};  // everything before it is durable
struct DiskFailed {};  // an append or the state file could not be written
struct StopRequested {};
using Event = std::variant<Started, QuorumStateWritten, Flushed, DiskFailed, StopRequested>;

// ---------------------------------------------------------------- effects

struct WriteQuorumState {
    QuorumState state;
};
struct Append {
    Slice batch;
};  // at the end of the log, in this order
struct BecameLeader {
    LeaderEpoch epoch;
    Offset epoch_start_offset;
};
struct Committed {
    Offset high_watermark;
};
struct Resigned {
    LeaderEpoch epoch;
};
using Effect = std::variant<WriteQuorumState, Append, BecameLeader, Committed, Resigned>;
using Effects = std::vector<Effect>;

struct RaftConfig {
    BrokerId node_id;
    Uuid directory_id;
    std::vector<VoterEndpoint> endpoints;  // of this voter, as advertised
};

// What the disk held when the node started.
struct RaftStart {
    std::optional<QuorumState> quorum_state;  // none: the file was missing
    Offset log_start_offset{0};
    Offset log_end_offset{0};
    LeaderEpoch last_log_epoch{-1};
    std::int16_t kraft_version = 0;
    VoterSet voters;                 // latest known: of the log, of the newest snapshot, or static ones
    bool voters_are_in_log = false;  // else only the bootstrap checkpoint or the properties told them
};

// Whether this node may lead alone: it is the only voter, in the directory that the log knows.
Status check_single_voter(const RaftConfig& config, const RaftStart& start);

class Raft {
public:
    Raft(RaftConfig config, RaftStart start);

    void step(const Event& event, std::int64_t now_ms, Effects& out);

    // Data records (values) as one batch of the current epoch. Only while leader. Returns the offset behind
    // them; they are committed when Committed has passed it.
    Offset append(const std::vector<Bytes>& values, std::int64_t now_ms, Effects& out);

    Role role() const { return role_; }
    LeaderEpoch epoch() const { return state_.leader_epoch; }
    Offset end_offset() const { return end_offset_; }
    std::optional<Offset> high_watermark() const { return high_watermark_; }
    std::int16_t kraft_version() const { return kraft_version_; }
    const VoterSet& voters() const { return voters_; }
    void check_invariants() const;

private:
    void start(Effects& out);
    void on_quorum_state_written(std::int64_t now_ms, Effects& out);
    void append_epoch_batch(std::int64_t now_ms, Effects& out);
    void on_flushed(Offset flushed, Effects& out);
    void resign(Effects& out);

    const RaftConfig config_;
    Role role_ = Role::unattached;
    QuorumState state_;
    std::int16_t kraft_version_ = 0;
    VoterSet voters_;
    bool voters_are_in_log_ = false;
    Offset end_offset_;
    Offset flushed_offset_;
    Offset epoch_start_offset_;
    std::optional<Offset> high_watermark_;
};

}  // namespace gregor::raft
