#include "sim/world.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "base/assert.h"
#include "base/completion.h"
#include "sim/machine.h"
#include "sim/net.h"

namespace gregor::sim {
namespace {

constexpr std::int64_t k_first_wall_clock_ms = 1'767'225'600'000;  // 2026-01-01T00:00:00Z

std::uint64_t mix(std::uint64_t hash, std::uint64_t value) {
    hash = (hash ^ value) * 0x9fb21c651e98df25U;
    return hash ^ (hash >> 32U);
}

}  // namespace

World::World(WorldOptions options)
    : options_(std::move(options)), prng_(options_.seed), net_(std::make_unique<Net>(*this)) {
    scope_.emplace(*this);
    now_ = Instant::from_nanos(Duration::seconds(1).to_nanos());
}

World::~World() {
    const AbandonScope the_world_ends;
    ended_ = true;  // what the dying tasks still schedule never happens
    for (auto& slot : slots_) slot.task = nullptr;
    for (auto& machine : machines_) machine->drop_program();
}

std::int64_t World::wall_clock_ms() const { return k_first_wall_clock_ms + now_.to_nanos() / 1'000'000; }

EventId World::schedule(Instant when, ProcessId owner, const char* kind, io::Task task) {
    if (ended_) return {};
    if (free_slots_.empty()) {
        free_slots_.push_back(static_cast<std::uint32_t>(slots_.size()));
        slots_.emplace_back();
    }
    const auto number = free_slots_.back();
    free_slots_.pop_back();
    auto& slot = slots_[number];
    slot.task = std::move(task);
    slot.owner = owner;
    slot.kind = kind;
    const EventId event{number, slot.generation};
    heap_.push_back({std::max(when, now_), prng_.next(), event});
    std::push_heap(heap_.begin(), heap_.end());
    return event;
}

void World::cancel(EventId event) {
    const auto dropped = take(event);
    (void)dropped;
}

// The task of a pending event, which is pending no more; null when it was not.
io::Task World::take(EventId event) {
    if (event.slot >= slots_.size()) return nullptr;
    auto& slot = slots_[event.slot];
    if (slot.generation != event.generation || slot.task == nullptr) return nullptr;
    auto task = std::exchange(slot.task, nullptr);
    free_slot(event.slot);
    return task;
}

void World::free_slot(std::uint32_t number) {
    ++slots_[number].generation;
    free_slots_.push_back(number);
}

Machine& World::add_machine(std::unique_ptr<Machine> machine) {
    machines_.push_back(std::move(machine));
    machines_.back()->attach(machine_count());
    return *machines_.back();
}

Machine* World::find_machine(std::string_view host) {
    for (auto& machine : machines_) {
        if (machine->host() == host) return machine.get();
    }
    return nullptr;
}

bool World::is_alive(ProcessId process) const {
    if (process == k_world_process) return true;
    const auto& machine = *machines_.at(process.machine - 1);
    return machine.process() == process && machine.is_running();
}

bool World::has_next() {
    while (!heap_.empty()) {
        const auto event = heap_.front().event;
        if (slots_[event.slot].generation == event.generation) return true;
        std::pop_heap(heap_.begin(), heap_.end());  // cancelled
        heap_.pop_back();
    }
    return false;
}

bool World::step() {
    if (failure_ || !has_next()) return false;
    std::pop_heap(heap_.begin(), heap_.end());
    const auto entry = heap_.back();
    heap_.pop_back();
    ASSERT(entry.when >= now_);
    now_ = entry.when;
    ++events_;
    const auto owner = slots_[entry.event.slot].owner;
    note(slots_[entry.event.slot].kind, static_cast<std::uint64_t>(now_.to_nanos()), owner.machine);
    run(owner, take(entry.event));
    reap();
    for (auto* checker : checkers_) checker->after_event(now_);
    return !failure_;
}

void World::run(ProcessId owner, io::Task task) {
    current_ = owner;
    task();
    task = nullptr;
    if (owner != k_world_process && is_alive(owner)) {
        if (const auto* program = machine(owner.machine).program(); program != nullptr) {
            program->check_invariants();
        }
    }
    current_ = k_world_process;
}

void World::run_until(Instant when) {
    while (!failure_ && has_next() && heap_.front().when <= when) step();
    if (!failure_) now_ = std::max(now_, when);
}

void World::reap() {
    for (auto& machine : machines_) {
        if (machine->wants_reaping()) machine->bury();
    }
}

void World::drop_events_of_the_dead() {
    for (std::uint32_t number = 0; number < slots_.size(); ++number) {
        if (slots_[number].task == nullptr || is_alive(slots_[number].owner)) continue;
        const auto dropped = std::exchange(slots_[number].task, nullptr);
        free_slot(number);
    }
}

void World::note(std::string_view what, std::uint64_t a, std::uint64_t b) {
    for (const char c : what) hash_ = mix(hash_, static_cast<unsigned char>(c));
    hash_ = mix(mix(hash_, a), b);
}

void World::note_bytes(Bytes bytes) {
    hash_ = mix(hash_, bytes.size());
    while (!bytes.empty()) {
        std::uint64_t word = 0;
        const auto size = std::min(bytes.size(), sizeof word);
        std::memcpy(&word, bytes.data(), size);
        hash_ = mix(hash_, word);
        bytes = bytes.subspan(size);
    }
}

void World::tell(std::string_view line) const {
    if (!options_.verbose) return;
    std::fprintf(stderr, "%12.6f %.*s\n", static_cast<double>(now_.to_nanos()) / 1e9,
                 static_cast<int>(line.size()), line.data());
}

void World::fail(std::string what) {
    if (failure_) return;
    tell("FAILED: " + what);
    failure_ = std::move(what);
}

void World::on_mark(const FaultSite& site) {
    ++hits_[site.name()];
    note(site.name());
    for (auto& armed : armed_) {
        if (armed.site != site.name() || armed.machine != current_.machine || armed.passes_left == 0)
            continue;
        if (--armed.passes_left > 0 || !is_alive(current_)) continue;
        tell("crash at fault point " + armed.site);
        machine(armed.machine).crash(armed.power_cut ? CrashKind::power_cut : CrashKind::kill);
    }
    std::erase_if(armed_, [](const Armed& armed) { return armed.passes_left == 0; });
}

bool World::is_planted(const FaultSite& site) {
    if (site.name() != options_.planted) return false;
    ++hits_[site.name()];
    return true;
}

void World::arm_fault_point(std::string_view site, std::uint32_t machine, std::uint64_t nth, bool power_cut) {
    armed_.push_back({std::string(site), machine, nth, power_cut});
}

}  // namespace gregor::sim
