// Dumps files that hold record batches: segments of a log, and snapshots of the metadata log.
#pragma once

#include <string>

#include "base/result.h"
#include "cli/dump_printer.h"
#include "io/ports.h"

namespace gregor::cli {

struct DumpLogOptions {
    bool with_records = false;
    bool is_metadata = false;  // values are metadata records
};

Status dump_log(io::FileSystem& files, const std::string& path, const DumpLogOptions& options,
                DumpPrinter& printer);

}  // namespace gregor::cli
