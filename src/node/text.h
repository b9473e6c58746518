// Small text helpers that the settings share.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gregor::node {

std::string_view trim(std::string_view text);                     // ASCII white space
std::vector<std::string_view> split_list(std::string_view text);  // by comma, trimmed, empty parts left out
std::string to_upper(std::string_view text);                      // ASCII
std::optional<std::int64_t> parse_int(std::string_view text);     // the whole text, decimal

}  // namespace gregor::node
