#include "sim/run_report.h"

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

}  // namespace gregor::sim
