// What one run of one seed did, and whether it was right.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/time.h"

namespace gregor::sim {

class Faults;
class Ledger;
class World;

struct RunReport {
    std::optional<std::string> failure;
    Duration simulated;
    std::uint64_t events = 0;
    std::uint64_t trace_hash = 0;
    std::uint64_t acked_records = 0;
    std::uint64_t read_records = 0;
    std::uint64_t generations = 0;
    std::uint64_t commits = 0;
    std::map<std::string, std::uint64_t> faults;  // by kind
    std::map<std::string, std::uint64_t> hits;    // of fault points, reached marks and planted bugs
};

RunReport make_report(const World& world, const Faults& faults, const Ledger& ledger, Instant start);

// A report as lines, for another process to add up; adding never forgets a failure. The trace hash stays
// behind.
std::string to_text(const RunReport& report);
void add_text(RunReport& report, const std::string& line);

// What a seed must have seen before it ends.
struct RunGoals {
    Duration simulated = Duration::seconds(60);
    std::uint64_t acked_records = 2'000;
    std::uint64_t faults = 3;
    Duration gives_up_after = Duration::seconds(600);
};

}  // namespace gregor::sim
