// gregor topics list | describe | create | delete | alter
#pragma once

namespace gregor::cli {

class CommandTable;

void add_topics(CommandTable& table);

}  // namespace gregor::cli
