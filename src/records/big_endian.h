// Fixed-width big-endian integers at a place in memory.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstring>

namespace gregor::records {

static_assert(std::endian::native == std::endian::little);

// `at` points to sizeof(T) readable bytes.
template <std::integral T>
T load_be(const std::byte* at) {
    T value;
    std::memcpy(&value, at, sizeof value);
    return std::byteswap(value);
}

template <std::integral T>
void store_be(std::byte* at, T value) {
    value = std::byteswap(value);
    std::memcpy(at, &value, sizeof value);
}

}  // namespace gregor::records
