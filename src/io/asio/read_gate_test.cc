#include "io/asio/read_gate.h"

#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <thread>
#include <tuple>

namespace gregor::io {
namespace {

TEST(ReadGate, IsContendedFromTheFirstFsyncUntilAWhileAfterTheLast) {
    ReadGate gate;
    EXPECT_FALSE(gate.is_contended());
    {
        const ReadGate::Sync first(gate);
        {
            const ReadGate::Sync second(gate);
        }
        EXPECT_TRUE(gate.is_contended());
    }
    EXPECT_TRUE(gate.is_contended());
    std::this_thread::sleep_for(std::chrono::milliseconds(1'100));
    EXPECT_FALSE(gate.is_contended());
}

TEST(ReadGate, ATurnComesThoughAnFsyncNeverEnds) {
    ReadGate gate;
    const ReadGate::Sync endless(gate);
    EXPECT_TRUE(gate.wait_for_turn().owns_lock());
    EXPECT_TRUE(gate.wait_for_turn().owns_lock());
}

TEST(ReadGate, ATurnIsOneReadersAlone) {
    ReadGate gate;
    std::atomic<bool> is_first_done = false;
    std::optional turn(gate.wait_for_turn());
    std::thread second([&] {
        const auto mine = gate.wait_for_turn();
        EXPECT_TRUE(is_first_done);
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    is_first_done = true;
    turn.reset();
    second.join();
}

// A thousand turns beside an fsync that never ends cost a thousand times the patience; 50 ms are over before.
TEST(ReadGate, ATurnWaitsForTheFsyncUnderWay) {
    ReadGate gate;
    std::atomic<bool> is_over = false;
    std::optional<ReadGate::Sync> sync(std::in_place, gate);
    std::thread reader([&] {
        for (int turns = 0; turns < 1'000 && !is_over; ++turns) std::ignore = gate.wait_for_turn();
        EXPECT_TRUE(is_over);
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    is_over = true;
    sync.reset();
    reader.join();
}

}  // namespace
}  // namespace gregor::io
