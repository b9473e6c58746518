#include "coordinator/utf16.h"

namespace gregor::coordinator {
namespace {

struct CodePoint {
    std::uint32_t value = 0;
    std::size_t size = 1;
};

CodePoint decode_utf8(std::string_view text) {
    const auto lead = static_cast<unsigned char>(text[0]);
    const std::size_t size = lead < 0x80U ? 1 : lead < 0xe0U ? 2 : lead < 0xf0U ? 3 : 4;
    if (size == 1 || size > text.size()) return {lead, 1};
    std::uint32_t value = lead & (0xffU >> (size + 1));
    for (std::size_t i = 1; i < size; ++i)
        value = value << 6U | (static_cast<unsigned char>(text[i]) & 0x3fU);
    return {value, size};
}

}  // namespace

std::vector<std::uint16_t> utf16(std::string_view text) {
    std::vector<std::uint16_t> units;
    units.reserve(text.size());
    while (!text.empty()) {
        const auto point = decode_utf8(text);
        text.remove_prefix(point.size);
        if (point.value >= 0x10000U) {
            const auto beyond = point.value - 0x10000U;
            units.push_back(static_cast<std::uint16_t>(0xd800U | beyond >> 10U));
            units.push_back(static_cast<std::uint16_t>(0xdc00U | (beyond & 0x3ffU)));
        } else {
            units.push_back(static_cast<std::uint16_t>(point.value));
        }
    }
    return units;
}

}  // namespace gregor::coordinator
