// The gregor binary: one subcommand each, bound to the kernel here and nowhere else.
#include <CLI/CLI.hpp>

#include "cli/serve.h"

int main(int argc, char** argv) {
    CLI::App app("Gregor: Apache Kafka as one native binary", "gregor");
    app.require_subcommand(1);
    app.set_version_flag("--version", "gregor " GREGOR_VERSION);

    gregor::cli::ServeOptions serve;
    auto* serve_command = app.add_subcommand("serve", "run a broker (and its controller) until Ctrl-C");
    serve_command->add_option("properties", serve.properties_file,
                              "server.properties; without it good defaults, data in ./data");
    serve_command->add_option("--override", serve.overrides,
                              "key=value that wins over the file; may be repeated");

    CLI11_PARSE(app, argc, argv);
    if (*serve_command) return gregor::cli::serve(serve);
    return 0;
}
