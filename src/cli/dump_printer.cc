#include "cli/dump_printer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

namespace gregor::cli {
namespace {

std::string value_text(const Cell& cell) {
    if (const auto* text = std::get_if<std::string>(&cell)) return *text;
    if (const auto* number = std::get_if<std::int64_t>(&cell)) return std::to_string(*number);
    if (const auto* flag = std::get_if<bool>(&cell)) return *flag ? "yes" : "no";
    return "-";
}

std::string value_json(const Cell& cell) {
    if (const auto* flag = std::get_if<bool>(&cell)) return *flag ? "true" : "false";
    if (std::holds_alternative<std::monostate>(cell)) return "null";
    return std::holds_alternative<std::string>(cell) ? json_string(std::get<std::string>(cell))
                                                     : value_text(cell);
}

}  // namespace

void DumpPrinter::file(const std::string& path) {
    path_ = path;
    if (!is_json_) fmt::print("{}\n", path);
}

void DumpPrinter::row(std::string_view kind, const std::vector<Field>& fields) {
    row_with_json(kind, fields, {});
}

void DumpPrinter::row_with_json(std::string_view kind, const std::vector<Field>& fields,
                                std::string_view json) {
    std::string line = is_json_ ? fmt::format("{{\"file\":{},\"kind\":\"{}\"", json_string(path_), kind)
                                : fmt::format("  {}", kind);
    for (const auto& [name, cell] : fields)
        line += is_json_ ? fmt::format(",\"{}\":{}", name, value_json(cell))
                         : fmt::format(" {}={}", name, value_text(cell));
    if (!json.empty()) line += is_json_ ? fmt::format(",\"data\":{}", json) : fmt::format(" {}", json);
    fmt::print("{}{}\n", line, is_json_ ? "}" : "");
}

void DumpPrinter::problem(const std::string& sentence) {
    ++problems_;
    if (is_json_)
        row("problem", {{"text", sentence}});
    else
        fmt::print("  PROBLEM {}\n", sentence);
}

void DumpPrinter::text(std::string_view contents) {
    while (!contents.empty()) {
        const auto end = std::min(contents.find('\n'), contents.size());
        if (is_json_)
            row("line", {{"text", std::string(contents.substr(0, end))}});
        else
            fmt::print("  {}\n", contents.substr(0, end));
        contents.remove_prefix(std::min(end + 1, contents.size()));
    }
}

}  // namespace gregor::cli
