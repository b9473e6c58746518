// The lines of a gzipped golden file, each parsed as JSON.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json.hpp>

namespace gregor::golden {

// Calls `each` with every line of tests/golden/`name`; returns how many there were.
std::size_t for_each_line(const std::string& name,
                          const std::function<void(const boost::json::object&)>& each);

std::vector<std::byte> from_hex(std::string_view hex);
std::string to_hex(const std::vector<std::byte>& bytes);

// Equal values, whatever their representation of a number.
bool same_json(const boost::json::value& a, const boost::json::value& b);

}  // namespace gregor::golden
