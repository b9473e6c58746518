// Time as values. Core code is handed an Instant; only the Clock port knows what time it is.
#pragma once

#include <compare>
#include <cstdint>
#include <limits>

namespace gregor {

// A span of time in nanoseconds.
class Duration {
public:
    constexpr Duration() = default;
    static constexpr Duration nanos(std::int64_t n) { return Duration{n}; }
    static constexpr Duration micros(std::int64_t n) { return Duration{n * 1'000}; }
    static constexpr Duration millis(std::int64_t n) { return Duration{n * 1'000'000}; }
    static constexpr Duration seconds(std::int64_t n) { return Duration{n * 1'000'000'000}; }
    constexpr std::int64_t to_nanos() const { return nanos_; }
    constexpr std::int64_t to_micros() const { return nanos_ / 1'000; }
    constexpr std::int64_t to_millis() const { return nanos_ / 1'000'000; }
    friend constexpr auto operator<=>(Duration, Duration) = default;
    friend constexpr Duration operator+(Duration a, Duration b) { return Duration{a.nanos_ + b.nanos_}; }
    friend constexpr Duration operator-(Duration a, Duration b) { return Duration{a.nanos_ - b.nanos_}; }
    friend constexpr Duration operator*(Duration a, std::int64_t n) { return Duration{a.nanos_ * n}; }

private:
    constexpr explicit Duration(std::int64_t nanos) : nanos_(nanos) {}
    std::int64_t nanos_ = 0;
};

// A point on the monotonic clock of this process. Comparable only within one process or simulated world.
class Instant {
public:
    constexpr Instant() = default;
    static constexpr Instant from_nanos(std::int64_t n) { return Instant{n}; }
    static constexpr Instant never() { return Instant{std::numeric_limits<std::int64_t>::max()}; }
    constexpr std::int64_t to_nanos() const { return nanos_; }
    friend constexpr auto operator<=>(Instant, Instant) = default;
    friend constexpr Instant operator+(Instant at, Duration span) {
        return Instant{at.nanos_ + span.to_nanos()};
    }
    friend constexpr Instant operator-(Instant at, Duration span) {
        return Instant{at.nanos_ - span.to_nanos()};
    }
    friend constexpr Duration operator-(Instant a, Instant b) { return Duration::nanos(a.nanos_ - b.nanos_); }

private:
    constexpr explicit Instant(std::int64_t nanos) : nanos_(nanos) {}
    std::int64_t nanos_ = 0;
};

// Milliseconds since 1970 UTC, as records and requests carry them, are a plain int64 named `..._ms` or
// `timestamp`.

}  // namespace gregor
