#include "io/asio/machine.h"

#include <sys/random.h>

#include <ctime>

#include "base/assert.h"

namespace gregor::io {
namespace {

std::int64_t read_clock_ns(clockid_t clock) {
    constexpr std::int64_t k_second_ns = 1'000'000'000;
    timespec time{};
    const int outcome = ::clock_gettime(clock, &time);
    ASSERT(outcome == 0);
    return time.tv_sec * k_second_ns + time.tv_nsec;
}

}  // namespace

Instant MachineClock::now() const { return Instant::from_nanos(read_clock_ns(CLOCK_MONOTONIC)); }

std::int64_t MachineClock::wall_clock_ms() const {
    constexpr std::int64_t k_millisecond_ns = 1'000'000;
    return read_clock_ns(CLOCK_REALTIME) / k_millisecond_ns;
}

std::uint64_t MachineRandom::next() {
    if (used_ == block_.size()) {
        // At most 256 bytes: the kernel gives them all or none, and blocks only before the machine is seeded.
        ssize_t size = 0;
        do {
            size = ::getrandom(block_.data(), sizeof(block_), 0);
        } while (size < 0);
        ASSERT(size == static_cast<ssize_t>(sizeof(block_)));
        used_ = 0;
    }
    return block_[used_++];
}

}  // namespace gregor::io
