// gregor groups list | describe | delete | reset-offsets
#pragma once

namespace gregor::cli {

class CommandTable;

void add_groups(CommandTable& table);

}  // namespace gregor::cli
