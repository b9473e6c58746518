// The kernel behind the ports: loops, threads and workers of one process. cli/main and bench make one.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "io/ports.h"

namespace gregor::io {

struct RuntimeOptions {
    std::uint32_t shards = 1;
    std::size_t disk_workers_max = 12;
};

// The CPUs that this process may use: the usual number of shards.
std::uint32_t usable_cpus();

// The memory that this process may use: of the machine, or of the control groups that it is in.
std::uint64_t usable_memory();

// Lets the heap keep the large blocks of frames and reads: by default each is given back to the kernel when
// it is freed and faulted in anew, page by page, by the next. For the whole process; before any thread
// exists.
void tune_allocator(std::uint32_t shards);

// Use: construct; build the node on ports(), whose executors may be posted to already; run(); destroy the
// node; destroy the runtime. Ignores SIGPIPE for the whole process.
class AsioRuntime {
public:
    explicit AsioRuntime(RuntimeOptions options = {});
    ~AsioRuntime();
    AsioRuntime(const AsioRuntime&) = delete;
    AsioRuntime& operator=(const AsioRuntime&) = delete;

    std::uint32_t shard_count() const;
    ShardPorts& ports(ShardId shard);
    FileSystem& files();  // any thread; blocking

    // Calls `hook` on shard 0 at every SIGINT and SIGTERM. Before run().
    void on_stop_signal(std::move_only_function<void(int signal)> hook);

    // Serves until stop(): shard 0 on this thread, the others on their own. When it returns nothing runs any
    // more, and what still waited (tasks, timers, disk jobs) has been dropped, uncalled.
    void run();
    void stop();  // any thread

    // Instead of run(), for tools that block, with one shard: waits for an event and handles it. False when
    // none came in that time.
    bool run_one(Duration patience);

private:
    class Impl;
    const std::unique_ptr<Impl> impl_;
};

}  // namespace gregor::io
