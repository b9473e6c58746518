// The worker threads that do blocking file work, for all shards of a process.
#pragma once

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

// Workers start when there is work that no idle one can take, up to a limit, and stay. Jobs of a lane, such
// as what producers wait for, go first, and those without one may occupy a third of the workers: however many
// read old records, a write finds a worker. An idle worker sleeps without a timeout. Everything here is safe
// on any thread; stop() is called once, by the owner.
class DiskPool final : public ParallelSync {
public:
    // Completions go back through `shards`, to the shard that submitted.
    DiskPool(Shards& shards, std::size_t workers_max);
    ~DiskPool() override;

    FileSystem& files() { return files_; }
    DiskLane new_lane();
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
    // Jobs that wait for the one of their lane that is running or ready.
    struct Lane {
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
    Work take_work();
    void work();
    void run_job(Work work);
    void release_lane(DiskLane lane);

    Shards& shards_;
    const std::size_t workers_max_;
    const std::size_t unordered_max_;
    KernelFiles files_{*this};

    std::mutex mutex_;  // guards all below
    std::condition_variable work_ready_;
    bool stopping_ = false;
    std::size_t idle_workers_ = 0;
    std::deque<Work> ordered_;    // of lanes, each the first of its own
    std::deque<Work> unordered_;  // of lane 0
    std::size_t unordered_running_ = 0;
    std::deque<SyncHelp> help_wanted_;
    std::deque<Lane> lanes_;  // by number; lane 0 is never busy
    std::vector<std::thread> workers_;
};

// The Disk port of one shard.
class ShardDisk final : public Disk {
public:
    ShardDisk(DiskPool& pool, ShardId shard) : pool_(pool), shard_(shard) {}
    DiskLane new_lane() override { return pool_.new_lane(); }
    void submit(DiskLane lane, std::unique_ptr<DiskJob> job) override {
        pool_.submit(shard_, lane, std::move(job));
    }

private:
    DiskPool& pool_;
    const ShardId shard_;
};

}  // namespace gregor::io
