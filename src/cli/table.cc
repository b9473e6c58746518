#include "cli/table.h"

#include <fmt/format.h>

#include <algorithm>

namespace gregor::cli {
namespace {

struct CellText {
    std::string operator()(std::monostate) const { return "-"; }
    std::string operator()(const std::string& text) const { return text.empty() ? "-" : text; }
    std::string operator()(std::int64_t number) const { return std::to_string(number); }
    std::string operator()(bool flag) const { return flag ? "yes" : "no"; }
};

struct CellJson {
    std::string operator()(std::monostate) const { return "null"; }
    std::string operator()(const std::string& text) const { return json_string(text); }
    std::string operator()(std::int64_t number) const { return std::to_string(number); }
    std::string operator()(bool flag) const { return flag ? "true" : "false"; }
};

std::string heading(std::string_view column) {
    std::string text(column);
    for (auto& c : text) {
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
        if (c == '_') c = '-';
    }
    return text;
}

// Code points, so that names in other scripts line up better than by bytes.
std::size_t width_of(std::string_view text) {
    return static_cast<std::size_t>(
        std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; }));
}

}  // namespace

std::string json_string(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (byte < 0x20) {
            out += fmt::format("\\u{:04x}", byte);
        } else {
            out += c;
        }
    }
    return out + "\"";
}

Cell cell_or_none(std::optional<std::int64_t> number) { return number ? Cell(*number) : Cell(); }

std::string Table::text() const {
    std::vector<std::vector<std::string>> lines{{}};
    for (const auto& column : columns_) lines.front().push_back(heading(column));
    for (const auto& row : rows_) {
        auto& line = lines.emplace_back();
        for (const auto& cell : row) line.push_back(std::visit(CellText{}, cell));
    }
    std::vector<std::size_t> widths(columns_.size());
    std::vector<bool> is_number(columns_.size(), true);
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        for (const auto& line : lines) widths[i] = std::max(widths[i], width_of(line[i]));
        for (const auto& row : rows_)
            is_number[i] = is_number[i] && !std::holds_alternative<std::string>(row[i]);
    }
    std::string out;
    for (const auto& line : lines) {
        std::string text;
        for (std::size_t i = 0; i < line.size(); ++i) {
            const std::string padding(widths[i] - width_of(line[i]), ' ');
            if (i > 0) text += "  ";
            text += is_number[i] ? padding + line[i] : line[i] + padding;
        }
        text.erase(text.find_last_not_of(' ') + 1);
        out += text + "\n";
    }
    return out;
}

std::string Table::json() const {
    std::string out = "[";
    for (const auto& row : rows_) {
        out += out.size() == 1 ? "{" : ",{";
        for (std::size_t i = 0; i < row.size(); ++i) {
            if (i > 0) out += ",";
            out += json_string(columns_[i]) + ":" + std::visit(CellJson{}, row[i]);
        }
        out += "}";
    }
    return out + "]";
}

}  // namespace gregor::cli
