#include "records/crc32c.h"

#include <isa-l/crc.h>

#include <algorithm>
#include <limits>

namespace gregor::records {

// ISA-L takes and gives the register itself; the checksum is its complement. Lengths are ints there.
std::uint32_t crc32c(Bytes bytes, std::uint32_t before) {
    constexpr std::size_t k_piece_bytes_max = std::size_t{1} << 30U;
    static_assert(k_piece_bytes_max < std::size_t{std::numeric_limits<int>::max()});
    std::uint32_t state = ~before;
    while (!bytes.empty()) {
        const auto piece = bytes.first(std::min(bytes.size(), k_piece_bytes_max));
        auto* begin = reinterpret_cast<unsigned char*>(const_cast<std::byte*>(piece.data()));  // only read
        state = crc32_iscsi(begin, static_cast<int>(piece.size()), state);
        bytes = bytes.subspan(piece.size());
    }
    return ~state;
}

}  // namespace gregor::records
