#include "base/ids.h"

namespace gregor {
namespace {

constexpr std::string_view k_alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::size_t k_text_chars = 22;

// The six bits that start `shift` bits above the end of the 128-bit number.
unsigned sextet_at(std::uint64_t high, std::uint64_t low, unsigned shift) {
    const auto wide = (static_cast<unsigned __int128>(high) << 64U) | low;
    return static_cast<unsigned>(wide >> shift) & 63U;
}

}  // namespace

std::string Uuid::to_string() const {
    std::string text;
    text.reserve(k_text_chars);
    for (unsigned i = 0; i < k_text_chars - 1; ++i) text += k_alphabet[sextet_at(high_, low_, 122 - 6 * i)];
    text += k_alphabet[(low_ & 3U) << 4U];  // 128 bits leave two for the last character
    return text;
}

std::optional<Uuid> Uuid::parse(std::string_view text) {
    if (text.size() != k_text_chars) return std::nullopt;
    unsigned __int128 wide = 0;
    for (std::size_t i = 0; i < k_text_chars; ++i) {
        const auto sextet = k_alphabet.find(text[i]);
        if (sextet == std::string_view::npos) return std::nullopt;
        if (i + 1 < k_text_chars) {
            wide = (wide << 6U) | sextet;
        } else {
            wide = (wide << 2U) | (sextet >> 4U);
        }
    }
    return Uuid{static_cast<std::uint64_t>(wide >> 64U), static_cast<std::uint64_t>(wide)};
}

}  // namespace gregor
