// xxHash32, as the checksums of LZ4 frames use it. liblz4 holds it but does not export it.
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace gregor::records {

std::uint32_t xxh32(Bytes bytes, std::uint32_t seed = 0);

}  // namespace gregor::records
