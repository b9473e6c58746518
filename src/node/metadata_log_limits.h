// When segments of the metadata log roll.
#pragma once

#include <cstdint>

namespace gregor::node {

struct MetadataLogLimits {
    std::int32_t segment_bytes = 1 << 30;   // metadata.log.segment.bytes
    std::int64_t segment_ms = 604'800'000;  // metadata.log.segment.ms
};

}  // namespace gregor::node
