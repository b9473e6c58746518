// Counts what operator new hands out while it lives, in this test binary.
#pragma once

#include <cstddef>

namespace gregor::golden {

class AllocationProbe {
public:
    AllocationProbe();
    std::size_t allocated() const;  // bytes since construction

private:
    std::size_t before_;
};

}  // namespace gregor::golden
