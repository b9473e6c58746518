#include <cstdint>
#include <limits>
#include <string_view>

#include "base/assert.h"
#include "coordinator/runtime.h"

namespace gregor::coordinator {
namespace {

struct CodePoint {
    std::uint32_t value = 0;
    std::size_t size = 1;
};

// Text that reached us as a protocol string is valid UTF-8; anything else counts byte by byte.
CodePoint decode_utf8(std::string_view text) {
    const auto lead = static_cast<unsigned char>(text[0]);
    const std::size_t size = lead < 0x80U ? 1 : lead < 0xe0U ? 2 : lead < 0xf0U ? 3 : 4;
    if (size == 1 || size > text.size()) return {lead, 1};
    std::uint32_t value = lead & (0xffU >> (size + 1));
    for (std::size_t i = 1; i < size; ++i)
        value = value << 6U | (static_cast<unsigned char>(text[i]) & 0x3fU);
    return {value, size};
}

std::int32_t java_hash(std::string_view text) {
    std::uint32_t hash = 0;
    while (!text.empty()) {
        const auto point = decode_utf8(text);
        text.remove_prefix(point.size);
        if (point.value >= 0x10000U) {
            const auto beyond = point.value - 0x10000U;
            hash = 31 * hash + (0xd800U | beyond >> 10U);
            hash = 31 * hash + (0xdc00U | (beyond & 0x3ffU));
        } else {
            hash = 31 * hash + point.value;
        }
    }
    return static_cast<std::int32_t>(hash);
}

}  // namespace

PartitionIndex partition_for_key(std::string_view key, std::int32_t count) {
    ASSERT(count > 0);
    const auto hash = java_hash(key);
    if (hash == std::numeric_limits<std::int32_t>::min()) return PartitionIndex{0};
    return PartitionIndex{(hash < 0 ? -hash : hash) % count};
}

}  // namespace gregor::coordinator
