#include "raft/fetch_position.h"

namespace gregor::raft {
namespace {

// The largest epoch of ours that is not above `epoch`, and where it ends; our end for what we know nothing
// of.
EpochEnd end_of_epoch(const RaftLog& log, LeaderEpoch epoch) {
    const auto found = log.end_offset_for(epoch);
    if (found.epoch.value() < 0) return {log.last_epoch(), log.end_offset()};
    const auto& snapshots = log.snapshots();
    const bool is_at_snapshot = !snapshots.empty() && found.end_offset == snapshots.front().id.end_offset;
    if (is_at_snapshot && found.epoch == epoch) return {snapshots.front().id.epoch, found.end_offset};
    return found;
}

}  // namespace

FetchVerdict judge_fetch(const RaftLog& log, const FetchPosition& position) {
    const auto& [offset, epoch] = position;
    const auto& snapshots = log.snapshots();
    if (log.start_offset() == Offset{0} && offset == Offset{0}) return FetchValid{};
    if (!snapshots.empty()) {
        const auto& earliest = snapshots.front().id;
        const bool is_gone = offset < log.start_offset();
        const bool is_other = offset == log.start_offset() && epoch != earliest.epoch;
        if (is_gone || is_other || epoch < earliest.epoch) return FetchFromSnapshot{snapshots.back().id};
    }
    const auto end = end_of_epoch(log, epoch);
    if (end.epoch != epoch || end.end_offset < offset) return FetchDiverged{end};
    return FetchValid{};
}

}  // namespace gregor::raft
