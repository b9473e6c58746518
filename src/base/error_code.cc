#include "base/error_code.h"

#include <algorithm>
#include <array>

namespace gregor {
namespace {

struct ErrorRow {
    ErrorCode code;
    std::string_view lower_name;
    bool retriable;
};

constexpr auto k_rows = std::to_array<ErrorRow>({
#define ERROR_CODE(code, name, retriable) {ErrorCode::name, #name, retriable},
#include "error_codes.def"
#undef ERROR_CODE
});

// The names upper-cased once at compile time, laid out in one array so that views into it live for ever.
constexpr std::size_t k_name_bytes_max = 64;
using UpperNames = std::array<std::array<char, k_name_bytes_max>, k_rows.size()>;
constexpr UpperNames k_upper_names = [] {
    UpperNames names{};
    for (std::size_t row = 0; row < k_rows.size(); ++row) {
        const auto lower = k_rows[row].lower_name;
        for (std::size_t i = 0; i < lower.size(); ++i) {
            const char c = lower[i];
            names[row][i] = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
        }
    }
    return names;
}();

const ErrorRow* find(ErrorCode code) {
    const auto* row = std::ranges::find(k_rows, code, &ErrorRow::code);
    return row == k_rows.end() ? nullptr : row;
}

}  // namespace

std::string_view error_name(ErrorCode code) {
    const auto* row = find(code);
    if (row == nullptr) return "UNKNOWN";
    return {k_upper_names[static_cast<std::size_t>(row - k_rows.data())].data(), row->lower_name.size()};
}

bool is_retriable(ErrorCode code) {
    const auto* row = find(code);
    return row != nullptr && row->retriable;
}

}  // namespace gregor
