#include "sim/bank_workload.h"

#include <fmt/format.h>

#include <memory>
#include <vector>

#include "sim/admin.h"
#include "sim/bank.h"
#include "sim/committed_reader.h"
#include "sim/faults.h"
#include "sim/node_program.h"
#include "sim/producer.h"
#include "sim/stage.h"
#include "sim/teller.h"

namespace gregor::sim {
namespace {

constexpr std::uint64_t k_commits_min = 60;

// Builds a scenario from its seed and plays it.
class BankScenario {
public:
    BankScenario(const WorldOptions& options, const RunGoals& goals)
        : world_(options),
          stage_(world_),
          bank_(world_),
          goals_(goals),
          prng_(world_.split()),
          start_(world_.now()) {}

    RunReport run();

private:
    void build();
    void add_broker();
    void add_tellers();
    Machine& add_client(const std::string& host, Boot boot);
    bool reached_goals() const;
    void play();
    void wind_down();
    void audit();
    std::map<TopicPartition, Offset> ends_of_orders() const;
    bool is_settled() const;
    static bool has_read_everything(Machine& reader);

    World world_;
    Stage stage_;
    Bank bank_;
    RunGoals goals_;
    Prng prng_;
    Instant start_;
    Machine* broker_ = nullptr;
    Machine* clerk_ = nullptr;  // who writes the orders
    std::vector<Machine*> clients_;
    std::unique_ptr<Faults> faults_;
};

void BankScenario::build() {
    stage_.topics.push_back({"orders", static_cast<std::int32_t>(1 + prng_.below(3)), {}});
    stage_.topics.push_back({"accounts", static_cast<std::int32_t>(1 + prng_.below(3)), {}});
    stage_.broker = {"broker", 9'092};
    stage_.patience = Duration::seconds(10);
    add_broker();
    add_client("admin", [this](Machine& machine) { return std::make_unique<Admin>(machine, stage_); });
    ProducerOptions clerk;
    clerk.topic = k_orders;
    clerk.filling_max = 20;
    clerk.pause_max = Duration::millis(600);
    clerk_ = &add_client("clerk", [this, clerk](Machine& machine) {
        return std::make_unique<Producer>(machine, stage_, clerk);
    });
    clients_.push_back(clerk_);
    add_tellers();
    clients_.push_back(&add_client("reader", [this](Machine& machine) {
        return std::make_unique<CommittedReader>(machine, stage_, bank_);
    }));
    faults_ = std::make_unique<Faults>(world_, std::vector{broker_}, clients_, FaultOptions{});
}

void BankScenario::add_broker() {
    const auto shards = static_cast<std::uint32_t>(1 + prng_.below(3));
    const auto settings_seed = prng_.next();
    broker_ = &world_.add_machine(std::make_unique<Machine>(
        world_, MachineOptions{.host = "broker", .shards = shards},
        [this, settings_seed, shards](Machine& machine) -> std::unique_ptr<Program> {
            Prng prng(settings_seed);
            auto config = simulated_node_config(machine.host(), shards, prng);
            if (!config) {
                world_.fail("the settings of the broker are wrong: " + config.error().detail);
                return nullptr;
            }
            return std::make_unique<NodeProgram>(machine, std::move(*config));
        }));
    broker_->start();
}

void BankScenario::add_tellers() {
    for (std::int32_t partition = 0; partition < stage_.topics[k_orders].partitions; ++partition) {
        const bool has_twin = prng_.chance(1, 3);
        for (int i = 0; i < (has_twin ? 2 : 1); ++i) {
            const TellerOptions options{
                .partition = partition, .bumps_epochs = prng_.chance(2, 3), .has_twin = has_twin};
            clients_.push_back(&add_client(fmt::format("teller{}{}", partition, i == 0 ? "" : "-twin"),
                                           [this, options](Machine& machine) {
                                               return std::make_unique<Teller>(machine, stage_, bank_,
                                                                               options);
                                           }));
        }
    }
}

Machine& BankScenario::add_client(const std::string& host, Boot boot) {
    auto& machine =
        world_.add_machine(std::make_unique<Machine>(world_, MachineOptions{.host = host}, std::move(boot)));
    machine.start();
    return machine;
}

bool BankScenario::reached_goals() const {
    return world_.now() - start_ >= goals_.simulated && bank_.commits() >= k_commits_min &&
           faults_->count() >= goals_.faults;
}

void BankScenario::play() {
    while (!world_.failure() && !reached_goals() && world_.now() - start_ < goals_.gives_up_after)
        world_.run_until(world_.now() + Duration::seconds(1));
    if (!reached_goals())
        world_.fail(fmt::format("after {} s only {} transactions were committed",
                                (world_.now() - start_).to_millis() / 1'000, bank_.commits()));
}

std::map<TopicPartition, Offset> BankScenario::ends_of_orders() const {
    std::map<TopicPartition, Offset> ends;
    for (std::int32_t i = 0; i < stage_.topics[k_orders].partitions; ++i) {
        const TopicPartition at{k_orders, i};
        ends[at] = stage_.ledger.safe_end(at);
    }
    return ends;
}

// An order whose answer was lost comes again: until all have their answers, there may be one more.
bool BankScenario::is_settled() const {
    const auto* clerk = dynamic_cast<const Producer*>(clerk_->program());
    return clerk != nullptr && clerk->has_all_answers() && bank_.has_booked_all(ends_of_orders());
}

// No more faults and no more orders: soon all that there are is booked.
void BankScenario::wind_down() {
    faults_->stop();
    stage_.winding_down = true;
    for (int i = 0; i < 240 && !world_.failure() && !is_settled(); ++i)
        world_.run_until(world_.now() + Duration::seconds(1));
}

bool BankScenario::has_read_everything(Machine& reader) {
    const auto* program = dynamic_cast<const CommittedReader*>(reader.program());
    return program != nullptr && program->has_caught_up();
}

void BankScenario::audit() {
    auto& auditor = add_client("auditor", [this](Machine& machine) {
        return std::make_unique<CommittedReader>(machine, stage_, bank_);
    });
    for (int i = 0; i < 60 && !world_.failure() && !has_read_everything(auditor); ++i)
        world_.run_until(world_.now() + Duration::seconds(1));
    if (world_.failure()) return;
    if (!has_read_everything(auditor))
        return world_.fail("a new reader does not get to the end: a transaction hangs");
    bank_.check_complete(ends_of_orders());
}

RunReport BankScenario::run() {
    build();
    play();
    if (!world_.failure()) wind_down();
    if (!world_.failure()) audit();
    auto report = make_report(world_, *faults_, stage_.ledger, start_);
    report.commits = bank_.commits();
    return report;
}

}  // namespace

RunReport run_bank_workload(const WorldOptions& options, const RunGoals& goals) {
    return BankScenario(options, goals).run();
}

}  // namespace gregor::sim
