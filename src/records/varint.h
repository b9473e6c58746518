// Zig-zag varints of records: int32 in at most 5 bytes, int64 in at most 10, not necessarily minimal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace gregor::records {

enum class VarintResult : std::uint8_t { ok, premature_end, too_long };

constexpr std::int32_t unzigzag(std::uint32_t raw) {
    return static_cast<std::int32_t>((raw >> 1U) ^ (0U - (raw & 1U)));
}
constexpr std::int64_t unzigzag(std::uint64_t raw) {
    return static_cast<std::int64_t>((raw >> 1U) ^ (std::uint64_t{0} - (raw & 1U)));
}
constexpr std::uint32_t zigzag(std::int32_t value) {
    return (static_cast<std::uint32_t>(value) << 1U) ^ static_cast<std::uint32_t>(value >> 31U);
}
constexpr std::uint64_t zigzag(std::int64_t value) {
    return (static_cast<std::uint64_t>(value) << 1U) ^ static_cast<std::uint64_t>(value >> 63U);
}

// Reads at `at`, which moves behind the varint when all is well.
template <class Signed, class Raw>
VarintResult read_zigzag(const std::byte*& at, const std::byte* end, Signed& value) {
    Raw raw = 0;
    for (unsigned shift = 0; shift < sizeof(Raw) * 8; shift += 7) {
        if (at == end) return VarintResult::premature_end;
        const auto byte = static_cast<Raw>(*at++);
        raw |= static_cast<Raw>((byte & 0x7fU) << shift);
        if ((byte & 0x80U) == 0) {
            value = unzigzag(raw);
            return VarintResult::ok;
        }
    }
    return VarintResult::too_long;
}
inline VarintResult read_varint(const std::byte*& at, const std::byte* end, std::int32_t& value) {
    return read_zigzag<std::int32_t, std::uint32_t>(at, end, value);
}
inline VarintResult read_varlong(const std::byte*& at, const std::byte* end, std::int64_t& value) {
    return read_zigzag<std::int64_t, std::uint64_t>(at, end, value);
}

template <class Raw>
void append_raw_varint(std::vector<std::byte>& out, Raw raw) {
    for (; raw >= 0x80U; raw >>= 7U) out.push_back(static_cast<std::byte>((raw & 0x7fU) | 0x80U));
    out.push_back(static_cast<std::byte>(raw));
}
inline void append_varint(std::vector<std::byte>& out, std::int32_t value) {
    append_raw_varint(out, zigzag(value));
}
inline void append_varlong(std::vector<std::byte>& out, std::int64_t value) {
    append_raw_varint(out, zigzag(value));
}

template <class Signed>
constexpr std::size_t zigzag_size(Signed value) {
    std::size_t size = 1;
    for (auto raw = zigzag(value); raw >= 0x80U; raw >>= 7U) ++size;
    return size;
}

}  // namespace gregor::records
