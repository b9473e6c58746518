// How a record is printed: by a template, or as a line of JSON.
//
//   %t topic  %p partition  %o offset  %T time  %m milliseconds  %k key  %v value  %h headers  %n new line %%
//   a percent
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "records/record.h"

namespace gregor::cli {

struct PrintedRecord {
    std::string_view topic;
    std::int32_t partition = 0;
    std::int64_t offset = 0;
    std::int64_t timestamp = 0;
    const records::RecordView& record;
};

class RecordFormat {
public:
    // Fails on a letter that means nothing.
    static Result<RecordFormat> parse(std::string_view text);
    void print(const PrintedRecord& record, std::string& out) const;

private:
    struct Piece {
        std::string text;  // in front of the field
        char field = 0;    // 0: none
    };
    std::vector<Piece> pieces_;
};

// One object and a line end. Bytes that are no UTF-8 come as {"base64": "..."}.
void print_json(const PrintedRecord& record, std::string& out);
bool is_utf8(std::string_view text);

}  // namespace gregor::cli
