// gregor groups reset-offsets GROUP --topic T[:0,1] --to-earliest | --to-latest | --to-offset N | --shift-by
// N | --to-time T
#pragma once

namespace CLI {
class App;
}

namespace gregor::cli {

class CommandTable;

void add_reset_offsets(CommandTable& table, CLI::App& groups);

}  // namespace gregor::cli
