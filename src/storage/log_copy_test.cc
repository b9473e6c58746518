// What a move does while everybody waits for the partition.
#include "storage/log_copy.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "storage/names.h"
#include "storage/testing/log_world.h"

namespace gregor::storage {
namespace {

using testing::LogWorld;
using testing::TestBatch;

constexpr std::int64_t k_slice_bytes = std::int64_t{4} << 20;

struct Move {
    // Of a log with so many closed segments.
    explicit Move(int segments) {
        world.open();
        for (int i = 0; i < segments; ++i) {
            append();
            world.log->roll(testing::k_test_now_ms);
            world.settle();
        }
        append();
    }
    void append() {
        EXPECT_TRUE(world.append(TestBatch{}));
        world.settle();
    }
    // The fsyncs of each slice.
    std::vector<std::int64_t> copy_all() {
        std::vector<std::int64_t> syncs;
        for (bool more = true; more;) {
            const auto before = world.files.syncs;
            more = *copy.step(world.files, k_slice_bytes);
            syncs.push_back(world.files.syncs - before);
        }
        return syncs;
    }
    std::int64_t finish() {
        const auto before = world.files.syncs;
        EXPECT_TRUE(copy.finish(world.files));
        return world.files.syncs - before;
    }
    LogWorld world;
    LogCopy copy{"/data/t-0", "/data/t-0.future"};
};

TEST(LogCopy, WhatIsCopiedAlreadyHoldsNobodyUp) {
    std::vector<std::int64_t> syncs;
    for (const int segments : {1, 20}) {
        Move move(segments);
        move.copy_all();
        move.append();
        syncs.push_back(move.finish());
        const auto log = segment_path("/data/t-0", Offset{segments}, k_log_extension);
        const auto copied = segment_path("/data/t-0.future", Offset{segments}, k_log_extension);
        EXPECT_EQ(move.world.files.text(copied), move.world.files.text(log));
    }
    EXPECT_EQ(syncs[0], syncs[1]);
}

// A slice is a slice, though the files be small.
TEST(LogCopy, ManyFilesAreManySlices) {
    Move few(20);
    Move many(100);
    EXPECT_EQ(std::ranges::max(few.copy_all()), std::ranges::max(many.copy_all()));
}

}  // namespace
}  // namespace gregor::storage
