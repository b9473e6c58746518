// Keeps reads of what is not in memory out of the way of fsyncs: a disk answers an fsync behind all reads
// that it was given before, and the kernel's read-ahead gives it megabytes at a time. Who waits for an fsync
// is a producer; who reads what is cold has waited anyway.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <limits>
#include <mutex>

namespace gregor::io {

// One per process, for all its disks. Safe on any thread.
class ReadGate {
public:
    // Lives as long as an fsync is under way.
    class Sync {
    public:
        explicit Sync(ReadGate& gate) : gate_(gate) { gate_.sync_begins(); }
        ~Sync() { gate_.sync_ends(); }
        Sync(const Sync&) = delete;
        Sync& operator=(const Sync&) = delete;

    private:
        ReadGate& gate_;
    };

    // Somebody waits for an fsync, or did within the last second: reads are to be small, each in its turn.
    bool is_contended() const;
    // Blocks until no other has a turn and no fsync is under way, for the latter 5 ms at most, so that fsyncs
    // without a gap between them cannot starve a reader. The turn ends with what is returned.
    std::unique_lock<std::mutex> wait_for_turn();

private:
    using Clock = std::chrono::steady_clock;
    void sync_begins();
    void sync_ends();

    std::mutex turn_;  // held by the reader whose turn it is
    std::mutex mutex_;
    std::condition_variable no_sync_;
    int syncs_ = 0;  // under way; guarded by mutex_
    std::atomic<Clock::rep> contended_until_{std::numeric_limits<Clock::rep>::min()};
};

}  // namespace gregor::io
