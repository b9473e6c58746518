#include "load/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace gregor::bench {

// Values below 32 have a bucket each; above, the five bits behind the highest one choose it.
std::size_t Histogram::bucket_of(std::uint64_t value) {
    const auto width = static_cast<unsigned>(std::bit_width(value));
    if (width <= k_step_bits) return value;
    const unsigned shift = width - k_step_bits - 1;
    return (static_cast<std::size_t>(shift) << k_step_bits) + (value >> shift);
}

std::uint64_t Histogram::highest_in(std::size_t bucket) {
    constexpr std::size_t steps = std::size_t{1} << k_step_bits;
    if (bucket < 2 * steps) return bucket;
    const std::size_t shift = bucket / steps - 1;
    return ((bucket - shift * steps + 1) << shift) - 1;
}

void Histogram::add(std::int64_t value_us) {
    const auto value = std::max<std::int64_t>(value_us, 0);
    ++counts_[bucket_of(static_cast<std::uint64_t>(value))];
    ++total_;
    max_us_ = std::max(max_us_, value);
}

void Histogram::merge(const Histogram& other) {
    for (std::size_t i = 0; i < k_buckets; ++i) counts_[i] += other.counts_[i];
    total_ += other.total_;
    max_us_ = std::max(max_us_, other.max_us_);
}

std::int64_t Histogram::quantile_us(double share) const {
    const auto wanted = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(total_)));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < k_buckets && total_ > 0; ++i) {
        seen += counts_[i];
        if (seen >= wanted && seen > 0) return std::min(static_cast<std::int64_t>(highest_in(i)), max_us_);
    }
    return 0;
}

}  // namespace gregor::bench
