// What a move does while everybody waits for the partition.
#include "storage/log_copy.h"

#include <gtest/gtest.h>

#include "storage/names.h"
#include "storage/testing/log_world.h"

namespace gregor::storage {
namespace {

using testing::LogWorld;
using testing::TestBatch;

// The fsyncs that are left for finish(), of a log with so many closed segments.
std::int64_t syncs_at_the_end(int segments) {
    LogWorld world;
    world.open();
    for (int i = 0; i < segments; ++i) {
        EXPECT_TRUE(world.append(TestBatch{}));
        world.settle();
        world.log->roll(testing::k_test_now_ms);
        world.settle();
    }
    EXPECT_TRUE(world.append(TestBatch{}));
    world.settle();
    LogCopy copy("/data/t-0", "/data/t-0.future");
    for (bool more = true; more;) more = copy.step(world.files, 100).value();
    EXPECT_TRUE(world.append(TestBatch{}));
    world.settle();
    const auto before = world.files.syncs;
    EXPECT_TRUE(copy.finish(world.files));
    const auto log = segment_path("/data/t-0", Offset{segments}, k_log_extension);
    const auto copied = segment_path("/data/t-0.future", Offset{segments}, k_log_extension);
    EXPECT_EQ(world.files.text(copied), world.files.text(log));
    return world.files.syncs - before;
}

TEST(LogCopy, WhatIsCopiedAlreadyHoldsNobodyUp) { EXPECT_EQ(syncs_at_the_end(1), syncs_at_the_end(20)); }

}  // namespace
}  // namespace gregor::storage
