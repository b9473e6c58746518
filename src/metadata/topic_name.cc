#include "metadata/topic_name.h"

#include <fmt/format.h>

#include <algorithm>

namespace gregor::metadata {
namespace {

bool is_legal(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

std::unexpected<Error> invalid(std::string why) {
    return fail(ErrorCode::invalid_topic_exception, "Topic name is invalid: " + std::move(why));
}

}  // namespace

Status check_topic_name(std::string_view name) {
    if (name.empty()) return invalid("the empty string is not allowed");
    if (name == "." || name == "..") return invalid(fmt::format("'{}' is not allowed", name));
    if (name.size() > k_topic_name_chars_max) {
        return invalid(fmt::format("the length of '{}' is longer than the max allowed length {}", name,
                                   k_topic_name_chars_max));
    }
    if (!std::ranges::all_of(name, is_legal)) {
        return invalid(fmt::format(
            "'{}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'", name));
    }
    return {};
}

bool has_collision_chars(std::string_view name) { return name.find_first_of("._") != std::string_view::npos; }

std::string collision_form(std::string_view name) {
    std::string form(name);
    std::ranges::replace(form, '.', '_');
    return form;
}

}  // namespace gregor::metadata
