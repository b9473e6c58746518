#include "cli/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cstdio>

namespace gregor::cli {
namespace {

constexpr Duration k_interval = Duration::millis(500);

}  // namespace

Progress::Progress(bool is_wanted) : is_shown_(is_wanted && ::isatty(STDERR_FILENO) == 1) {}

void Progress::update(Instant now, std::uint64_t records, std::uint64_t bytes) {
    if (!is_shown_ || now < next_) return;
    next_ = now + k_interval;
    is_drawn_ = true;
    fmt::print(stderr, "\r\033[K{} records, {}", records, size_text(bytes));
    std::fflush(stderr);
}

void Progress::clear() {
    if (!is_drawn_) return;
    is_drawn_ = false;
    fmt::print(stderr, "\r\033[K");
}

std::string size_text(std::uint64_t bytes) {
    constexpr auto k_units = std::to_array<const char*>({"KiB", "MiB", "GiB", "TiB"});
    if (bytes < 1'024) return fmt::format("{} bytes", bytes);
    auto size = static_cast<double>(bytes) / 1'024;
    std::size_t unit = 0;
    for (; size >= 1'024 && unit + 1 < k_units.size(); ++unit) size /= 1'024;
    return fmt::format("{:.1f} {}", size, k_units[unit]);
}

}  // namespace gregor::cli
