#include "io/ports.h"

namespace gregor::io {

Uuid random_uuid(Random& random) {
    constexpr std::uint64_t k_version_mask = 0xf000U;
    constexpr std::uint64_t k_version_4 = 0x4000U;
    constexpr std::uint64_t k_variant_mask = 0xc000'0000'0000'0000U;
    constexpr std::uint64_t k_variant_rfc = 0x8000'0000'0000'0000U;
    for (;;) {
        const auto high = (random.next() & ~k_version_mask) | k_version_4;
        const auto low = (random.next() & ~k_variant_mask) | k_variant_rfc;
        const Uuid id{high, low};
        if (id.to_string().front() != '-') return id;  // a dash in front looks like an option to tools
    }
}

}  // namespace gregor::io
