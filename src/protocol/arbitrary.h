// Random messages for round-trip tests. The texts and bytes are literals, so they outlive every message.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/prng.h"
#include "protocol/message.h"

namespace gregor::protocol {

class Arbitrary {
public:
    explicit Arbitrary(std::uint64_t seed) : prng_(seed) {}

    bool boolean() { return prng_.chance(1, 2); }
    bool null() { return prng_.chance(1, 4); }
    // Extremes as often as ordinary values.
    template <class T>
    T number() {
        const auto bits = prng_.next();
        switch (prng_.below(5)) {
            case 0: return static_cast<T>(0);
            case 1: return static_cast<T>(-1);
            case 2: return static_cast<T>(T{1} << (sizeof(T) * 8 - 1));
            case 3: return static_cast<T>(bits % 100);
            default: return static_cast<T>(bits);
        }
    }
    double real() { return static_cast<double>(number<std::int32_t>()) / 4; }
    Uuid uuid() { return {number<std::uint64_t>(), number<std::uint64_t>()}; }
    std::string_view text();
    Bytes bytes() { return as_bytes(text()); }
    Records records() { return Records(Slice::copy_of(bytes())); }
    ErrorCode error() { return static_cast<ErrorCode>(number<std::int16_t>()); }
    std::size_t count();  // mostly small; lists inside lists stay bounded
    void unknown_tags(UnknownTags& into, std::uint32_t from);

private:
    Prng prng_;
    std::size_t elements_left_ = 200;
};

}  // namespace gregor::protocol
