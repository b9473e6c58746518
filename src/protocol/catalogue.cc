#include "protocol/catalogue.h"

#include <algorithm>

namespace gregor::protocol {

extern const CatalogueRow k_catalogue_rows[];
extern const std::size_t k_catalogue_row_count;

std::span<const CatalogueRow> catalogue() { return {k_catalogue_rows, k_catalogue_row_count}; }

const CatalogueRow* find_message(std::string_view name) {
    const auto rows = catalogue();
    const auto row = std::ranges::find(rows, name, &CatalogueRow::name);
    return row == rows.end() ? nullptr : &*row;
}

const CatalogueRow* find_message(MessageKind kind, std::int16_t key) {
    const auto rows = catalogue();
    const auto row =
        std::ranges::find_if(rows, [&](const CatalogueRow& r) { return r.kind == kind && r.key == key; });
    return row == rows.end() ? nullptr : &*row;
}

}  // namespace gregor::protocol
