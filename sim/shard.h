// The ports of one shard of one simulated process. All of it dies with the process.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <vector>

#include "base/prng.h"
#include "io/ports.h"
#include "sim/world.h"

namespace gregor::sim {

class Machine;
class ShardFake;

// Tasks run in order of posting, a turn at a time, a few microseconds after the turn before. Timers run in
// order of their times, late by up to a millisecond, never early.
class SimExecutor final : public io::Executor {
public:
    SimExecutor(World& world, ProcessId process, Prng prng) : world_(world), process_(process), prng_(prng) {}
    void post(io::Task task) override;
    io::TimerId call_at(Instant when, io::Task task) override;
    void cancel(io::TimerId timer) override;
    void drop_tasks();

private:
    using TimerKey = std::pair<Instant, std::uint64_t>;
    void run_turn();
    void schedule_timers();
    void run_timers();
    World& world_;
    ProcessId process_;
    Prng prng_;
    std::deque<io::Task> queue_;
    bool turn_scheduled_ = false;
    std::map<TimerKey, io::Task> timers_;
    std::map<std::uint64_t, Instant> timer_times_;
    std::uint64_t last_timer_ = 0;
    Instant timers_due_ = Instant::never();  // when the scheduled event looks at them
    EventId timers_event_{};
};

class SimClock final : public io::Clock {
public:
    explicit SimClock(Machine& machine) : machine_(machine) {}
    Instant now() const override;
    std::int64_t wall_clock_ms() const override;

private:
    Machine& machine_;
};

class SimRandom final : public io::Random {
public:
    explicit SimRandom(Prng prng) : prng_(prng) {}
    std::uint64_t next() override { return prng_.next(); }

private:
    Prng prng_;
};

// The mailbox: a queue per pair of shards, each with its own delays.
class SimShards final : public io::Shards {
public:
    SimShards(World& world, Machine& machine, Prng prng) : world_(world), machine_(machine), prng_(prng) {}
    std::uint32_t count() const override;
    void submit(ShardId to, io::Task task) override;
    void drop_tasks() { mail_.clear(); }

private:
    void deliver(ShardId to);
    World& world_;
    Machine& machine_;
    Prng prng_;
    std::map<ShardId, std::deque<io::Task>> mail_;
};

// Jobs on the machine's disk. A job's calls happen at one instant; the time they cost passes before its
// completion. Jobs of a lane wait for one another.
class SimDiskQueue final : public io::Disk {
public:
    SimDiskQueue(World& world, Machine& machine, Prng prng) : world_(world), machine_(machine), prng_(prng) {}
    io::DiskLane new_lane(io::LaneUse) override { return {++last_lane_}; }
    void submit(io::DiskLane lane, std::unique_ptr<io::DiskJob> job) override;
    void drop_tasks() { lanes_.clear(); }

private:
    void start(std::uint32_t lane, std::unique_ptr<io::DiskJob> job);
    void run(std::uint32_t lane, std::unique_ptr<io::DiskJob> job);
    void complete(std::uint32_t lane, std::unique_ptr<io::DiskJob> job);
    struct Lane {
        std::deque<std::unique_ptr<io::DiskJob>> waiting;
        bool busy = false;
    };
    World& world_;
    Machine& machine_;
    Prng prng_;
    std::uint32_t last_lane_ = 0;
    std::map<std::uint32_t, Lane> lanes_;
};

class ShardFake {
public:
    ShardFake(Machine& machine, ShardId shard, Prng prng);
    io::ShardPorts ports();
    void drop_tasks();  // of a dead process, before its program goes

private:
    ShardId shard_;
    SimClock clock_;
    SimRandom random_;
    SimExecutor executor_;
    SimShards shards_;
    SimDiskQueue disk_;
    std::unique_ptr<io::Network> network_;
};

}  // namespace gregor::sim
