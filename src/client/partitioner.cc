#include "client/partitioner.h"

namespace gregor::client {

// MurmurHash 2 of Austin Appleby, public domain, with Kafka's seed; words are little-endian.
std::int32_t murmur2(Bytes bytes) {
    constexpr std::uint32_t k_seed = 0x9747b28cU;
    constexpr std::uint32_t k_mix = 0x5bd1e995U;
    const auto at = [&bytes](std::size_t i) { return static_cast<std::uint32_t>(bytes[i]); };
    auto hash = k_seed ^ static_cast<std::uint32_t>(bytes.size());
    std::size_t i = 0;
    for (; i + 4 <= bytes.size(); i += 4) {
        auto word = at(i) | at(i + 1) << 8U | at(i + 2) << 16U | at(i + 3) << 24U;
        word *= k_mix;
        word ^= word >> 24U;
        hash = hash * k_mix ^ word * k_mix;
    }
    const auto left = bytes.size() - i;
    if (left == 3) hash ^= at(i + 2) << 16U;
    if (left >= 2) hash ^= at(i + 1) << 8U;
    if (left >= 1) hash = (hash ^ at(i)) * k_mix;
    hash ^= hash >> 13U;
    hash *= k_mix;
    hash ^= hash >> 15U;
    return static_cast<std::int32_t>(hash);
}

std::int32_t partition_of_key(Bytes key, std::int32_t partitions) {
    return (murmur2(key) & 0x7fffffff) % partitions;
}

}  // namespace gregor::client
