// Rows for people or for programs: columns that line up, or JSON.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace gregor::cli {

// Nothing is "-" in a table and null in JSON.
using Cell = std::variant<std::monostate, std::string, std::int64_t, bool>;

class Table {
public:
    // Column names as JSON has them, such as "log_end_offset"; people see LOG-END-OFFSET.
    explicit Table(std::vector<std::string> columns) : columns_(std::move(columns)) {}

    void add(std::vector<Cell> row) { rows_.push_back(std::move(row)); }
    bool empty() const { return rows_.empty(); }
    std::string text() const;
    std::string json() const;  // a list of objects

private:
    std::vector<std::string> columns_;
    std::vector<std::vector<Cell>> rows_;
};

std::string json_string(std::string_view text);
Cell cell_or_none(std::optional<std::int64_t> number);

}  // namespace gregor::cli
