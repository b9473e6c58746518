// gregor dump FILE...: what a broker's files hold, readable, and what is wrong with them. Reads only.
#pragma once

namespace gregor::cli {

class CommandTable;

void add_dump(CommandTable& table);

}  // namespace gregor::cli
