// The common shape of the checkpoints, Kafka's and ours: a version, a count, so many lines of fields. Private
// to this folder.
#pragma once

#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "io/ports.h"

namespace gregor::storage {

Error malformed(const std::string& path, std::string_view why);

// A decimal number and nothing else; the names of files have them, too.
template <class Number>
std::optional<Number> parse_number(std::string_view text) {
    Number value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

// The entries of a checkpoint of version 0, each split into so many fields.
Result<std::vector<std::vector<std::string_view>>> parse_checkpoint(std::string_view text, std::size_t fields,
                                                                    const std::string& path);
// A file that may be missing; then it is empty.
Result<std::string> read_if_there(io::FileSystem& files, const std::string& path);

}  // namespace gregor::storage
