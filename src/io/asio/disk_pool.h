// The worker threads that do blocking file work, for all shards of a process.
#pragma once

#include <algorithm>
#include <array>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "io/asio/files.h"
#include "io/ports.h"

namespace gregor::io {

// Workers start when there is work that no idle one can take, up to a limit, and stay. What somebody waits
// for in a lane, such as a producer, goes first, and reads without a lane may occupy a third of the workers,
// bulk lanes another: however many read old records or clean logs, a write finds a worker. An idle worker
// sleeps without a timeout. Everything here is safe on any thread; stop() is called once, by the owner.
class DiskPool final : public ParallelSync {
public:
    // Completions go back through `shards`, to the shard that submitted.
    DiskPool(Shards& shards, std::size_t workers_max);
    ~DiskPool() override;

    FileSystem& files() { return files_; }
    DiskLane new_lane(LaneUse use);
    void submit(ShardId origin, DiskLane lane, std::unique_ptr<DiskJob> job);
    Status sync_all(std::span<File* const> files) override;
    // Lets running jobs end, drops the waiting ones, joins the workers.
    void stop();

private:
    struct Work {
        ShardId origin;
        DiskLane lane;
        std::unique_ptr<DiskJob> job;
    };
    // What a worker may take, first in first out, and how many of its jobs may run at once.
    struct Queue {
        std::size_t runnable() const { return std::min(ready.size(), running_max - running); }
        std::deque<Work> ready;  // of a lane only the first job
        std::size_t running = 0;
        std::size_t running_max = 0;
    };
    enum QueueKind : std::uint8_t { ordered, unordered, bulk, k_queues };
    // Jobs that wait for the one of their lane that is running or ready.
    struct Lane {
        QueueKind queue = ordered;
        bool busy = false;
        std::deque<Work> waiting;
    };
    class SyncBatch;
    struct SyncHelp {
        Ref<SyncBatch> batch;
    };

    std::size_t runnable() const;  // work that a worker may take now
    void enqueue(std::unique_lock<std::mutex>& lock, Work work);
    void wake_worker(std::unique_lock<std::mutex>& lock);
    void work();
    Queue& next_queue();  // the first that has something for a worker
    void run_job(Work work);
    void release_lane(DiskLane lane);

    Shards& shards_;
    const std::size_t workers_max_;
    KernelFiles files_{*this};

    std::mutex mutex_;  // guards all below
    std::condition_variable work_ready_;
    bool stopping_ = false;
    std::size_t idle_workers_ = 0;
    std::array<Queue, k_queues> queues_;  // by kind, most urgent first
    std::deque<SyncHelp> help_wanted_;
    std::deque<Lane> lanes_;  // by number; lane 0 is never busy
    std::vector<std::thread> workers_;
};

// The Disk port of one shard.
class ShardDisk final : public Disk {
public:
    ShardDisk(DiskPool& pool, ShardId shard) : pool_(pool), shard_(shard) {}
    DiskLane new_lane(LaneUse use) override { return pool_.new_lane(use); }
    void submit(DiskLane lane, std::unique_ptr<DiskJob> job) override {
        pool_.submit(shard_, lane, std::move(job));
    }

private:
    DiskPool& pool_;
    const ShardId shard_;
};

}  // namespace gregor::io
