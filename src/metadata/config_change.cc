#include "metadata/config_change.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace gregor::metadata {
namespace {

// As Java splits: empty elements at the end are dropped, but for those of an empty text.
std::vector<std::string_view> elements_of(std::string_view text) {
    std::vector<std::string_view> elements;
    const auto whole = text;
    while (true) {
        const auto comma = text.find(',');
        elements.push_back(text.substr(0, comma));
        if (comma == std::string_view::npos) break;
        text.remove_prefix(comma + 1);
    }
    while (!whole.empty() && !elements.empty() && elements.back().empty()) elements.pop_back();
    return elements;
}

}  // namespace

bool is_known(ConfigOperation operation) {
    return operation >= ConfigOperation::set && operation <= ConfigOperation::subtract;
}

std::string changed_list(ConfigOperation operation, std::string_view list, std::string_view value) {
    std::vector<std::string_view> elements;
    if (!list.empty()) elements = elements_of(list);
    for (const auto element : elements_of(value)) {
        if (operation == ConfigOperation::subtract) {
            std::erase(elements, element);
        } else if (std::ranges::find(elements, element) == elements.end()) {
            elements.push_back(element);
        }
    }
    return fmt::format("{}", fmt::join(elements, ","));
}

}  // namespace gregor::metadata
