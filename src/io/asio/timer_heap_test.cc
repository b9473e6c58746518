#include "io/asio/timer_heap.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "base/prng.h"

namespace gregor::io {
namespace {

Instant at(std::int64_t n) { return Instant::from_nanos(n); }

TEST(TimerHeap, GivesNothingBeforeItsTime) {
    TimerHeap timers;
    timers.add(at(10), [] {});
    EXPECT_EQ(timers.take_due(at(9)), nullptr);
    EXPECT_NE(timers.take_due(at(10)), nullptr);
    EXPECT_EQ(timers.take_due(at(99)), nullptr);
    EXPECT_EQ(timers.earliest(), Instant::never());
}

TEST(TimerHeap, CancelledTimersDoNotPileUp) {
    TimerHeap timers;
    for (int i = 0; i < 1'000'000; ++i) timers.cancel(timers.add(at(1'000 + i), [] {}));
    EXPECT_EQ(timers.size(), 0U);
    EXPECT_EQ(timers.earliest(), Instant::never());
}

TEST(TimerHeap, RandomHistoryFiresWhatIsLeftInOrder) {
    Prng prng{7};
    TimerHeap timers;
    std::vector<std::pair<std::int64_t, TimerId>> added;
    std::vector<std::int64_t> expected;
    std::vector<std::int64_t> fired;
    for (int i = 0; i < 5'000; ++i) {
        const auto when = prng.between(0, 1'000);
        added.emplace_back(when, timers.add(at(when), [&fired, when] { fired.push_back(when); }));
    }
    for (const auto& [when, timer] : added) {
        if (prng.chance(1, 3)) {
            timers.cancel(timer);
        } else {
            expected.push_back(when);
        }
    }
    std::ranges::sort(expected);
    while (auto task = timers.take_due(at(1'000))) task();
    EXPECT_EQ(fired, expected);
}

}  // namespace
}  // namespace gregor::io
