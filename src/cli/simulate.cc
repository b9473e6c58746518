#include "cli/simulate.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <set>
#include <vector>

#include "base/fault.h"
#include "base/log.h"
#include "cli/command_table.h"
#include "cli/seed_worker.h"
#include "io/asio/machine.h"
#include "sim/admin_workload.h"
#include "sim/bank_workload.h"
#include "sim/cluster_workload.h"
#include "sim/log_workload.h"

namespace gregor::cli {
namespace {

constexpr std::uint64_t k_failures_shown_max = 10;
constexpr std::uint64_t k_seeds_per_worker = 20;

struct Workload {
    std::string_view name;
    RunReport (*run)(const sim::WorldOptions& options, const sim::RunGoals& goals);
};
constexpr auto k_workloads = std::to_array<Workload>({{"cluster", sim::run_cluster_workload},
                                                      {"log", sim::run_log_workload},
                                                      {"bank", sim::run_bank_workload},
                                                      {"admin", sim::run_admin_workload}});

const Workload* find_workload(std::string_view name) {
    const auto found = std::ranges::find(k_workloads, name, &Workload::name);
    return found == k_workloads.end() ? nullptr : found;
}

RunReport run_once(const SimulateOptions& options, std::uint64_t seed) {
    const sim::WorldOptions world{.seed = seed, .planted = options.planted, .verbose = options.verbose};
    return find_workload(options.workload)->run(world, {});
}

RunReport run_seed(const SimulateOptions& options, std::uint64_t seed) {
    auto report = run_once(options, seed);
    if (options.once || report.failure) return report;
    const auto again = run_once(options, seed);
    if (again.trace_hash != report.trace_hash) {
        report.failure =
            fmt::format("two runs differ: {} events with trace {:016x}, {} events with trace {:016x}",
                        report.events, report.trace_hash, again.events, again.trace_hash);
    }
    return report;
}

std::string repeat_command(const SimulateOptions& options, std::uint64_t seed) {
    auto command = fmt::format("gregor simulate --seed {}", seed);
    if (options.workload != "cluster") command += " --workload " + options.workload;
    if (!options.planted.empty()) command += " --planted " + options.planted;
    return command;
}

// All seeds of a run, dealt to processes.
class Campaign {
public:
    explicit Campaign(const SimulateOptions& options) : options_(options), next_(options.seed) {
        if (options.minutes) {
            constexpr std::int64_t k_seconds_per_minute = 60;
            ends_at_ = clock_.now() +
                       Duration::seconds(static_cast<std::int64_t>(*options.minutes) * k_seconds_per_minute);
        }
    }
    int run();

private:
    bool has_more() const {
        if (is_decided()) return false;
        return options_.minutes ? clock_.now() < ends_at_ : next_ < options_.seed + options_.seeds;
    }
    bool is_decided() const { return !options_.planted.empty() && failures_ > 0; }
    void start_workers();
    void wait();
    void take(const Worker::Done& done);
    void print_summary() const;
    void print_marks(FaultMark mark, const char* title) const;

    const SimulateOptions& options_;
    std::uint64_t next_;
    io::MachineClock clock_;
    Instant ends_at_;
    std::vector<std::unique_ptr<Worker>> workers_;
    std::vector<std::vector<std::uint64_t>> orphaned_;  // seeds of workers that died
    RunReport total_;
    std::uint64_t seeds_ = 0;
    std::uint64_t failures_ = 0;
};

void Campaign::start_workers() {
    while (workers_.size() < std::max(options_.jobs, 1U) && (!orphaned_.empty() || has_more())) {
        std::vector<std::uint64_t> seeds;
        if (!orphaned_.empty()) {
            seeds = std::move(orphaned_.back());
            orphaned_.pop_back();
        }
        while (seeds.empty() || (seeds.size() < k_seeds_per_worker && has_more())) {
            if (!has_more()) break;
            seeds.push_back(next_++);
        }
        workers_.push_back(
            std::make_unique<Worker>(seeds, [this](std::uint64_t seed) { return run_seed(options_, seed); }));
    }
}

void Campaign::wait() {
    std::vector<pollfd> descriptors;
    for (const auto& worker : workers_) descriptors.push_back({worker->descriptor(), POLLIN, 0});
    ::poll(descriptors.data(), descriptors.size(), -1);
    for (std::size_t i = 0; i < workers_.size(); ++i) {
        if (descriptors[i].revents == 0) continue;
        for (const auto& done : workers_[i]->read()) take(done);
        if (workers_[i]->is_gone() && !workers_[i]->left().empty()) orphaned_.push_back(workers_[i]->left());
    }
    std::erase_if(workers_, [](const auto& worker) { return worker->is_gone(); });
}

void Campaign::take(const Worker::Done& done) {
    ++seeds_;
    const auto lines = to_text(done.report);
    for (std::size_t at = 0; at < lines.size();) {
        const auto end = lines.find('\n', at);
        add_text(total_, lines.substr(at, end - at));
        at = end + 1;
    }
    if (!done.report.failure) return;
    if (++failures_ > k_failures_shown_max) return;
    fmt::print("FAILED seed {}: {}\n  again: {}\n", done.seed, *done.report.failure,
               repeat_command(options_, done.seed));
    std::fflush(stdout);
}

int Campaign::run() {
    for (start_workers(); !workers_.empty(); start_workers()) {
        wait();
        if (is_decided()) break;
    }
    print_summary();
    if (options_.planted.empty()) return failures_ == 0 ? 0 : 1;
    fmt::print("{} was {} in {} seeds\n", options_.planted, failures_ > 0 ? "caught" : "NOT caught", seeds_);
    return failures_ > 0 ? 0 : 1;
}

void Campaign::print_summary() const {
    fmt::print(
        "{} seeds, {} failed: {} simulated seconds, {} events, {} records acknowledged, {} read, "
        "{} generations, {} commits\n",
        seeds_, failures_, total_.simulated.to_millis() / 1'000, total_.events, total_.acked_records,
        total_.read_records, total_.generations, total_.commits);
    fmt::print("faults:");
    for (const auto& [kind, times] : total_.faults) fmt::print(" {} {}", kind, times);
    fmt::print("\n");
    print_marks(FaultMark::fault_point, "fault points");
    print_marks(FaultMark::reached, "reached");
}

void Campaign::print_marks(FaultMark mark, const char* title) const {
    std::set<std::string_view> names;
    for (const auto* site = FaultSite::first(); site != nullptr; site = site->next()) {
        if (site->mark() == mark) names.insert(site->name());
    }
    fmt::print("{}:", title);
    std::string never;
    for (const auto name : names) {
        const auto hits = total_.hits.find(std::string(name));
        if (hits == total_.hits.end()) {
            never += fmt::format(" {}", name);
        } else {
            fmt::print(" {} {}", name, hits->second);
        }
    }
    fmt::print("\n");
    if (!never.empty()) fmt::print("{} never hit:{}\n", title, never);
}

bool is_known_bug(const std::string& name) {
    for (const auto* site = FaultSite::first(); site != nullptr; site = site->next()) {
        if (site->mark() == FaultMark::planted_bug && site->name() == name) return true;
    }
    return false;
}

}  // namespace

void add_simulate(CommandTable& table) {
    auto [app, options] = table.add<SimulateOptions>(
        table.root(), "simulate", "run seeded clusters on a fake clock, network and disk", run_simulation);
    app.add_option("--seed", options.seed, "the first seed");
    app.add_option("--seeds", options.seeds, "how many seeds");
    app.add_option("--minutes", options.minutes, "as many seeds as fit, instead of a number");
    app.add_option("--jobs", options.jobs, "processes that share the seeds");
    app.add_option("--workload", options.workload, "cluster, log, bank or admin");
    app.add_option("--planted", options.planted,
                   "switch on a planted bug (test builds); success is to catch it");
    app.add_flag("--once", options.once, "run each seed once instead of comparing the traces of two runs");
    app.add_flag("--verbose", options.verbose, "print every fault and what the nodes log");
}

int run_simulation(const SimulateOptions& options) {
    if (find_workload(options.workload) == nullptr) {
        fmt::print(stderr, "gregor: there is no workload \"{}\": give cluster, log, bank or admin\n",
                   options.workload);
        return 2;
    }
    if (!options.planted.empty() && !is_known_bug(options.planted)) {
        fmt::print(stderr, "gregor: this build has no planted bug \"{}\"\n", options.planted);
        return 2;
    }
    if (!options.verbose) set_log_level(LogLevel::error);
    return Campaign(options).run();
}

}  // namespace gregor::cli
