#include "io/asio/runtime.h"

#include <malloc.h>
#include <sched.h>
#include <sys/resource.h>

#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <functional>
#include <thread>

#include "base/assert.h"
#include "base/completion.h"
#include "io/asio/disk_pool.h"
#include "io/asio/loop.h"
#include "io/asio/machine.h"
#include "io/asio/network.h"

namespace gregor::io {
namespace {

// What one shard has of its own, and the ports that show it.
struct AsioShard {
    AsioShard(ShardId id, const MachineClock& clock, DiskPool& pool, AcceptSpreader& spreader, Shards& shards,
              MachineClock& clock_port)
        : loop(clock),
          disk(pool, id),
          network(id, loop, pool, spreader),
          ports{id, clock_port, random, loop, shards, disk, network} {}

    MachineRandom random;
    Loop loop;
    ShardDisk disk;
    KernelNetwork network;
    ShardPorts ports;
};

// The soft limit is often a thousand, for programs that still use select().
void raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

class AsioRuntime::Impl final : public Shards, public AcceptSpreader {
public:
    explicit Impl(RuntimeOptions options) : pool_(*this, options.disk_workers_max) {
        ASSERT(options.shards > 0);
        std::signal(SIGPIPE, SIG_IGN);  // sendfile has no flag for it
        raise_descriptor_limit();
        for (std::uint32_t i = 0; i < options.shards; ++i) {
            shards_.push_back(std::make_unique<AsioShard>(ShardId{i}, clock_, pool_, *this, *this, clock_));
        }
    }
    ~Impl() override { wind_up(); }

    std::uint32_t count() const override { return static_cast<std::uint32_t>(shards_.size()); }
    void submit(ShardId to, Task task) override { shard(to).loop.deliver(std::move(task)); }

    // On shard 0, where all listeners are.
    void hand_over(std::uint32_t listener, UniqueFd socket, Endpoint peer) override {
        auto& target = shard(ShardId{next_accept_++ % count()});
        target.loop.deliver([&target, listener, fd = std::move(socket), from = std::move(peer)]() mutable {
            target.network.take_accepted(listener, std::move(fd), std::move(from));
        });
    }

    AsioShard& shard(ShardId id) {
        ASSERT(id.value() < shards_.size());
        return *shards_[id.value()];
    }
    DiskPool& pool() { return pool_; }

    void on_stop_signal(std::move_only_function<void(int)> hook) {
        hook_ = std::move(hook);
        signals_ =
            std::make_unique<boost::asio::signal_set>(shard(ShardId{0}).loop.context(), SIGINT, SIGTERM);
        wait_for_signal();
    }

    void run() {
        std::vector<std::thread> threads;
        for (std::uint32_t i = 1; i < count(); ++i) {
            threads.emplace_back([&loop = shards_[i]->loop] { loop.run(); });
        }
        shards_.front()->loop.run();
        for (auto& thread : threads) thread.join();
        wind_up();
    }

    void stop() {
        for (const auto& shard : shards_) shard->loop.stop();
    }

private:
    void wait_for_signal() {
        signals_->async_wait([this](const boost::system::error_code& error, int signal) {
            if (error) return;
            hook_(signal);
            wait_for_signal();
        });
    }

    // Nothing runs on the loops any more. What waits is dropped while those whom it names are still alive.
    void wind_up() {
        const AbandonScope dropping;
        pool_.stop();
        for (const auto& shard : shards_) shard->loop.discard_pending();
    }

    MachineClock clock_;
    std::vector<std::unique_ptr<AsioShard>> shards_;
    DiskPool pool_;
    std::unique_ptr<boost::asio::signal_set> signals_;
    std::move_only_function<void(int)> hook_;
    std::uint32_t next_accept_ = 0;
};

std::uint32_t usable_cpus() {
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    if (::sched_getaffinity(0, sizeof(cpus), &cpus) != 0) return 1;
    return static_cast<std::uint32_t>(CPU_COUNT(&cpus));
}

void tune_allocator(std::uint32_t shards) {
    constexpr int k_kept_bytes = 8 << 20;  // at the end of each arena
    ::mallopt(M_MMAP_THRESHOLD, k_kept_bytes);
    ::mallopt(M_TRIM_THRESHOLD, k_kept_bytes);
    // The disk workers share an arena: one each would keep as many blocks as there are workers.
    ::mallopt(M_ARENA_MAX, static_cast<int>(shards) + 1);
}

AsioRuntime::AsioRuntime(RuntimeOptions options) : impl_(std::make_unique<Impl>(options)) {}
AsioRuntime::~AsioRuntime() = default;

std::uint32_t AsioRuntime::shard_count() const { return impl_->count(); }
ShardPorts& AsioRuntime::ports(ShardId shard) { return impl_->shard(shard).ports; }
FileSystem& AsioRuntime::files() { return impl_->pool().files(); }
void AsioRuntime::on_stop_signal(std::move_only_function<void(int)> hook) {
    impl_->on_stop_signal(std::move(hook));
}
void AsioRuntime::run() { impl_->run(); }
void AsioRuntime::stop() { impl_->stop(); }
bool AsioRuntime::run_one(Duration patience) { return impl_->shard(ShardId{0}).loop.run_one(patience); }

}  // namespace gregor::io
