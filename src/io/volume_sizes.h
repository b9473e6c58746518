// A file system that knows how large the volumes are on which its folders lie. Those of tests need not.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace gregor::io {

class VolumeSizes {
public:
    virtual ~VolumeSizes() = default;
    virtual Result<std::int64_t> total_bytes(const std::string& path) = 0;
};

}  // namespace gregor::io
