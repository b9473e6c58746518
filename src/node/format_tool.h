// `gregor storage format` on the directories themselves.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "io/ports.h"
#include "node/format_request.h"
#include "node/settings.h"

namespace gregor::node {

struct FormatOptions {
    FormatRequest request;
    bool ignore_formatted = false;  // leave alone what is formatted already, instead of refusing all
};

// What is to be printed. An error has changed no file; but for one of the disk, after which a second try
// starts over. Blocking.
Result<std::string> run_format(io::FileSystem& files, io::Random& random, const Settings& settings,
                               const FormatOptions& options, std::int64_t now_ms);

}  // namespace gregor::node
