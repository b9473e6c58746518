// What the process's one logger writes, as Kafka's tools speak of it; can change while it runs.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace gregor {

enum class LogSeverity : std::uint8_t { trace, debug, info, warn, error, fatal };

inline constexpr std::string_view k_root_logger = "root";

std::string_view severity_name(LogSeverity severity);              // "INFO"
std::optional<LogSeverity> parse_severity(std::string_view name);  // as severity_name spells it
LogSeverity root_severity();
void set_root_severity(LogSeverity severity);  // callable from any thread

}  // namespace gregor
