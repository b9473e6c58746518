#include "base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>

#include "base/log_severity.h"

namespace gregor {
namespace {

spdlog::level::level_enum to_spdlog(LogLevel level) {
    switch (level) {
        case LogLevel::debug: return spdlog::level::debug;
        case LogLevel::info: return spdlog::level::info;
        case LogLevel::warn: return spdlog::level::warn;
        case LogLevel::error: return spdlog::level::err;
    }
    return spdlog::level::err;
}

struct SeverityRow {
    LogSeverity severity;
    std::string_view name;
    spdlog::level::level_enum level;
};
constexpr auto k_severities =
    std::to_array<SeverityRow>({{LogSeverity::trace, "TRACE", spdlog::level::trace},
                                {LogSeverity::debug, "DEBUG", spdlog::level::debug},
                                {LogSeverity::info, "INFO", spdlog::level::info},
                                {LogSeverity::warn, "WARN", spdlog::level::warn},
                                {LogSeverity::error, "ERROR", spdlog::level::err},
                                {LogSeverity::fatal, "FATAL", spdlog::level::critical}});

// One logger for the process, on standard error, so that standard output stays free for what a command
// prints.
spdlog::logger& logger() {
    static const auto instance = [] {
        auto made = spdlog::stderr_logger_mt("gregor");
        made->set_pattern("%Y-%m-%dT%H:%M:%S.%e %l %v");
        made->flush_on(spdlog::level::info);
        return made;
    }();
    return *instance;
}

}  // namespace

bool log_enabled(LogLevel level) { return logger().should_log(to_spdlog(level)); }
void set_log_level(LogLevel level) { logger().set_level(to_spdlog(level)); }
std::string_view severity_name(LogSeverity severity) {
    return std::ranges::find(k_severities, severity, &SeverityRow::severity)->name;
}

std::optional<LogSeverity> parse_severity(std::string_view name) {
    const auto row = std::ranges::find(k_severities, name, &SeverityRow::name);
    return row == k_severities.end() ? std::nullopt : std::optional(row->severity);
}

LogSeverity root_severity() {
    const auto row = std::ranges::find(k_severities, logger().level(), &SeverityRow::level);
    return row == k_severities.end() ? LogSeverity::fatal : row->severity;
}

void set_root_severity(LogSeverity severity) {
    logger().set_level(std::ranges::find(k_severities, severity, &SeverityRow::severity)->level);
}

void write_log_line(LogLevel level, std::string_view line) { logger().log(to_spdlog(level), line); }

std::string_view field_label(std::string_view expression) {
    for (const std::string_view call : {".value()", ".value_or(", "()"}) {
        if (const auto at = expression.rfind(call); at != std::string_view::npos)
            expression = expression.substr(0, at);
    }
    const auto last = expression.find_last_of(".>:*&");
    if (last != std::string_view::npos) expression.remove_prefix(last + 1);
    while (expression.ends_with('_')) expression.remove_suffix(1);
    return expression;
}

std::string_view next_field_name(std::string_view& names) {
    int depth = 0;
    std::size_t end = 0;
    for (; end < names.size(); ++end) {
        const char c = names[end];
        if (c == '(' || c == '[' || c == '{') ++depth;
        if (c == ')' || c == ']' || c == '}') --depth;
        if (c == ',' && depth == 0) break;
    }
    const auto name = names.substr(0, end);
    names.remove_prefix(end == names.size() ? end : end + 1);
    while (!names.empty() && names.front() == ' ') names.remove_prefix(1);
    return name;
}

}  // namespace gregor
