// The gregor binary: one subcommand each, bound to the kernel here and nowhere else.
#include <CLI/CLI.hpp>

#include "cli/serve.h"
#include "cli/simulate.h"

namespace {

CLI::App* add_serve(CLI::App& app, gregor::cli::ServeOptions& options) {
    auto* command = app.add_subcommand("serve", "run a broker (and its controller) until Ctrl-C");
    command->add_option("properties", options.properties_file,
                        "server.properties; without it good defaults, data in ./data");
    command->add_option("--override", options.overrides,
                        "key=value that wins over the file; may be repeated");
    return command;
}

CLI::App* add_simulate(CLI::App& app, gregor::cli::SimulateOptions& options) {
    auto* command = app.add_subcommand("simulate", "run seeded clusters on a fake clock, network and disk");
    command->add_option("--seed", options.seed, "the first seed");
    command->add_option("--seeds", options.seeds, "how many seeds");
    command->add_option("--minutes", options.minutes, "as many seeds as fit, instead of a number");
    command->add_option("--jobs", options.jobs, "processes that share the seeds");
    command->add_option("--workload", options.workload, "cluster or log");
    command->add_option("--planted", options.planted,
                        "switch on a planted bug (test builds); success is to catch it");
    command->add_flag("--once", options.once,
                      "run each seed once instead of comparing the traces of two runs");
    command->add_flag("--verbose", options.verbose, "print every fault and what the nodes log");
    return command;
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app("Gregor: Apache Kafka as one native binary", "gregor");
    app.require_subcommand(1);
    app.set_version_flag("--version", "gregor " GREGOR_VERSION);

    gregor::cli::ServeOptions serve;
    const auto* serve_command = add_serve(app, serve);
    gregor::cli::SimulateOptions simulate;
    const auto* simulate_command = add_simulate(app, simulate);

    CLI11_PARSE(app, argc, argv);
    if (*serve_command) return gregor::cli::serve(serve);
    if (*simulate_command) return gregor::cli::run_simulation(simulate);
    return 0;
}
