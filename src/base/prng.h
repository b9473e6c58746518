// Seeded, splittable random numbers (SplitMix64): equal seeds give equal streams on every machine.
#pragma once

#include <cstdint>

namespace gregor {

class Prng {
public:
    explicit constexpr Prng(std::uint64_t seed) : state_(seed) {}

    constexpr std::uint64_t next() {
        state_ += 0x9e3779b97f4a7c15U;
        std::uint64_t z = state_;
        z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
        z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
        return z ^ (z >> 31U);
    }
    // Uniform in [0, bound); 0 when bound is 0. The bias of the multiply is below 2^-32 for the bounds we
    // use.
    constexpr std::uint64_t below(std::uint64_t bound) {
        return static_cast<std::uint64_t>((static_cast<unsigned __int128>(next()) * bound) >> 64U);
    }
    constexpr std::int64_t between(std::int64_t low, std::int64_t high) {  // inclusive
        return low + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(high - low) + 1));
    }
    constexpr bool chance(std::uint64_t numerator, std::uint64_t denominator) {
        return below(denominator) < numerator;
    }
    // An independent stream, so that one consumer's draws never shift another's.
    constexpr Prng split() { return Prng{next()}; }

private:
    std::uint64_t state_;
};

}  // namespace gregor
