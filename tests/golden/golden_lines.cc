#include "golden_lines.h"

#include <algorithm>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <zlib.h>

namespace gregor::golden {
namespace {

std::string inflate_file(const std::string& name) {
    std::string text;
    const auto path = std::string(GREGOR_SOURCE_DIR) + "/tests/golden/" + name;
    gzFile file = gzopen(path.c_str(), "rb");
    EXPECT_NE(file, nullptr) << path;
    if (file == nullptr) return text;
    std::vector<char> chunk(1U << 20U);
    for (int got = 0; (got = gzread(file, chunk.data(), static_cast<unsigned>(chunk.size()))) > 0;)
        text.append(chunk.data(), static_cast<std::size_t>(got));
    EXPECT_EQ(gzclose(file), Z_OK) << path;
    return text;
}

int nibble(char c) { return c <= '9' ? c - '0' : c - 'a' + 10; }

}  // namespace

std::size_t for_each_line(const std::string& name,
                          const std::function<void(const boost::json::object&)>& each) {
    const auto text = inflate_file(name);
    std::size_t lines = 0;
    for (std::size_t from = 0; from < text.size(); ++lines) {
        const auto end = std::min(text.find('\n', from), text.size());
        each(boost::json::parse(std::string_view(text).substr(from, end - from)).as_object());
        from = end + 1;
    }
    return lines;
}

std::vector<std::byte> from_hex(std::string_view hex) {
    std::vector<std::byte> bytes;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
        bytes.push_back(static_cast<std::byte>(nibble(hex[i]) * 16 + nibble(hex[i + 1])));
    return bytes;
}

std::string to_hex(const std::vector<std::byte>& bytes) {
    std::string hex;
    for (const auto byte : bytes) hex += fmt::format("{:02x}", static_cast<unsigned>(byte));
    return hex;
}

bool same_json(const boost::json::value& a, const boost::json::value& b) {
    if (a.is_double() || b.is_double())
        return a.is_number() && b.is_number() && a.to_number<double>() == b.to_number<double>();
    if (a.is_array() && b.is_array()) return std::ranges::equal(a.as_array(), b.as_array(), same_json);
    if (!a.is_object() || !b.is_object()) return a == b;
    if (a.as_object().size() != b.as_object().size()) return false;
    return std::ranges::all_of(a.as_object(), [&](const auto& member) {
        const auto* other = b.as_object().if_contains(member.key());
        return other != nullptr && same_json(member.value(), *other);
    });
}

}  // namespace gregor::golden
