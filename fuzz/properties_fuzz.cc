// Any bytes as a properties file: an answer or an error with its line, never a crash.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "node/properties.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto parsed = gregor::node::parse_properties({reinterpret_cast<const char*>(data), size});
    if (!parsed) return parsed.error().detail.empty() ? std::abort(), 0 : 0;
    for (const auto& property : *parsed) {
        if (property.key.size() + property.value.size() > 2 * size)
            std::abort();  // \uXXXX: at most 3 bytes for 6
    }
    return 0;
}
