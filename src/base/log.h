// Structured events over spdlog: LOG_INFO("isr_shrunk", partition, epoch) prints
// "isr_shrunk partition=t-0 epoch=3". The first argument is a noun_verb literal; the others print under their
// own text.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace gregor {

enum class LogLevel { debug, info, warn, error };

bool log_enabled(LogLevel level);
void set_log_level(LogLevel level);
void write_log_line(LogLevel level, std::string_view line);

// What a field is called in the line: the last part of its expression, without calls and underscores at the
// end. "request_.recovery_point.value()" is recovery_point.
std::string_view field_label(std::string_view expression);

// Takes the next name off a list like "a, b.value(), c" (top-level commas only).
std::string_view next_field_name(std::string_view& names);

template <class... Values>
void log_event(LogLevel level, std::string_view event, [[maybe_unused]] std::string_view names,
               const Values&... values) {
    std::string line(event);
    (fmt::format_to(std::back_inserter(line), " {}={}", field_label(next_field_name(names)), values), ...);
    write_log_line(level, line);
}

}  // namespace gregor

#define GREGOR_LOG(level, event, ...)                                                   \
    do {                                                                                \
        if (::gregor::log_enabled(level))                                               \
            ::gregor::log_event(level, event, #__VA_ARGS__ __VA_OPT__(, ) __VA_ARGS__); \
    } while (false)
#define LOG_DEBUG(event, ...) GREGOR_LOG(::gregor::LogLevel::debug, event __VA_OPT__(, ) __VA_ARGS__)
#define LOG_INFO(event, ...) GREGOR_LOG(::gregor::LogLevel::info, event __VA_OPT__(, ) __VA_ARGS__)
#define LOG_WARN(event, ...) GREGOR_LOG(::gregor::LogLevel::warn, event __VA_OPT__(, ) __VA_ARGS__)
#define LOG_ERROR(event, ...) GREGOR_LOG(::gregor::LogLevel::error, event __VA_OPT__(, ) __VA_ARGS__)
