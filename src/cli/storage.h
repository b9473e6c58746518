// gregor storage format | info | version-mapping | feature-dependencies | random-uuid: Kafka's kafka-storage,
// with its options, its words and its exit codes.
#pragma once

namespace gregor::cli {

class CommandTable;

void add_storage(CommandTable& table);

}  // namespace gregor::cli
