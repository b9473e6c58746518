#include "node/properties.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <optional>

namespace gregor::node {
namespace {

constexpr std::size_t k_file_bytes_max = 1024 * 1024;

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\f'; }
bool is_line_end(char c) { return c == '\n' || c == '\r'; }

// Reads the text one logical line at a time, keeping the number of the physical line.
class LineReader {
public:
    explicit LineReader(std::string_view text) : rest_(text) {}

    // The next line that holds an entry, continuation lines joined, escapes still in place; nullopt at the
    // end.
    std::optional<std::string> next() {
        while (!rest_.empty()) {
            skip_blanks();
            start_line_ = line_;
            if (rest_.empty()) return std::nullopt;
            if (rest_.front() == '#' || rest_.front() == '!' || is_line_end(rest_.front())) {
                take_physical_line();
                continue;
            }
            return join_continued();
        }
        return std::nullopt;
    }
    std::size_t start_line() const { return start_line_; }

private:
    void skip_blanks() {
        while (!rest_.empty() && is_blank(rest_.front())) rest_.remove_prefix(1);
    }

    std::string_view take_physical_line() {
        const auto end = std::min(rest_.find_first_of("\r\n"), rest_.size());
        const auto line = rest_.substr(0, end);
        rest_.remove_prefix(end);
        if (rest_.starts_with("\r\n")) rest_.remove_prefix(1);
        if (!rest_.empty()) rest_.remove_prefix(1);
        ++line_;
        return line;
    }

    std::string join_continued() {
        std::string joined;
        for (;;) {
            const auto line = take_physical_line();
            const auto last_other = line.find_last_not_of('\\');
            const auto backslashes =
                line.size() - (last_other == std::string_view::npos ? 0 : last_other + 1);
            if (backslashes % 2 == 0) return joined.append(line);
            joined.append(line.substr(0, line.size() - 1));
            if (rest_.empty()) return joined;
            skip_blanks();
        }
    }

    std::string_view rest_;
    std::size_t line_ = 1;
    std::size_t start_line_ = 1;
};

void append_utf8(std::string& out, std::uint32_t unit) {
    if (unit < 0x80) {
        out += static_cast<char>(unit);
    } else if (unit < 0x800) {
        out += static_cast<char>(0xc0U | unit >> 6U);
        out += static_cast<char>(0x80U | (unit & 0x3fU));
    } else {
        out += static_cast<char>(0xe0U | unit >> 12U);
        out += static_cast<char>(0x80U | (unit >> 6U & 0x3fU));
        out += static_cast<char>(0x80U | (unit & 0x3fU));
    }
}

std::optional<std::uint32_t> parse_hex4(std::string_view digits) {
    if (digits.size() != 4) return std::nullopt;
    std::uint32_t unit = 0;
    for (const char c : digits) {
        const auto lower = static_cast<char>(c | 0x20);
        if (c >= '0' && c <= '9') {
            unit = unit * 16 + static_cast<std::uint32_t>(c - '0');
        } else if (lower >= 'a' && lower <= 'f') {
            unit = unit * 16 + static_cast<std::uint32_t>(lower - 'a' + 10);
        } else {
            return std::nullopt;
        }
    }
    return unit;
}

Result<std::string> unescape(std::string_view raw) {
    std::string out;
    for (std::size_t i = 0; i < raw.size(); ++i) {
        if (raw[i] != '\\' || i + 1 == raw.size()) {
            if (raw[i] != '\\') out += raw[i];
            continue;
        }
        const char c = raw[++i];
        if (c == 'u') {
            const auto unit = parse_hex4(raw.substr(i + 1, 4));
            if (!unit)
                return fail(ErrorCode::invalid_config,
                            R"(malformed \uXXXX escape: four hexadecimal digits must follow \u)");
            append_utf8(out, *unit);
            i += 4;
        } else {
            constexpr std::string_view k_names = "ntrf";
            constexpr std::string_view k_values = "\n\t\r\f";
            const auto named = k_names.find(c);
            out += named == std::string_view::npos ? c : k_values[named];
        }
    }
    return out;
}

// Where the key ends: the first '=', ':' or blank that no backslash protects.
std::size_t key_end(std::string_view line) {
    for (std::size_t i = 0; i < line.size(); ++i) {
        if (line[i] == '\\') {
            ++i;
        } else if (line[i] == '=' || line[i] == ':' || is_blank(line[i])) {
            return i;
        }
    }
    return line.size();
}

Result<Property> parse_entry(std::string_view line) {
    const auto end = key_end(line);
    auto key = TRY(unescape(line.substr(0, end)));
    line.remove_prefix(end);
    const auto skip = [&line] {
        while (!line.empty() && is_blank(line.front())) line.remove_prefix(1);
    };
    skip();
    if (!line.empty() && (line.front() == '=' || line.front() == ':')) {
        line.remove_prefix(1);
        skip();
    }
    const bool has_control =
        std::ranges::any_of(key, [](char c) { return static_cast<unsigned char>(c) < 0x20; });
    if (has_control)
        return fail(ErrorCode::invalid_config, "a key may not hold control characters: is this a text file?");
    return Property{std::move(key), TRY(unescape(line)), 0};
}

void set(std::vector<Property>& properties, Property added) {
    const auto found = std::ranges::find(properties, added.key, &Property::key);
    if (found == properties.end()) {
        properties.push_back(std::move(added));
    } else {
        *found = std::move(added);
    }
}

}  // namespace

Result<std::vector<Property>> parse_properties(std::string_view text) {
    if (text.size() > k_file_bytes_max) {
        return fail(ErrorCode::invalid_config,
                    fmt::format("{} bytes are more than a properties file may have ({})", text.size(),
                                k_file_bytes_max));
    }
    std::vector<Property> properties;
    LineReader lines(text);
    while (const auto line = lines.next()) {
        auto entry = parse_entry(*line);
        if (!entry)
            return fail(entry.error().code,
                        fmt::format("line {}: {}", lines.start_line(), entry.error().detail));
        entry->line = lines.start_line();
        set(properties, std::move(*entry));
    }
    return properties;
}

Result<Property> parse_override(std::string_view text) {
    const auto equals = text.find('=');
    if (equals == std::string_view::npos || equals == 0) {
        return fail(ErrorCode::invalid_config, fmt::format("--override {}: write it as key=value", text));
    }
    return Property{std::string(text.substr(0, equals)), std::string(text.substr(equals + 1)), 0};
}

}  // namespace gregor::node
