// The gregor binary: one subcommand each, bound to the kernel here and nowhere else.
#include <fmt/format.h>

#include <cstdio>
#include <string>
#include <string_view>

#include "cli/command_table.h"
#include "cli/consume.h"
#include "cli/dump.h"
#include "cli/groups.h"
#include "cli/produce.h"
#include "cli/serve.h"
#include "cli/simulate.h"
#include "cli/storage.h"
#include "cli/topics.h"

namespace {

constexpr int k_usage_error = 2;
constexpr int k_storage_usage_error = 1;  // as kafka-storage

// "gregor storage format", as far as the words were understood.
std::string path_of(const CLI::App& app) {
    auto path = app.get_name();
    for (const auto* chosen : app.get_subcommands()) path += " " + path_of(*chosen);
    return path;
}

// A word where a command should be.
std::string unknown_command(const CLI::App& app) {
    for (const auto* chosen : app.get_subcommands()) return unknown_command(*chosen);
    const auto words = app.remaining();
    return words.empty() || words.front().starts_with('-') ? std::string() : words.front();
}

int explain(const CLI::App& app, const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    const auto path = path_of(app);
    const bool lacks_command = error.get_name() == "RequiredError" && !unknown_command(app).empty();
    const auto why = lacks_command ? fmt::format("there is no command {}", unknown_command(app))
                                   : std::string(error.what());
    fmt::print(stderr, "{}: {}; see {} --help\n", path, why, path);
    return path.starts_with("gregor storage") ? k_storage_usage_error : k_usage_error;
}

void add_tools(gregor::cli::CommandTable& table) {
    gregor::cli::add_topics(table);
    gregor::cli::add_groups(table);
    gregor::cli::add_produce(table);
    gregor::cli::add_consume(table);
    gregor::cli::add_dump(table);
    gregor::cli::add_storage(table);
    gregor::cli::add_simulate(table);
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app("Gregor: Apache Kafka as one native binary", "gregor");
    app.require_subcommand(1);
    app.set_version_flag("--version", "gregor " GREGOR_VERSION);
    gregor::cli::CommandTable table(app);
    gregor::cli::add_serve(table);
    // A broker starts without the options of the tools.
    if (argc < 2 || std::string_view(argv[1]) != "serve") add_tools(table);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return explain(app, error);
    }
    return table.run();
}
