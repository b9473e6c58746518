// A .properties file as java.util.Properties reads it: comments, escapes, continued lines; the last entry of
// a key wins.
//
//   line    := blank | ('#' | '!') text | key (ws* ('=' | ':') ws* | ws+) value
//   key     := characters up to the first unescaped '=', ':' or white space
//   escape  := '\' then n, t, r, f, uXXXX, a line end (continues; leading white space of the next line is
//   dropped),
//              or any other character, which stands for itself
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace gregor::node {

struct Property {
    std::string key;
    std::string value;
    std::size_t line = 0;  // where the entry starts, from 1; 0 for what came from the command line
};

// In order of appearance, each key once (its last value). Fails on a malformed \uXXXX, a control character in
// a key, or a file over 1 MiB, naming the line.
Result<std::vector<Property>> parse_properties(std::string_view text);

// "key=value" of --override.
Result<Property> parse_override(std::string_view text);

}  // namespace gregor::node
