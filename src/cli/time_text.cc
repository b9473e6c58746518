#include "cli/time_text.h"

#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <optional>

namespace gregor::cli {
namespace {

constexpr std::int64_t k_ms_per_second = 1'000;
constexpr std::int64_t k_ms_per_minute = 60 * k_ms_per_second;
constexpr std::int64_t k_ms_per_hour = 60 * k_ms_per_minute;
constexpr std::int64_t k_ms_per_day = 24 * k_ms_per_hour;

// Reads digits and separators from the left; whatever does not fit makes it fail for good.
class TimeReader {
public:
    explicit TimeReader(std::string_view text) : rest_(text) {}

    std::int64_t number(std::size_t digits, std::int64_t max) {
        std::int64_t value = 0;
        const auto part = rest_.substr(0, digits);
        const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
        const bool is_read = error == std::errc{} && end == part.data() + digits;
        if (!is_read || value < 0 || value > max) failed_ = true;
        rest_.remove_prefix(part.size());
        return value;
    }
    bool take(char c) {
        if (!rest_.starts_with(c)) return false;
        rest_.remove_prefix(1);
        return true;
    }
    void expect(char c) {
        if (!take(c)) failed_ = true;
    }
    bool finished() const { return !failed_ && rest_.empty(); }

private:
    std::string_view rest_;
    bool failed_ = false;
};

std::optional<std::int64_t> parse_iso(std::string_view text) {
    TimeReader reader(text);
    const auto year_number = static_cast<int>(reader.number(4, 9'999));
    reader.expect('-');
    const auto month_number = static_cast<unsigned>(reader.number(2, 12));
    reader.expect('-');
    const auto day_number = static_cast<unsigned>(reader.number(2, 31));
    std::int64_t time_ms = 0;
    if (reader.take('T') || reader.take(' ')) {
        time_ms += reader.number(2, 23) * k_ms_per_hour;
        reader.expect(':');
        time_ms += reader.number(2, 59) * k_ms_per_minute;
        if (reader.take(':')) time_ms += reader.number(2, 59) * k_ms_per_second;
        if (reader.take('.')) time_ms += reader.number(3, 999);
        (void)reader.take('Z');
    }
    const std::chrono::year_month_day date{std::chrono::year{year_number}, std::chrono::month{month_number},
                                           std::chrono::day{day_number}};
    if (!reader.finished() || !date.ok()) return std::nullopt;
    return std::chrono::sys_days(date).time_since_epoch().count() * k_ms_per_day + time_ms;
}

}  // namespace

Result<std::int64_t> parse_time_ms(std::string_view text) {
    std::int64_t time_ms = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), time_ms);
    if (error == std::errc{} && end == text.data() + text.size() && time_ms >= 0) return time_ms;
    if (const auto parsed = parse_iso(text)) return *parsed;
    return fail(
        ErrorCode::invalid_request,
        fmt::format("{} is not a time: give 2026-11-23T10:00:00Z (UTC), or milliseconds since 1970", text));
}

std::string time_text(std::int64_t time_ms) {
    if (time_ms < 0) return "-";
    const auto days = std::chrono::sys_days(std::chrono::days(time_ms / k_ms_per_day));
    const std::chrono::year_month_day date(days);
    const auto rest = time_ms % k_ms_per_day;
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                       static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                       rest / k_ms_per_hour, rest % k_ms_per_hour / k_ms_per_minute,
                       rest % k_ms_per_minute / k_ms_per_second, rest % k_ms_per_second);
}

}  // namespace gregor::cli
