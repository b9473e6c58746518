#include "io/asio/disk_pool.h"

#include <algorithm>

#include "base/assert.h"

namespace gregor::io {

// Files that several workers sync together: each takes the next one. The caller takes part, so the batch ends
// even when no worker is free to help; a helper that comes late finds nothing left.
class DiskPool::SyncBatch final : public RefCounted {
public:
    explicit SyncBatch(std::span<File* const> files) : files_(files.begin(), files.end()) {}

    void help() {
        std::unique_lock lock(mutex_);
        while (next_ < files_.size()) {
            auto* file = files_[next_++];
            lock.unlock();
            auto outcome = file->sync_data();
            lock.lock();
            if (!outcome && first_error_) first_error_ = std::move(outcome);
            if (++done_ == files_.size()) all_done_.notify_all();
        }
    }
    Status wait() {
        std::unique_lock lock(mutex_);
        all_done_.wait(lock, [this] { return done_ == files_.size(); });
        return first_error_;
    }

private:
    const std::vector<File*> files_;
    std::mutex mutex_;  // guards all below
    std::condition_variable all_done_;
    std::size_t next_ = 0;
    std::size_t done_ = 0;
    Status first_error_;
};

DiskPool::DiskPool(Shards& shards, std::size_t workers_max) : shards_(shards), workers_max_(workers_max) {
    ASSERT(workers_max > 0);
    queues_[ordered].running_max = workers_max;
    queues_[unordered].running_max = queues_[bulk].running_max = std::max<std::size_t>(workers_max / 3, 1);
    lanes_.push_back({.queue = unordered});
}

DiskPool::~DiskPool() { ASSERT(workers_.empty()); }

DiskLane DiskPool::new_lane(LaneUse use) {
    const std::scoped_lock lock(mutex_);
    lanes_.push_back({.queue = use == LaneUse::bulk ? bulk : ordered});
    return DiskLane{static_cast<std::uint32_t>(lanes_.size() - 1)};
}

void DiskPool::submit(ShardId origin, DiskLane lane, std::unique_ptr<DiskJob> job) {
    ASSERT(job != nullptr);
    std::unique_lock lock(mutex_);
    ASSERT(lane.value < lanes_.size());
    auto& row = lanes_[lane.value];
    Work work{origin, lane, std::move(job)};
    if (row.busy) {
        row.waiting.push_back(std::move(work));
        return;
    }
    row.busy = lane.value != 0;
    enqueue(lock, std::move(work));
}

std::size_t DiskPool::runnable() const {
    auto count = help_wanted_.size();
    for (const auto& queue : queues_) count += queue.runnable();
    return count;
}

void DiskPool::enqueue(std::unique_lock<std::mutex>& lock, Work work) {
    auto& queue = queues_[lanes_[work.lane.value].queue];
    queue.ready.push_back(std::move(work));
    wake_worker(lock);
}

void DiskPool::wake_worker(std::unique_lock<std::mutex>& lock) {
    ASSERT(lock.owns_lock());
    if (runnable() > idle_workers_ && workers_.size() < workers_max_ && !stopping_) {
        workers_.emplace_back([this] { work(); });
    }
    work_ready_.notify_one();
}

Status DiskPool::sync_all(std::span<File* const> files) {
    if (files.empty()) return {};
    if (files.size() == 1) return files.front()->sync_data();
    const auto batch = make_ref<SyncBatch>(files);
    {
        std::unique_lock lock(mutex_);
        const auto helpers = std::min(files.size() - 1, workers_max_ - 1);
        for (std::size_t i = 0; i < helpers; ++i) {
            help_wanted_.push_back({batch});
            wake_worker(lock);
        }
    }
    batch->help();
    return batch->wait();
}

void DiskPool::work() {
    std::unique_lock lock(mutex_);
    for (;;) {
        ++idle_workers_;
        work_ready_.wait(lock, [this] { return stopping_ || runnable() > 0; });
        --idle_workers_;
        if (stopping_) return;
        if (!help_wanted_.empty()) {  // first: somebody stands still until it is done
            const auto help = std::move(help_wanted_.front());
            help_wanted_.pop_front();
            lock.unlock();
            help.batch->help();
            lock.lock();
        } else {
            auto& queue = next_queue();
            auto work = std::move(queue.ready.front());
            queue.ready.pop_front();
            ++queue.running;
            lock.unlock();
            run_job(std::move(work));
            lock.lock();
            --queue.running;
        }
    }
}

DiskPool::Queue& DiskPool::next_queue() {
    const auto next = std::ranges::find_if(queues_, [](const Queue& queue) { return queue.runnable() > 0; });
    ASSERT(next != queues_.end());
    return *next;
}

void DiskPool::run_job(Work work) {
    work.job->run(files_);
    // Completions of a lane keep their order: the next of its jobs cannot start before this one is handed
    // over.
    shards_.submit(work.origin, [job = std::move(work.job)] { job->complete(); });
    release_lane(work.lane);
}

void DiskPool::release_lane(DiskLane lane) {
    if (lane.value == 0) return;
    std::unique_lock lock(mutex_);
    auto& row = lanes_[lane.value];
    ASSERT(row.busy);
    row.busy = !row.waiting.empty();
    if (!row.busy) return;
    auto next = std::move(row.waiting.front());
    row.waiting.pop_front();
    enqueue(lock, std::move(next));
}

void DiskPool::stop() {
    std::vector<std::thread> workers;
    {
        const std::scoped_lock lock(mutex_);
        stopping_ = true;
        std::swap(workers, workers_);
    }
    work_ready_.notify_all();
    for (auto& worker : workers) worker.join();
    for (auto& queue : queues_) queue.ready.clear();
    for (auto& lane : lanes_) lane.waiting.clear();
}

}  // namespace gregor::io
