// Counts of durations, exact to 3 %: 32 steps to each power of two.
#pragma once

#include <array>
#include <cstdint>

namespace gregor::bench {

class Histogram {
public:
    void add(std::int64_t value_us);
    void merge(const Histogram& other);
    // The smallest value that at least this share of all values does not exceed; 0 when there are none.
    std::int64_t quantile_us(double share) const;
    std::int64_t max_us() const { return max_us_; }

private:
    static constexpr unsigned k_step_bits = 5;
    static constexpr std::size_t k_buckets = (64 - k_step_bits) << k_step_bits;

    static std::size_t bucket_of(std::uint64_t value);
    static std::uint64_t highest_in(std::size_t bucket);

    std::array<std::uint64_t, k_buckets> counts_{};
    std::uint64_t total_ = 0;
    std::int64_t max_us_ = 0;
};

}  // namespace gregor::bench
