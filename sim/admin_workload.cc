#include "sim/admin_workload.h"

#include <fmt/format.h>

#include <memory>

#include "sim/faults.h"
#include "sim/ledger.h"
#include "sim/metadata_history.h"
#include "sim/metadata_server.h"
#include "sim/node_program.h"

namespace gregor::sim {
namespace {

// Enough for many lives and snapshots; a seed shall cost little.
constexpr std::uint64_t k_decisions_min = 400;
constexpr std::uint64_t k_starts_min = 8;

class AdminScenario {
public:
    AdminScenario(const WorldOptions& options, const RunGoals& goals)
        : world_(options), history_(world_), ledger_(world_), goals_(goals), start_(world_.now()) {}

    RunReport run();

private:
    void build();
    std::unique_ptr<Program> boot(Machine& machine, std::uint64_t settings_seed);
    bool reached_goals() const;

    World world_;
    MetadataHistory history_;
    Ledger ledger_;  // nobody produces
    RunGoals goals_;
    Instant start_;
    std::unique_ptr<Faults> faults_;
};

std::unique_ptr<Program> AdminScenario::boot(Machine& machine, std::uint64_t settings_seed) {
    Prng prng(settings_seed);
    auto config = simulated_controller_config(machine.host(), prng);
    if (config) return std::make_unique<MetadataServer>(machine, history_, std::move(*config));
    world_.fail("the settings of the controller are wrong: " + config.error().detail);
    return nullptr;
}

void AdminScenario::build() {
    const auto settings_seed = world_.split().next();
    auto& server = world_.add_machine(std::make_unique<Machine>(
        world_, MachineOptions{.host = "controller"},
        [this, settings_seed](Machine& machine) { return boot(machine, settings_seed); }));
    server.start();
    faults_ = std::make_unique<Faults>(world_, std::vector{&server}, std::vector<Machine*>{},
                                       FaultOptions{.pause_min = Duration::millis(50),
                                                    .pause_max = Duration::millis(1'500),
                                                    .downtime_max = Duration::millis(100)});
}

bool AdminScenario::reached_goals() const {
    return history_.decisions_told() >= k_decisions_min && history_.starts() >= k_starts_min &&
           faults_->count() >= goals_.faults;
}

RunReport AdminScenario::run() {
    build();
    while (!world_.failure() && !reached_goals() && world_.now() - start_ < goals_.gives_up_after)
        world_.run_until(world_.now() + Duration::millis(100));
    if (!reached_goals())
        world_.fail(fmt::format("after {} s only {} decisions were told, in {} lives",
                                (world_.now() - start_).to_millis() / 1'000, history_.decisions_told(),
                                history_.starts()));
    auto report = make_report(world_, *faults_, ledger_, start_);
    report.commits = history_.decisions_told();
    return report;
}

}  // namespace

RunReport run_admin_workload(const WorldOptions& options, const RunGoals& goals) {
    return AdminScenario(options, goals).run();
}

}  // namespace gregor::sim
