#include "server/quota_rate.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace gregor::server {
namespace {

constexpr double k_ms_per_second = 1'000;

}  // namespace

void QuotaRate::record(const QuotaWindow& window, double value, Instant now) {
    last_recorded_ = now;
    if (samples_.empty()) samples_.push_back({.value = 0, .start = now, .last_event = now});
    if (now - samples_[current_].start >= window.sample) {
        // One more than is asked for: the oldest overlaps the window still.
        current_ = (current_ + 1) % (window.samples + 1);
        if (current_ == samples_.size()) samples_.emplace_back();
        samples_[current_] = {.value = 0, .start = now, .last_event = now};
    }
    samples_[current_].value += value;
    samples_[current_].last_event = now;
}

// A sample counts as long as something in it happened within the window. The time is that since the start of
// the oldest, and that of the samples that are missing: who has just begun is not taken for fast.
QuotaRate::Measured QuotaRate::measure(const QuotaWindow& window, Instant now) {
    double sum = 0;
    auto oldest = now;
    for (auto& sample : samples_) {
        if (now - sample.last_event >= window.memory())
            sample = {.value = 0, .start = now, .last_event = now};
        sum += sample.value;
        oldest = std::min(oldest, sample.start);
    }
    const auto sample_ms = window.sample.to_millis();
    auto elapsed_ms = (now - oldest).to_millis();
    const auto full = elapsed_ms / sample_ms;
    const auto wanted = static_cast<std::int64_t>(window.samples) - 1;
    if (full < wanted) elapsed_ms += (wanted - full) * sample_ms;
    elapsed_ms = std::max<std::int64_t>(elapsed_ms, 1);
    return {.rate = sum * k_ms_per_second / static_cast<double>(elapsed_ms), .window_ms = elapsed_ms};
}

Duration QuotaRate::excess(const QuotaWindow& window, double bound, Instant now) {
    const auto [rate, window_ms] = measure(window, now);
    if (rate <= bound) return {};
    const auto ms = (rate - bound) / bound * static_cast<double>(window_ms);
    constexpr double k_ms_max = std::numeric_limits<std::int32_t>::max();
    return Duration::millis(std::llround(std::min(ms, k_ms_max)));
}

}  // namespace gregor::server
