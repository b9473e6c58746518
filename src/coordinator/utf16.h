// Java's characters: what Kafka hashes of a text is its UTF-16.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace gregor::coordinator {

// Text that reached us as a protocol string is valid UTF-8; anything else counts byte by byte.
std::vector<std::uint16_t> utf16(std::string_view text);

}  // namespace gregor::coordinator
