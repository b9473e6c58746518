// CRC-32C (Castagnoli), as record batches v2 carry it.
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace gregor::records {

// The checksum of `bytes`. To go on over several pieces pass the checksum of what came before:
// crc32c(b, crc32c(a)) is the checksum of a followed by b.
std::uint32_t crc32c(Bytes bytes, std::uint32_t before = 0);

}  // namespace gregor::records
