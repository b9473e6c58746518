// gregor consume TOPIC: its records on the standard output.
#pragma once

namespace gregor::cli {

class CommandTable;

void add_consume(CommandTable& table);

}  // namespace gregor::cli
