// Dumps the files beside a segment: offset, time and transaction index, producer snapshot.
#pragma once

#include <string>

#include "base/result.h"
#include "cli/dump_printer.h"
#include "io/ports.h"

namespace gregor::cli {

// Each entry, and whether it leads to a batch of the .log beside it, where that is there.
Status dump_offset_index(io::FileSystem& files, const std::string& path, DumpPrinter& printer);
Status dump_time_index(io::FileSystem& files, const std::string& path, DumpPrinter& printer);
Status dump_transaction_index(io::FileSystem& files, const std::string& path, DumpPrinter& printer);
Status dump_producer_snapshot(io::FileSystem& files, const std::string& path, DumpPrinter& printer);

}  // namespace gregor::cli
