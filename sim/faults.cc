#include "sim/faults.h"

#include <algorithm>
#include <set>

#include "sim/net.h"

namespace gregor::sim {
namespace {

std::vector<std::string> all_fault_points() {
    std::set<std::string> names;  // sorted: the order of registration is the linker's
    for (const auto* site = FaultSite::first(); site != nullptr; site = site->next()) {
        if (site->mark() == FaultMark::fault_point) names.emplace(site->name());
    }
    return {names.begin(), names.end()};
}

// A write or an fsync fails: what the disk holds is in doubt from then on. Somebody restarts the machine.
void break_disk(World& world, Machine& server, Prng& prng) {
    world.tell("a failing disk " + server.host());
    if (prng.chance(1, 2))
        server.disk().fail_next_syncs(1);
    else
        server.disk().fail_next_writes(1);
    const auto when = world.now() + Duration::millis(prng.between(200, 3'000));
    const auto kind = prng.chance(1, 2) ? CrashKind::kill : CrashKind::power_cut;
    world.schedule(when, k_world_process, "repair", [&server, kind] { server.crash(kind); });
}

}  // namespace

bool is_of_a_failing_disk(const Error& why) {
    return why.detail.find("input/output error") != std::string::npos;
}

Faults::Faults(World& world, std::vector<Machine*> servers, std::vector<Machine*> clients,
               FaultOptions options)
    : world_(world),
      prng_(world.split()),
      options_(options),
      servers_(std::move(servers)),
      clients_(std::move(clients)),
      fault_points_(all_fault_points()) {
    for (auto* machine : servers_) watched_.push_back({machine, true});
    for (auto* machine : clients_) watched_.push_back({machine, false});
    world_.add_checker(*this);
    schedule();
}

std::uint64_t Faults::count() const {
    std::uint64_t total = 0;
    for (const auto& [kind, times] : counts_) total += times;
    return total;
}

void Faults::count(const std::string& kind) { ++counts_[kind]; }

void Faults::schedule() {
    const auto pause =
        Duration::nanos(prng_.between(options_.pause_min.to_nanos(), options_.pause_max.to_nanos()));
    world_.schedule(world_.now() + pause, k_world_process, "fault", [this] {
        if (!on_) return;
        strike();
        schedule();
    });
}

void Faults::strike() {
    const auto dice = prng_.below(10);
    auto& server = *servers_[prng_.below(servers_.size())];
    if (dice < 6 || clients_.empty()) return strike_server(server);
    if (dice < 8) return strike_network();
    auto& client = *clients_[prng_.below(clients_.size())];
    if (client.is_running()) client.crash(CrashKind::kill);
}

void Faults::strike_server(Machine& server) {
    if (!server.is_running()) return;
    if (options_.rooms_lack && prng_.chance(1, 4)) return strike_room(server);
    const auto kind = prng_.chance(1, 3) ? CrashKind::kill : CrashKind::power_cut;
    switch (prng_.below(options_.disks_fail ? 7 : 6)) {
        case 0: return server.crash(kind);
        case 4: return server.ask_to_stop();
        case 1: return server.disk().crash_after_calls(1 + prng_.below(prng_.chance(1, 2) ? 20 : 300), kind);
        case 2:
        case 3: return arm_fault_point(server);
        case 6: count("failing disk"); return break_disk(world_, server, prng_);
        default:
            world_.tell("slow disk " + server.host());
            count("slow disk");
            server.disk().slow_down(prng_.between(5, 40),
                                    world_.now() + Duration::millis(prng_.between(100, 3'000)));
    }
}

void Faults::strike_room(Machine& server) {
    if (prng_.chance(1, 3)) {
        world_.tell("no file handles on " + server.host());
        count("no file handles");
        return server.disk().fail_next_opens(static_cast<std::uint32_t>(prng_.between(1, 6)));
    }
    world_.tell("the disk of " + server.host() + " is full");
    count("full disk");
    server.disk().fill_up(prng_.between(0, 20'000),
                          world_.now() + Duration::millis(prng_.between(100, 3'000)));
}

void Faults::arm_fault_point(Machine& server) {
    if (fault_points_.empty()) return server.crash(CrashKind::power_cut);
    const auto& site = fault_points_[prng_.below(fault_points_.size())];
    world_.arm_fault_point(site, server.number(), 1 + prng_.below(4), prng_.chance(2, 3));
}

void Faults::strike_network() {
    auto& net = world_.net();
    const auto connections = net.connection_count();
    if (connections == 0) return;
    const auto number = prng_.below(connections);
    if (prng_.chance(1, 2)) {
        world_.tell("a connection breaks");
        count("dropped connection");
        return net.break_connection(number);
    }
    world_.tell("a connection stalls");
    count("delayed connection");
    net.stall_connection(number, world_.now() + Duration::millis(prng_.between(50, 2'000)));
}

std::string Faults::name_of_end(const Watched& watched) {
    if (!watched.is_server) return "client killed";
    if (watched.machine->has_exited()) return "orderly restart";
    return watched.machine->last_crash() == CrashKind::power_cut ? "power cut" : "server killed";
}

void Faults::after_event(Instant) {
    for (auto& watched : watched_) {
        if (watched.machine->is_running()) {
            watched.was_running = true;
            watched.restarting = false;
            continue;
        }
        if (!std::exchange(watched.was_running, false) || watched.restarting) continue;
        watched.restarting = true;
        count(name_of_end(watched));
        const auto longest = prng_.chance(1, 4) ? options_.downtime_max : Duration::millis(300);
        watched.machine->restart_after(Duration::nanos(prng_.between(1'000'000, longest.to_nanos())));
    }
}

}  // namespace gregor::sim
