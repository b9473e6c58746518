#include "raft/driver.h"

#include <gtest/gtest.h>

#include "raft/control_records.h"
#include "raft/memory_log.h"
#include "records/control.h"
#include "records/record.h"

namespace gregor::raft {
namespace {

constexpr Uuid k_directory{1, 2};

struct Recorder final : RaftListener {
    Status on_snapshot(SnapshotId, const SnapshotContent& content) override {
        snapshot_records += content.records.size();
        return {};
    }
    Status on_batch(const RecordBatch& batch) override {
        for (const auto value : batch.values) values.emplace_back(as_text(value));
        return {};
    }
    void on_became_leader(LeaderEpoch epoch) override { epochs.push_back(epoch.value()); }
    void on_committed(Offset high_watermark) override { committed = high_watermark; }
    void on_resigned(LeaderEpoch) override { ++resigned; }
    void on_failed(const Error& why) override { failure = why.detail; }

    std::size_t snapshot_records = 0;
    std::vector<std::string> values;
    std::vector<std::int32_t> epochs;
    Offset committed = k_no_offset;
    int resigned = 0;
    std::string failure;
};

VoterSet voters() {
    return {
        {.id = BrokerId{1}, .directory_id = k_directory, .endpoints = {{"CONTROLLER", "localhost", 9093}}}};
}

void format(MemoryLog& log) {
    const auto file = write_snapshot(
        {.last_contained_timestamp = 5, .kraft_version = 1, .voters = voters(), .records = {}}, {});
    log.files[SnapshotId{Offset{0}, LeaderEpoch{0}}] = Slice::copy_of(file.flatten());
}

// One life of a voter over a log that outlives it.
struct Life {
    explicit Life(MemoryLog& log, std::uint16_t port = 9093, Uuid directory = k_directory,
                  VoterSet static_voters = {})
        : driver({.config = {BrokerId{1}, directory, {{"CONTROLLER", "localhost", port}}},
                  .quorum_state = log.quorum_state.empty() ? std::nullopt : std::optional(log.quorum_state),
                  .static_voters = std::move(static_voters),
                  .wall_clock_ms = [] { return std::int64_t{1000}; }},
                 log, listener) {
        driver.start();
    }
    Offset append(std::string_view text) { return driver.append({as_bytes(text)}); }
    Recorder listener;
    Driver driver;
};

std::vector<records::ControlType> control_types(const Slice& batch) {
    std::vector<records::ControlType> types;
    records::RecordCursor cursor{records::BatchView(batch.bytes())};
    records::RecordView record;
    while (cursor.next(record)) types.push_back(*records::parse_control_key(record.key));
    return types;
}

using enum records::ControlType;

// As the peer's first start: LeaderChange, KRaftVersion and KRaftVoters in one batch of epoch 1.
TEST(Raft, FirstEpochBringsTheVotersIntoTheLog) {
    MemoryLog log;
    format(log);
    Life life(log);
    EXPECT_EQ(life.listener.epochs, std::vector{1});
    ASSERT_EQ(log.batches().size(), 1U);
    EXPECT_EQ(control_types(log.batches()[0]), (std::vector{leader_change, kraft_version, kraft_voters}));
    EXPECT_EQ(
        log.quorum_state,
        R"({"leaderId":1,"leaderEpoch":1,"votedId":-1,"votedDirectoryId":"AAAAAAAAAAAAAAAAAAAAAA","data_version":1})");
    EXPECT_EQ(life.listener.committed, Offset{3});
}

TEST(Raft, LaterEpochsOnlyChangeTheLeader) {
    MemoryLog log;
    format(log);
    {
        Life first(log);
    }
    Life second(log);
    EXPECT_EQ(second.listener.epochs, std::vector{2});
    EXPECT_EQ(control_types(log.batches()[1]), std::vector{leader_change});
    Life moved(log, 9999);  // another advertised port: the voter's entry is written again
    EXPECT_EQ(control_types(log.batches()[2]), (std::vector{leader_change, kraft_version, kraft_voters}));
}

TEST(Raft, CommitsWhatIsDurableAndNotBefore) {
    MemoryLog log;
    format(log);
    log.auto_flush = false;
    Life life(log);
    EXPECT_EQ(life.listener.epochs, std::vector{1});
    EXPECT_EQ(life.append("a"), Offset{4});
    EXPECT_EQ(life.listener.committed, k_no_offset);
    log.flush();
    EXPECT_EQ(life.listener.committed, Offset{4});
    log.crash();
}

TEST(Raft, RestartReplaysWhatSurvived) {
    MemoryLog log;
    format(log);
    {
        Life first(log);
        first.append("a");
        first.append("b");
        log.auto_flush = false;
        first.append("lost");
        log.crash();
    }
    log.auto_flush = true;
    Life second(log);
    EXPECT_EQ(second.listener.values, (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(second.driver.epoch(), LeaderEpoch{2});
    EXPECT_EQ(second.append("c"), Offset{7});  // 3 control, a, b, the new leader, c
}

// The state file may be older than the log after a power cut, and missing altogether.
TEST(Raft, EpochNeverFallsBehindTheLog) {
    MemoryLog log;
    format(log);
    {
        Life first(log);
    }
    {
        Life second(log);
    }
    log.quorum_state.clear();
    Life third(log);
    EXPECT_EQ(third.driver.epoch(), LeaderEpoch{3});
}

TEST(Raft, FailedWriteEndsTheEpoch) {
    MemoryLog log;
    format(log);
    Life life(log);
    log.auto_flush = false;
    life.append("a");
    life.append("b");
    log.fail_writes();
    EXPECT_EQ(life.listener.resigned, 1);
    EXPECT_EQ(life.listener.failure, "planted");
    EXPECT_FALSE(life.driver.is_leader());
    EXPECT_EQ(life.listener.committed, Offset{3});
}

TEST(Raft, RefusesADirectoryThatIsNotItsOwn) {
    MemoryLog empty;
    Life unformatted(empty);
    EXPECT_NE(unformatted.listener.failure.find("no voters"), std::string::npos);
    MemoryLog log;
    format(log);
    Life other(log, 9093, Uuid{9, 9});
    EXPECT_NE(other.listener.failure.find("directory"), std::string::npos);
    EXPECT_TRUE(log.batches().empty());
}

VoterSet static_voters(std::int32_t count = 1) {
    VoterSet voters;
    for (std::int32_t id = 1; id <= count; ++id)
        voters.push_back(
            {.id = BrokerId{id}, .directory_id = {}, .endpoints = {{"CONTROLLER", "localhost", 9093}}});
    return voters;
}

// The state file is what the peer writes for controller.quorum.voters=1@localhost:9093, in each of its
// epochs.
TEST(Raft, AStaticQuorumIsNotInItsLog) {
    MemoryLog log;
    {
        Life first(log, 9093, k_directory, static_voters());
        EXPECT_EQ(first.driver.kraft_version(), 0);
        EXPECT_EQ(first.append("a"), Offset{2});
    }
    EXPECT_EQ(control_types(log.batches()[0]), (std::vector{leader_change}));
    EXPECT_EQ(log.quorum_state,
              R"({"clusterId":"","leaderId":1,"leaderEpoch":1,"votedId":-1,"appliedOffset":0,)"
              R"("currentVoters":[{"voterId":1}],"data_version":0})");
    Life moved(log, 9094, Uuid{9, 9}, static_voters());
    EXPECT_EQ(moved.listener.epochs, std::vector{2});
    EXPECT_EQ(moved.listener.values, std::vector<std::string>{"a"});
    EXPECT_EQ(control_types(log.batches().back()), (std::vector{leader_change}));

    MemoryLog other;
    Life two(other, 9093, k_directory, static_voters(2));
    EXPECT_EQ(
        two.listener.failure,
        "there are 2 voters in controller.quorum.voters, which count for this log; only a quorum of one is "
        "supported yet");
    EXPECT_TRUE(other.quorum_state.empty());
}

// Where the log names its voters, those of the properties do not count.
TEST(Raft, TheVotersOfTheLogWin) {
    MemoryLog log;
    format(log);
    Life life(log, 9093, k_directory, static_voters(2));
    EXPECT_EQ(life.listener.epochs, std::vector{1});
    EXPECT_EQ(life.driver.kraft_version(), 1);
    EXPECT_EQ(control_types(log.batches()[0]), (std::vector{leader_change, kraft_version, kraft_voters}));
}

TEST(Raft, RefusesAMalformedStateFile) {
    MemoryLog log;
    format(log);
    log.quorum_state = "{";
    Life life(log);
    EXPECT_NE(life.listener.failure.find("quorum-state"), std::string::npos);
}

}  // namespace
}  // namespace gregor::raft
