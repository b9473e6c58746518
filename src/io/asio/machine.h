// The machine's clocks and its randomness.
#pragma once

#include <array>
#include <cstddef>

#include "io/ports.h"

namespace gregor::io {

// CLOCK_MONOTONIC and CLOCK_REALTIME. Stateless: safe on any thread.
class MachineClock final : public Clock {
public:
    Instant now() const override;
    std::int64_t wall_clock_ms() const override;
};

// The kernel's generator, drawn in blocks. One per shard.
class MachineRandom final : public Random {
public:
    std::uint64_t next() override;

private:
    std::array<std::uint64_t, 32> block_{};
    std::size_t used_ = block_.size();
};

}  // namespace gregor::io
