#include <cstdint>
#include <limits>
#include <string_view>

#include "base/assert.h"
#include "coordinator/runtime.h"
#include "coordinator/utf16.h"

namespace gregor::coordinator {
namespace {

std::int32_t java_hash(std::string_view text) {
    std::uint32_t hash = 0;
    for (const auto unit : utf16(text)) hash = 31 * hash + unit;
    return static_cast<std::int32_t>(hash);
}

}  // namespace

PartitionIndex partition_for_key(std::string_view key, std::int32_t count) {
    ASSERT(count > 0);
    const auto hash = java_hash(key);
    if (hash == std::numeric_limits<std::int32_t>::min()) return PartitionIndex{0};
    return PartitionIndex{(hash < 0 ? -hash : hash) % count};
}

}  // namespace gregor::coordinator
