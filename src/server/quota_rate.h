// A rate over the last moments, as Kafka samples it: so many samples of so long each, the oldest dropped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/time.h"

namespace gregor::server {

// quota.window.num and quota.window.size.seconds.
struct QuotaWindow {
    std::size_t samples = 11;
    Duration sample = Duration::seconds(1);

    // Afterwards nothing is left of what was recorded.
    Duration memory() const { return sample * static_cast<std::int64_t>(samples); }
};

class QuotaRate {
public:
    void record(const QuotaWindow& window, double value, Instant now);

    // How long nothing more may be recorded until the rate, by the second, is back at `bound`.
    Duration excess(const QuotaWindow& window, double bound, Instant now);
    Instant last_recorded() const { return last_recorded_; }

private:
    struct Sample {
        double value = 0;
        Instant start;
        Instant last_event;
    };
    struct Measured {
        double rate = 0;
        std::int64_t window_ms = 0;
    };
    Measured measure(const QuotaWindow& window, Instant now);

    std::vector<Sample> samples_;
    std::size_t current_ = 0;
    Instant last_recorded_;
};

}  // namespace gregor::server
