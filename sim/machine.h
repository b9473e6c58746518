// One simulated computer: a host name, a disk that outlives crashes, and at most one running process with its
// shards. A client is a machine like any other, so it can be killed like one.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "io/ports.h"
#include "sim/disk.h"
#include "sim/world.h"

namespace gregor::sim {

class ShardFake;

// What runs on a machine. Built by its Boot at the start of every incarnation; destroyed without warning by a
// crash.
class Program {
public:
    virtual ~Program() = default;
    virtual void check_invariants() const {}  // after every event of its process
    // Asks for an orderly end, which Machine::exit() completes; false when there is no such thing.
    virtual bool stop() { return false; }
};

using Boot = std::function<std::unique_ptr<Program>(Machine&)>;

enum class CrashKind : std::uint8_t {
    kill,      // the process dies: everything written survives, peers see a reset
    power_cut  // the machine dies: only what was synced survives for sure, peers see silence
};

struct MachineOptions {
    std::string host{};
    std::uint32_t shards = 1;
    DiskOptions disk{};
};

class Machine {
public:
    Machine(World& world, MachineOptions options, Boot boot);
    ~Machine();

    World& world() { return world_; }
    const std::string& host() const { return options_.host; }
    std::uint32_t number() const { return number_; }
    ProcessId process() const { return {number_, incarnation_}; }
    bool is_running() const { return running_ && !frozen_; }
    std::uint32_t boots() const { return incarnation_; }
    bool has_exited() const { return exited_; }  // in order, and does not run again yet
    CrashKind last_crash() const { return crash_kind_; }
    std::uint32_t shard_count() const { return options_.shards; }

    void start();
    // Freezes every effect of the process at once; the rest follows when the running event is over.
    void crash(CrashKind kind);
    void restart_after(Duration pause);
    // Asks the program to end; nothing happens when it cannot.
    void ask_to_stop();
    // The process ends by itself, orderly: destroyed without tolerance for unanswered completions.
    void exit();

    SimDisk& disk() { return disk_; }
    io::FileSystem& files();
    std::vector<io::ShardPorts> ports();  // of the running process
    Program* program() { return program_.get(); }
    void set_wall_clock_skew(Duration skew) { wall_clock_skew_ = skew; }
    Duration wall_clock_skew() const { return wall_clock_skew_; }

private:
    friend class World;
    void attach(std::uint32_t number) { number_ = number; }
    bool wants_reaping() const { return frozen_ || exiting_; }
    void bury();  // called by the world between events
    void drop_program();

    World& world_;
    MachineOptions options_;
    Boot boot_;
    Prng prng_;
    SimDisk disk_;
    std::uint32_t number_ = 0;
    std::uint32_t incarnation_ = 0;
    bool running_ = false;
    bool frozen_ = false;
    bool exiting_ = false;
    bool exited_ = false;
    CrashKind crash_kind_ = CrashKind::kill;
    Duration wall_clock_skew_;
    std::vector<std::unique_ptr<ShardFake>> shards_;
    std::unique_ptr<io::FileSystem> files_;
    std::unique_ptr<Program> program_;
};

}  // namespace gregor::sim
