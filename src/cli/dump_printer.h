// Rows of a dump as they come, however long the file: "batch base_offset=0 last_offset=3 ...", or a JSON
// object a line.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/table.h"

namespace gregor::cli {

class DumpPrinter {
public:
    using Field = std::pair<std::string_view, Cell>;

    explicit DumpPrinter(bool is_json) : is_json_(is_json) {}

    void file(const std::string& path);
    void row(std::string_view kind, const std::vector<Field>& fields);
    // Text that is JSON already, behind a row's fields.
    void row_with_json(std::string_view kind, const std::vector<Field>& fields, std::string_view json);
    void problem(const std::string& sentence);
    void text(std::string_view contents);

    std::uint64_t problems() const { return problems_; }

private:
    const bool is_json_;
    std::string path_;
    std::uint64_t problems_ = 0;
};

}  // namespace gregor::cli
