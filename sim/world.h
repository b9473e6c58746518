// The simulated world: one queue of events ordered by (time, tie breaker), one clock that jumps from event to
// event, one seed. Everything that happens is an event here, on one thread, and is mixed into a trace hash:
// equal seeds give equal hashes, or something reads what it must not (a real clock, an address, an unordered
// table).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fault.h"
#include "base/prng.h"
#include "base/time.h"
#include "io/ports.h"

namespace gregor::sim {

class Machine;
class Net;

// One life of one machine. Events belong to a process and die with it; incarnation 0 is the world itself.
struct ProcessId {
    std::uint32_t machine = 0;
    std::uint32_t incarnation = 0;
    friend constexpr auto operator<=>(ProcessId, ProcessId) = default;
};
inline constexpr ProcessId k_world_process{};

struct EventId {
    std::uint32_t slot = 0xffff'ffffU;  // none
    std::uint32_t generation = 0;
};

struct WorldOptions {
    std::uint64_t seed = 0;
    std::string planted{};  // the planted bug to switch on; empty = none
    bool verbose = false;   // print every fault as it happens
};

// Looked at after every event; what it finds wrong it reports with World::fail.
class Checker {
public:
    virtual ~Checker() = default;
    virtual void after_event(Instant now) = 0;
};

class World final : public FaultObserver {
public:
    explicit World(WorldOptions options);
    ~World() override;
    World(const World&) = delete;
    World& operator=(const World&) = delete;

    const WorldOptions& options() const { return options_; }
    Instant now() const { return now_; }
    std::int64_t wall_clock_ms() const;
    Prng split() { return prng_.split(); }
    Net& net() { return *net_; }

    // Runs `task` at `when` (now, if that is past). `kind` names the event in the trace.
    EventId schedule(Instant when, ProcessId owner, const char* kind, io::Task task);
    void cancel(EventId event);

    Machine& add_machine(std::unique_ptr<Machine> machine);
    Machine* find_machine(std::string_view host);
    Machine& machine(std::uint32_t number) { return *machines_.at(number - 1); }  // numbered from 1
    std::uint32_t machine_count() const { return static_cast<std::uint32_t>(machines_.size()); }
    bool is_alive(ProcessId process) const;
    // Whose event is running.
    ProcessId current_process() const { return current_; }
    void add_checker(Checker& checker) { checkers_.push_back(&checker); }

    // One event; false when none is left or a checker failed.
    bool step();
    void run_until(Instant when);
    std::uint64_t events() const { return events_; }

    // The trace: what happened, in numbers.
    void note(std::string_view what, std::uint64_t a = 0, std::uint64_t b = 0);
    void note_bytes(Bytes bytes);
    std::uint64_t trace_hash() const { return hash_; }
    // A line for whoever watches with `verbose`.
    void tell(std::string_view line) const;

    // The first failure wins and stops the run.
    void fail(std::string what);
    const std::optional<std::string>& failure() const { return failure_; }

    void on_mark(const FaultSite& site) override;
    bool is_planted(const FaultSite& site) override;
    // Hits of each mark that was passed at least once.
    const std::map<std::string_view, std::uint64_t>& hits() const { return hits_; }
    // At the `nth` next pass of `site` by a process of `machine`, that machine crashes.
    void arm_fault_point(std::string_view site, std::uint32_t machine, std::uint64_t nth, bool power_cut);

private:
    friend class Machine;
    struct Slot {
        io::Task task;
        ProcessId owner;
        const char* kind = nullptr;
        std::uint32_t generation = 0;
    };
    struct Entry {
        Instant when;
        std::uint64_t tie = 0;
        EventId event;
        friend bool operator<(const Entry& a, const Entry& b) {
            return std::pair(a.when, a.tie) > std::pair(b.when, b.tie);  // the heap's top is the earliest
        }
    };
    struct Armed {
        std::string site;
        std::uint32_t machine = 0;
        std::uint64_t passes_left = 0;
        bool power_cut = false;
    };

    io::Task take(EventId event);
    void free_slot(std::uint32_t number);
    bool has_next();
    void run(ProcessId owner, io::Task task);
    void reap();
    void drop_events_of_the_dead();

    WorldOptions options_;
    Prng prng_;
    Instant now_;
    std::vector<Slot> slots_;
    std::vector<std::uint32_t> free_slots_;
    std::vector<Entry> heap_;
    std::unique_ptr<Net> net_;
    std::vector<std::unique_ptr<Machine>> machines_;
    std::vector<Checker*> checkers_;
    std::vector<Armed> armed_;
    ProcessId current_;
    bool ended_ = false;
    std::uint64_t events_ = 0;
    std::uint64_t hash_ = 0;
    std::optional<std::string> failure_;
    std::map<std::string_view, std::uint64_t> hits_;
    std::optional<FaultScope> scope_;
};

}  // namespace gregor::sim
