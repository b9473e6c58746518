#include "sim/run_report.h"

#include <fmt/format.h>

#include <sstream>

#include "sim/faults.h"
#include "sim/ledger.h"
#include "sim/world.h"

namespace gregor::sim {

RunReport make_report(const World& world, const Faults& faults, const Ledger& ledger, Instant start) {
    RunReport report;
    report.failure = world.failure();
    report.simulated = world.now() - start;
    report.events = world.events();
    report.trace_hash = world.trace_hash();
    report.acked_records = ledger.acked_records();
    report.read_records = ledger.read_records();
    report.faults = faults.counts();
    for (const auto& [name, times] : world.hits()) report.hits.emplace(name, times);
    return report;
}

// One value a line, name last because it may hold spaces.
std::string to_text(const RunReport& report) {
    std::string text = fmt::format("simulated {}\nevents {}\nacked {}\nread {}\ngenerations {}\ncommits {}\n",
                                   report.simulated.to_nanos(), report.events, report.acked_records,
                                   report.read_records, report.generations, report.commits);
    for (const auto& [kind, times] : report.faults) text += fmt::format("fault {} {}\n", times, kind);
    for (const auto& [name, times] : report.hits) text += fmt::format("hit {} {}\n", times, name);
    if (report.failure) text += fmt::format("failure {}\n", *report.failure);
    return text;
}

void add_text(RunReport& report, const std::string& line) {
    std::istringstream words(line);
    std::string key;
    words >> key;
    if (key == "failure") {
        report.failure = line.substr(key.size() + 1);
        return;
    }
    std::uint64_t value = 0;
    words >> value >> std::ws;
    std::string name;
    std::getline(words, name);
    if (key == "simulated")
        report.simulated = report.simulated + Duration::nanos(static_cast<std::int64_t>(value));
    if (key == "events") report.events += value;
    if (key == "acked") report.acked_records += value;
    if (key == "read") report.read_records += value;
    if (key == "generations") report.generations += value;
    if (key == "commits") report.commits += value;
    if (key == "fault") report.faults[name] += value;
    if (key == "hit") report.hits[name] += value;
}

}  // namespace gregor::sim
