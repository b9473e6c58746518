// A RaftLog in memory, for tests: what was not flushed is lost by crash().
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "raft/raft_log.h"
#include "records/batch.h"

namespace gregor::raft {

class MemoryLog final : public RaftLog {
public:
    Offset start_offset() const override { return Offset{0}; }
    Offset end_offset() const override {
        return batches_.empty() ? Offset{0} : view(batches_.back()).next_offset();
    }
    LeaderEpoch last_epoch() const override {
        return batches_.empty() ? LeaderEpoch{-1} : view(batches_.back()).partition_leader_epoch();
    }
    void append(Slice batch, Completion<Status> durable) override {
        batches_.push_back(std::move(batch));
        waiting_.push_back(std::move(durable));
        if (auto_flush) flush();
    }
    void read(Offset from, std::size_t, Completion<Result<Slice>> done) override {
        for (const auto& batch : batches_) {
            if (view(batch).last_offset() >= from) return done(batch);
        }
        done(Slice{});
    }
    void write_quorum_state(std::string text, Completion<Status> durable) override {
        quorum_state = std::move(text);
        durable(Status{});
    }
    std::vector<SnapshotId> snapshots() const override {
        std::vector<SnapshotId> ids;
        for (const auto& [id, file] : files) ids.push_back(id);
        return ids;
    }
    void read_snapshot(SnapshotId id, Completion<Result<Slice>> done) override { done(files.at(id)); }
    void write_snapshot(SnapshotId id, BufferChain content, Completion<Status> durable) override {
        files[id] = Slice::copy_of(content.flatten());
        durable(Status{});
    }

    // Everything appended so far survives, and its waiters hear of it.
    void flush() {
        flushed_ = batches_.size();
        auto waiting = std::exchange(waiting_, {});
        for (auto& durable : waiting) durable(Status{});
    }
    // The oldest append and all behind it fail.
    void fail_writes() {
        batches_.resize(flushed_);
        auto waiting = std::exchange(waiting_, {});
        for (auto& durable : waiting) durable(fail(ErrorCode::kafka_storage_error, "planted"));
    }
    // A power cut: the tail is gone, nobody is told.
    void crash() {
        AbandonScope dying;
        batches_.resize(flushed_);
        waiting_.clear();
    }
    const std::vector<Slice>& batches() const { return batches_; }

    bool auto_flush = true;
    std::string quorum_state;
    std::map<SnapshotId, Slice> files;

private:
    static records::BatchView view(const Slice& batch) { return records::BatchView(batch.bytes()); }
    std::vector<Slice> batches_;
    std::size_t flushed_ = 0;
    std::vector<Completion<Status>> waiting_;
};

}  // namespace gregor::raft
