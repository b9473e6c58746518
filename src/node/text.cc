#include "node/text.h"

#include <algorithm>
#include <charconv>

namespace gregor::node {

std::string_view trim(std::string_view text) {
    constexpr std::string_view k_white = " \t\r\n\f\v";
    const auto from = text.find_first_not_of(k_white);
    if (from == std::string_view::npos) return {};
    return text.substr(from, text.find_last_not_of(k_white) - from + 1);
}

std::vector<std::string_view> split_list(std::string_view text) {
    std::vector<std::string_view> parts;
    while (!text.empty()) {
        const auto comma = std::min(text.find(','), text.size());
        if (const auto part = trim(text.substr(0, comma)); !part.empty()) parts.push_back(part);
        text.remove_prefix(std::min(comma + 1, text.size()));
    }
    return parts;
}

std::string to_upper(std::string_view text) {
    std::string upper(text);
    for (auto& c : upper) {
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    }
    return upper;
}

std::optional<std::int64_t> parse_int(std::string_view text) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

}  // namespace gregor::node
