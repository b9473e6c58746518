#include "raft/fetch_position.h"

#include <gtest/gtest.h>

#include <fmt/format.h>

#include "raft/memory_log.h"
#include "records/builder.h"

namespace gregor::raft {
namespace {

void append(MemoryLog& log, std::int32_t epoch) {
    records::BatchBuilder batch(
        {.base_offset = log.end_offset(), .partition_leader_epoch = LeaderEpoch{epoch}});
    batch.append({.timestamp = 1, .value = as_bytes("v")});
    log.append(batch.build(), Completion<Status>([](const Status&) {}));
}

std::string verdict(const MemoryLog& log, std::int64_t offset, std::int32_t epoch) {
    const auto judged = judge_fetch(log, {Offset{offset}, LeaderEpoch{epoch}});
    if (const auto* diverged = std::get_if<FetchDiverged>(&judged))
        return fmt::format("diverged at {} of epoch {}", diverged->end.end_offset.value(),
                           diverged->end.epoch.value());
    if (const auto* snapshot = std::get_if<FetchFromSnapshot>(&judged))
        return "snapshot " + std::to_string(snapshot->id.end_offset.value());
    return "valid";
}

// Offsets 0, 1 of epoch 1; 2, 3, 4 of epoch 3.
void fill(MemoryLog& log) {
    for (const auto epoch : {1, 1, 3, 3, 3}) append(log, epoch);
}

TEST(FetchPosition, WhoseLogIsABeginningOfOursGoesOn) {
    MemoryLog log;
    EXPECT_EQ(verdict(log, 0, 0), "valid");
    fill(log);
    EXPECT_EQ(verdict(log, 0, 0), "valid");
    EXPECT_EQ(verdict(log, 2, 1), "valid");
    EXPECT_EQ(verdict(log, 5, 3), "valid");
}

TEST(FetchPosition, WhoseLogDiffersIsToldFromWhere) {
    MemoryLog log;
    fill(log);
    EXPECT_EQ(verdict(log, 3, 1), "diverged at 2 of epoch 1");
    EXPECT_EQ(verdict(log, 3, 2), "diverged at 2 of epoch 1");
    EXPECT_EQ(verdict(log, 6, 3), "diverged at 5 of epoch 3");
    EXPECT_EQ(verdict(log, 5, 4), "diverged at 5 of epoch 3");
}

TEST(FetchPosition, WhoAsksForWhatIsGoneGetsTheNewestSnapshot) {
    MemoryLog log;
    fill(log);
    log.files[SnapshotId{Offset{2}, LeaderEpoch{1}}] = Slice::copy_of(as_bytes("a"));
    log.files[SnapshotId{Offset{4}, LeaderEpoch{3}}] = Slice::copy_of(as_bytes("b"));
    log.start = Offset{2};
    EXPECT_EQ(verdict(log, 0, 0), "snapshot 4");
    EXPECT_EQ(verdict(log, 2, 0), "snapshot 4");
    EXPECT_EQ(verdict(log, 2, 1), "valid");
    EXPECT_EQ(verdict(log, 2, 3), "snapshot 4");
    EXPECT_EQ(verdict(log, 3, 3), "valid");
}

}  // namespace
}  // namespace gregor::raft
