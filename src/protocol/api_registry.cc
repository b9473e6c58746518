#include "protocol/api_registry.h"

#include <algorithm>

namespace gregor::protocol {

extern const ApiRow k_api_rows[];
extern const std::size_t k_api_row_count;

std::span<const ApiRow> api_rows() { return {k_api_rows, k_api_row_count}; }

const ApiRow* find_api(std::int16_t key) {
    const auto rows = api_rows();
    const auto row = std::ranges::lower_bound(
        rows, key, {}, [](const ApiRow& r) { return static_cast<std::int16_t>(r.key); });
    return row != rows.end() && static_cast<std::int16_t>(row->key) == key ? &*row : nullptr;
}

std::int16_t request_header_version(const ApiRow& row, std::int16_t version) {
    return row.flexible(version) ? 2 : 1;
}

std::int16_t response_header_version(const ApiRow& row, std::int16_t version) {
    return row.flexible(version) && row.key != ApiKey::api_versions ? 1 : 0;
}

}  // namespace gregor::protocol
