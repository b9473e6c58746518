#include "sim/machine.h"

#include "base/assert.h"
#include "base/completion.h"
#include "sim/net.h"
#include "sim/shard.h"

namespace gregor::sim {

Machine::Machine(World& world, MachineOptions options, Boot boot)
    : world_(world),
      options_(std::move(options)),
      boot_(std::move(boot)),
      prng_(world.split()),
      disk_(world, prng_.split(), options_.disk) {}

Machine::~Machine() { ASSERT(program_ == nullptr); }

void Machine::start() {
    ASSERT(!running_);
    ++incarnation_;
    running_ = true;
    exited_ = false;
    world_.tell("start " + host());
    for (std::uint32_t shard = 0; shard < options_.shards; ++shard) {
        shards_.push_back(std::make_unique<ShardFake>(*this, ShardId{shard}, prng_.split()));
    }
    files_ = disk_.open_for(process());
    world_.schedule(world_.now(), process(), "boot", [this] { program_ = boot_(*this); });
}

void Machine::crash(CrashKind kind) {
    if (!is_running()) return;
    frozen_ = true;
    crash_kind_ = kind;
    world_.tell((kind == CrashKind::kill ? "kill " : "power cut ") + host());
    world_.note("crash", number_, static_cast<std::uint64_t>(kind));
    // From outside any event nobody else would do it.
    world_.schedule(world_.now(), k_world_process, "bury", [] {});
}

void Machine::ask_to_stop() {
    world_.tell("stop " + host());
    world_.schedule(world_.now(), process(), "stop", [this] {
        if (program_ != nullptr) program_->stop();
    });
}

void Machine::exit() {
    if (!is_running()) return;
    exiting_ = true;
    exited_ = true;
    world_.schedule(world_.now(), k_world_process, "bury", [] {});
}

void Machine::restart_after(Duration pause) {
    world_.schedule(world_.now() + pause, k_world_process, "restart", [this] {
        if (!running_) start();
    });
}

io::FileSystem& Machine::files() {
    ASSERT(files_ != nullptr);
    return *files_;
}

std::vector<io::ShardPorts> Machine::ports() {
    std::vector<io::ShardPorts> ports;
    for (auto& shard : shards_) ports.push_back(shard->ports());
    return ports;
}

void Machine::bury() {
    std::optional<AbandonScope> it_crashed;  // an orderly exit has answered everything
    if (frozen_) it_crashed.emplace();
    world_.net().process_died(process(), frozen_ ? crash_kind_ : CrashKind::kill);
    running_ = false;
    world_.drop_events_of_the_dead();
    drop_program();
    if (frozen_ && crash_kind_ == CrashKind::power_cut) disk_.power_cut();
    disk_.release_locks();
    frozen_ = exiting_ = false;
}

void Machine::drop_program() {
    for (auto& shard : shards_) shard->drop_tasks();
    program_ = nullptr;
    shards_.clear();
    files_ = nullptr;
}

}  // namespace gregor::sim
