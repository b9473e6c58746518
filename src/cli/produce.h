// gregor produce TOPIC: a record from every line of the standard input.
#pragma once

namespace gregor::cli {

class CommandTable;

void add_produce(CommandTable& table);

}  // namespace gregor::cli
