// Where a follower stands: whether its log is a beginning of ours, and how it gets there if it is not.
#pragma once

#include <variant>

#include "raft/raft_log.h"

namespace gregor::raft {

struct FetchPosition {
    Offset offset;                   // where it goes on
    LeaderEpoch last_fetched_epoch;  // of the record before
};

struct FetchValid {};
struct FetchDiverged {  // its log differs from here on, at the latest
    EpochEnd end;
};
struct FetchFromSnapshot {  // what it asks for is gone
    SnapshotId id;
};
using FetchVerdict = std::variant<FetchValid, FetchDiverged, FetchFromSnapshot>;

FetchVerdict judge_fetch(const RaftLog& log, const FetchPosition& position);

}  // namespace gregor::raft
