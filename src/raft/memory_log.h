// A RaftLog in memory, for tests: what was not flushed is lost by crash().
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "raft/raft_log.h"
#include "records/batch.h"

namespace gregor::raft {

class MemoryLog final : public RaftLog {
public:
    Offset start_offset() const override { return start; }
    Offset end_offset() const override {
        return batches_.empty() ? Offset{0} : view(batches_.back()).next_offset();
    }
    LeaderEpoch last_epoch() const override {
        return batches_.empty() ? LeaderEpoch{-1} : view(batches_.back()).partition_leader_epoch();
    }
    EpochEnd end_offset_for(LeaderEpoch epoch) const override {
        if (epoch > last_epoch()) return {};
        EpochEnd end;
        for (const auto& batch : batches_) {
            if (view(batch).partition_leader_epoch() <= epoch)
                end = {view(batch).partition_leader_epoch(), view(batch).next_offset()};
        }
        return end;
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
    const std::vector<SnapshotFile>& snapshots() const override {
        snapshots_.clear();
        for (const auto& [id, file] : files)
            snapshots_.push_back({id, static_cast<std::int64_t>(file.size())});
        return snapshots_;
    }
    void read_snapshot(SnapshotId id, Completion<Result<Slice>> done) override { done(files.at(id)); }
    void read_snapshot_piece(const SnapshotPieceRequest& request,
                             Completion<Result<SnapshotPiece>> done) override {
        const auto& file = files.at(request.id);
        const auto from = static_cast<std::size_t>(request.position);
        if (from >= file.size()) return done(fail(ErrorCode::offset_out_of_range));
        done(SnapshotPiece{static_cast<std::int64_t>(file.size()),
                           file.subslice(from, std::min(request.bytes_max, file.size() - from))});
    }
    void write_snapshot(NewSnapshot snapshot, Completion<Status> durable) override {
        BufferChain content;
        const auto made = snapshot.source([&content](const BufferChain& bytes) -> Status {
            content.append(bytes);
            return {};
        });
        if (made) files[snapshot.id] = Slice::copy_of(content.flatten());
        durable(made);
    }
    void delete_before(SnapshotId id, Completion<Status> done) override {
        files.erase(files.begin(), files.lower_bound(id));
        done(Status{});
    }
    std::int64_t size_bytes() const override {
        std::size_t size = 0;
        for (const auto& batch : batches_) size += batch.size();
        return static_cast<std::int64_t>(size);
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
    Offset start{0};
    std::string quorum_state;
    std::map<SnapshotId, Slice> files;

private:
    static records::BatchView view(const Slice& batch) { return records::BatchView(batch.bytes()); }
    std::vector<Slice> batches_;
    mutable std::vector<SnapshotFile> snapshots_;
    std::size_t flushed_ = 0;
    std::vector<Completion<Status>> waiting_;
};

}  // namespace gregor::raft
