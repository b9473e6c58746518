// gregor serve [server.properties] [--override key=value ...]
#pragma once

#include <string>
#include <vector>

namespace gregor::cli {

class CommandTable;

struct ServeOptions {
    std::string properties_file;  // empty: the embedded defaults
    std::vector<std::string> overrides;
};

// Runs a node until SIGINT or SIGTERM. Returns the exit code; what went wrong is one sentence on standard
// error.
int serve(const ServeOptions& options);

void add_serve(CommandTable& table);

}  // namespace gregor::cli
