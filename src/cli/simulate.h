// Seeds, one after another or on several processes, and what they add up to: what `gregor simulate` does.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace gregor::cli {

class CommandTable;

struct SimulateOptions {
    std::uint64_t seed = 1;                  // the first
    std::uint64_t seeds = 1;                 // how many
    std::optional<std::uint64_t> minutes{};  // instead of a number of seeds
    std::uint32_t jobs = 1;                  // processes
    bool once = false;                       // do not run each seed twice to compare traces
    bool verbose = false;                    // print every fault, and what the node logs
    std::string workload = "cluster";        // or "log", "bank", "admin"
    std::string planted{};                   // a planted bug: success is to catch it
};

// Prints a summary to standard output, failures with the command that repeats them. The exit code: 0 when
// every seed is clean (or a planted bug was caught).
int run_simulation(const SimulateOptions& options);

void add_simulate(CommandTable& table);

}  // namespace gregor::cli
