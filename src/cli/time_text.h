// Times as people write and read them: UTC, ISO 8601.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace gregor::cli {

// "2026-11-23", "2026-11-23T10:00", "2026-11-23T10:00:05.250Z", or milliseconds since 1970.
Result<std::int64_t> parse_time_ms(std::string_view text);
std::string time_text(std::int64_t time_ms);

}  // namespace gregor::cli
