#include "protocol/arbitrary.h"

#include <algorithm>
#include <array>
#include <string>

namespace gregor::protocol {

std::string_view Arbitrary::text() {
    static const std::string long_text(300, 'x');
    static const std::string longest_text(0x7fff, 'y');
    static constexpr std::array<std::string_view, 8> k_texts{
        "", "a", "topic-1", "gr\u00fc\u00dfe", "\u4e3b\u9898", "\"quoted\\\"\n", "\x01", "group.with.dots"};
    switch (prng_.below(32)) {
        case 0: return long_text;
        case 1: return longest_text;
        default: return k_texts[prng_.below(k_texts.size())];
    }
}

std::size_t Arbitrary::count() {
    const auto wanted = prng_.chance(1, 16) ? 130 : prng_.below(4);  // 130: counts of two varint bytes
    const auto given = std::min<std::size_t>(wanted, elements_left_);
    elements_left_ -= given;
    return given;
}

void Arbitrary::unknown_tags(UnknownTags& into, std::uint32_t from) {
    if (!prng_.chance(1, 8)) return;
    into.add(from + static_cast<std::uint32_t>(prng_.below(200)), bytes());
    into.add(from + 200 + static_cast<std::uint32_t>(prng_.below(1U << 30U)), bytes());
}

}  // namespace gregor::protocol
