#include "sim/cluster_workload.h"

#include <fmt/format.h>

#include <memory>
#include <vector>

#include "sim/admin.h"
#include "sim/churn.h"
#include "sim/consumer.h"
#include "sim/consumer_member.h"
#include "sim/faults.h"
#include "sim/member.h"
#include "sim/mover.h"
#include "sim/node_program.h"
#include "sim/operator.h"
#include "sim/producer.h"
#include "sim/stage.h"

namespace gregor::sim {
namespace {

// Builds a scenario from its seed and plays it.
class Cluster {
public:
    Cluster(const WorldOptions& options, const RunGoals& goals)
        : world_(options), stage_(world_), goals_(goals), prng_(world_.split()), start_(world_.now()) {
        consumer_groups_.watch(world_);
    }

    RunReport run();

private:
    void build();
    void add_broker();
    void add_clients();
    Machine& add_client(const std::string& host, Boot boot);
    Boot producer_boot(bool is_first);
    Boot member_boot();
    void play();
    bool reached_goals() const;
    void wind_down();
    void audit();
    bool auditor_is_done() const;
    bool group_is_settled() const;  // every partition has an owner in the consumer group
    bool moves_are_settled() const;
    bool is_settled() const { return auditor_is_done() && group_is_settled() && moves_are_settled(); }

    ConsumerLedger consumer_groups_;
    World world_;
    Stage stage_;
    RunGoals goals_;
    Prng prng_;
    Instant start_;
    Machine* broker_ = nullptr;
    std::vector<Machine*> clients_;
    Machine* auditor_ = nullptr;
    Machine* mover_ = nullptr;
    std::unique_ptr<Faults> faults_;
};

void Cluster::build() {
    for (std::uint64_t topic = 0; topic < 1 + prng_.below(2); ++topic) {
        stage_.topics.push_back(
            {fmt::format("topic-{}", topic), static_cast<std::int32_t>(1 + prng_.below(4)), {}});
    }
    stage_.broker = {"broker", 9'092};
    stage_.patience = Duration::seconds(10);
    add_broker();
    add_clients();
    faults_ = std::make_unique<Faults>(world_, std::vector{broker_}, clients_, FaultOptions{});
}

void Cluster::add_broker() {
    const auto shards = static_cast<std::uint32_t>(1 + prng_.below(3));
    // Settings stay what they are from one life to the next.
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

Machine& Cluster::add_client(const std::string& host, Boot boot) {
    auto& machine =
        world_.add_machine(std::make_unique<Machine>(world_, MachineOptions{.host = host}, std::move(boot)));
    machine.start();
    return machine;
}

Boot Cluster::producer_boot(bool is_first) {
    ProducerOptions options;
    const bool is_plain = prng_.chance(1, 4);
    options.idempotent = is_first || !is_plain;  // somebody waits for acknowledgements
    if (!options.idempotent && prng_.chance(1, 3)) options.acks = 1;
    options.records_per_batch_max = static_cast<std::uint32_t>(1 + prng_.below(12));
    options.pause_max = Duration::millis(prng_.between(150, 500));
    return [this, options](Machine& machine) { return std::make_unique<Producer>(machine, stage_, options); };
}

Boot Cluster::member_boot() {
    return [this](Machine& machine) { return std::make_unique<Member>(machine, stage_, MemberOptions{}); };
}

void Cluster::add_clients() {
    add_client("admin", [this](Machine& machine) { return std::make_unique<Admin>(machine, stage_); });
    add_client("churn", [this](Machine& machine) { return std::make_unique<Churn>(machine, stage_); });
    add_client("operator", [this](Machine& machine) { return std::make_unique<Operator>(machine, stage_); });
    mover_ =
        &add_client("mover", [this](Machine& machine) { return std::make_unique<Mover>(machine, stage_); });
    for (int i = 0; i < 3; ++i)
        clients_.push_back(&add_client(fmt::format("producer{}", i), producer_boot(i == 0)));
    clients_.push_back(&add_client(
        "consumer", [this](Machine& machine) { return std::make_unique<Consumer>(machine, stage_); }));
    for (int i = 0; i < 3; ++i) clients_.push_back(&add_client(fmt::format("member{}", i), member_boot()));
    for (int i = 0; i < 3; ++i)
        clients_.push_back(&add_client(fmt::format("consumer-member{}", i), [this](Machine& machine) {
            return std::make_unique<ConsumerMember>(machine, stage_, consumer_groups_);
        }));
}

bool Cluster::reached_goals() const {
    return world_.now() - start_ >= goals_.simulated &&
           stage_.ledger.acked_records() >= goals_.acked_records && faults_->count() >= goals_.faults;
}

void Cluster::play() {
    while (!world_.failure() && !reached_goals() && world_.now() - start_ < goals_.gives_up_after) {
        world_.run_until(world_.now() + Duration::seconds(1));
    }
    if (!reached_goals()) {
        world_.fail(fmt::format("after {} s only {} records were acked",
                                (world_.now() - start_).to_millis() / 1'000, stage_.ledger.acked_records()));
    }
}

// No more faults, nothing new: soon all is quiet and everybody has everything.
void Cluster::wind_down() {
    faults_->stop();
    stage_.winding_down = true;
    world_.run_until(world_.now() + Duration::seconds(5));
}

bool Cluster::group_is_settled() const {
    const auto all = stage_.all_partitions();
    return consumer_groups_.is_owned({all.begin(), all.end()});
}

bool Cluster::auditor_is_done() const {
    const auto* consumer = dynamic_cast<const Consumer*>(auditor_->program());
    return consumer != nullptr && consumer->has_caught_up();
}

bool Cluster::moves_are_settled() const {
    const auto* mover = dynamic_cast<const Mover*>(mover_->program());
    return mover != nullptr && mover->has_settled();
}

void Cluster::audit() {
    auditor_ = &add_client("auditor",
                           [this](Machine& machine) { return std::make_unique<Consumer>(machine, stage_); });
    for (int i = 0; i < 40 && !world_.failure() && !is_settled(); ++i) {
        world_.run_until(world_.now() + Duration::seconds(1));
    }
    if (world_.failure()) return;
    if (!auditor_is_done())
        return world_.fail("a new consumer does not get to the end though all faults are over");
    if (!group_is_settled()) return world_.fail("a partition has no owner though all faults are over");
    if (!moves_are_settled()) return world_.fail("a move does not end though all faults are over");
    const auto* consumer = dynamic_cast<const Consumer*>(auditor_->program());
    for (const auto& [at, end] : consumer->positions()) stage_.ledger.check_complete(at, end);
    if (stage_.groups.generations() == 0) world_.fail("no group ever came to a generation");
}

RunReport Cluster::run() {
    build();
    play();
    if (!world_.failure()) wind_down();
    if (!world_.failure()) audit();
    auto report = make_report(world_, *faults_, stage_.ledger, start_);
    report.generations = stage_.groups.generations();
    report.commits = stage_.groups.commits();
    return report;
}

}  // namespace

RunReport run_cluster_workload(const WorldOptions& options, const RunGoals& goals) {
    return Cluster(options, goals).run();
}

}  // namespace gregor::sim
