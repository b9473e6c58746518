#include "records/xxh32.h"

#include <array>
#include <bit>
#include <cstring>

namespace gregor::records {
namespace {

constexpr std::uint32_t k_prime_1 = 0x9e3779b1U;
constexpr std::uint32_t k_prime_2 = 0x85ebca77U;
constexpr std::uint32_t k_prime_3 = 0xc2b2ae3dU;
constexpr std::uint32_t k_prime_4 = 0x27d4eb2fU;
constexpr std::uint32_t k_prime_5 = 0x165667b1U;
constexpr std::size_t k_stripe_bytes = 16;

static_assert(std::endian::native == std::endian::little);
std::uint32_t word(Bytes bytes, std::size_t at) {
    std::uint32_t value = 0;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    return value;
}

std::uint32_t round(std::uint32_t lane, std::uint32_t input) {
    return std::rotl(lane + input * k_prime_2, 13) * k_prime_1;
}

// Whole stripes of 16 bytes in four lanes; takes them off the front of `bytes`.
std::uint32_t fold_stripes(Bytes& bytes, std::uint32_t seed) {
    std::array<std::uint32_t, 4> lanes = {seed + k_prime_1 + k_prime_2, seed + k_prime_2, seed,
                                          seed - k_prime_1};
    for (; bytes.size() >= k_stripe_bytes; bytes = bytes.subspan(k_stripe_bytes))
        for (std::size_t lane = 0; lane < lanes.size(); ++lane)
            lanes[lane] = round(lanes[lane], word(bytes, lane * 4));
    return std::rotl(lanes[0], 1) + std::rotl(lanes[1], 7) + std::rotl(lanes[2], 12) +
           std::rotl(lanes[3], 18);
}

}  // namespace

std::uint32_t xxh32(Bytes bytes, std::uint32_t seed) {
    const auto size = static_cast<std::uint32_t>(bytes.size());
    auto hash = bytes.size() >= k_stripe_bytes ? fold_stripes(bytes, seed) : seed + k_prime_5;
    hash += size;
    for (; bytes.size() >= 4; bytes = bytes.subspan(4))
        hash = std::rotl(hash + word(bytes, 0) * k_prime_3, 17) * k_prime_4;
    for (const auto byte : bytes)
        hash = std::rotl(hash + static_cast<std::uint32_t>(byte) * k_prime_5, 11) * k_prime_1;
    hash = (hash ^ (hash >> 15U)) * k_prime_2;
    hash = (hash ^ (hash >> 13U)) * k_prime_3;
    return hash ^ (hash >> 16U);
}

}  // namespace gregor::records
