// Which segments go, and what that does to files, readers and a load.
#include "storage/retention.h"

#include <gtest/gtest.h>

#include "storage/testing/log_world.h"
#include "storage/trash.h"

namespace gregor::storage {
namespace {

using testing::LogWorld;
using testing::make_batch;
using testing::ranges;
using testing::TestBatch;
using Ranges = std::vector<std::pair<std::int64_t, std::int64_t>>;
using testing::k_test_now_ms;
constexpr std::int64_t k_none = -1;

// Three full segments of 100 bytes at 0, 10, 20 and an active one of 50 at 30; the log ends at 35.
std::vector<Segment> segments() {
    std::vector<Segment> all;
    for (const std::int64_t base : {0, 10, 20, 30})
        all.push_back({.base = Offset{base}, .size = base == 30 ? 50 : 100});
    return all;
}

struct Case {
    std::int64_t start = 0;
    std::int64_t high_watermark = 35;
    std::int64_t bytes = k_none;
    std::int64_t ms = k_none;
    bool deletes = true;
};

std::size_t expired(const Case& c, std::vector<std::int64_t> ages = {4, 3, 2, 1}) {
    LogConfig config{.retention_ms = c.ms, .retention_bytes = c.bytes, .cleanup_delete = c.deletes};
    const auto age = [&](const Segment& segment) -> Result<std::int64_t> {
        return 1'000 - ages[static_cast<std::size_t>(segment.base.value() / 10)];
    };
    return *count_expired(segments(),
                          {.log_start = Offset{c.start},
                           .log_end = Offset{35},
                           .high_watermark = Offset{c.high_watermark},
                           .now_ms = 1'000,
                           .config = config},
                          age);
}

TEST(Retention, SegmentsBelowTheLogStartGoWhateverThePolicy) {
    EXPECT_EQ(expired({.start = 9, .deletes = false}), 0U);
    EXPECT_EQ(expired({.start = 10, .deletes = false}), 1U);
    EXPECT_EQ(expired({.start = 29, .deletes = false}), 2U);
    EXPECT_EQ(expired({.start = 35, .deletes = false}), 3U);  // the active one has none behind it
}

// Kafka's predicate: what is too much, less the segment, is still not negative.
TEST(Retention, SizeTakesWholeSegmentsOnly) {
    EXPECT_EQ(expired({.bytes = 350}), 0U);
    EXPECT_EQ(expired({.bytes = 251}), 0U);
    EXPECT_EQ(expired({.bytes = 250}), 1U);
    EXPECT_EQ(expired({.bytes = 50}), 3U);
    EXPECT_EQ(expired({.bytes = 1}), 3U);
    EXPECT_EQ(expired({.bytes = 0}), 4U);
    EXPECT_EQ(expired({.bytes = 0, .deletes = false}), 0U);
    EXPECT_EQ(expired({.start = 10, .bytes = 150}), 2U);
}

TEST(Retention, TimeIsStrictAndStopsAtTheFirstThatStays) {
    EXPECT_EQ(expired({.ms = 4}), 0U);
    EXPECT_EQ(expired({.ms = 3}), 1U);
    EXPECT_EQ(expired({.ms = 0}), 4U);
    EXPECT_EQ(expired({.ms = 1}, {9, 0, 9, 9}), 1U);
}

TEST(Retention, NothingUncommittedGoes) {
    EXPECT_EQ(expired({.high_watermark = 34, .ms = 0}), 3U);
    EXPECT_EQ(expired({.high_watermark = 19, .bytes = 0}), 1U);
    EXPECT_EQ(expired({.high_watermark = 9, .ms = 0}), 0U);
}

class RetentionOfALog : public ::testing::Test {
protected:
    // Batch i has offset i and a segment of its own.
    void fill(int batches) {
        for (int i = 0; i < batches; ++i) {
            ASSERT_TRUE(world.append(TestBatch{.timestamp = k_test_now_ms + i}));
            world.settle();
        }
    }
    RetiredFiles enforce(std::int64_t now_ms, std::optional<std::int64_t> high_watermark = std::nullopt) {
        std::optional<Result<RetiredFiles>> got;
        world.log->enforce_retention(
            {.high_watermark = high_watermark ? Offset{*high_watermark} : world.log->log_end_offset(),
             .now_ms = now_ms},
            [&](Result<RetiredFiles> files) { got = std::move(files); });
        world.settle();
        EXPECT_TRUE(got && *got);
        return **got;
    }
    bool is_there(const std::string& name) const { return world.files.nodes.contains("/data/t-0/" + name); }

    LogWorld world{
        LogConfig{.segment_bytes = static_cast<std::int32_t>(make_batch({}).size()), .retention_ms = 1'000},
        0};
};

TEST_F(RetentionOfALog, RenamesFilesAndRaisesTheStart) {
    world.open();
    fill(4);
    EXPECT_TRUE(enforce(k_test_now_ms + 1'000).empty());
    const auto files = enforce(k_test_now_ms + 1'002);
    EXPECT_EQ(world.log->log_start_offset(), Offset{2});
    EXPECT_EQ(world.log->first_segment_base(), Offset{2});
    EXPECT_FALSE(is_there("00000000000000000001.log"));
    for (const auto* name : {"00000000000000000001.log.deleted", "00000000000000000001.index.deleted",
                             "00000000000000000001.timeindex.deleted",
                             "00000000000000000001.snapshot.deleted", "00000000000000000002.snapshot"})
        EXPECT_TRUE(is_there(name)) << name;
    EXPECT_EQ(files.size(), 7U);  // no snapshot of the first segment
    EXPECT_EQ(world.read(1).error().code, ErrorCode::offset_out_of_range);
    EXPECT_EQ(ranges(world.read(2)->records), (Ranges{{2, 2}}));
    // What was renamed goes with a load, and nothing else does.
    world.open();
    EXPECT_EQ(world.log->log_start_offset(), Offset{2});
    EXPECT_FALSE(is_there("00000000000000000001.log.deleted"));
    EXPECT_EQ(ranges(world.read(3)->records), (Ranges{{3, 3}}));
}

TEST_F(RetentionOfALog, TheActiveSegmentIsRolledAndGoes) {
    world.open();
    fill(2);
    enforce(k_test_now_ms + 9'999);
    EXPECT_EQ(world.log->log_start_offset(), Offset{2});
    EXPECT_EQ(world.log->size_bytes(), 0);
    EXPECT_TRUE(is_there("00000000000000000002.log"));
    EXPECT_TRUE(enforce(k_test_now_ms + 99'999).empty());  // an empty one stays
    ASSERT_TRUE(world.append(TestBatch{}));
    world.settle();
    EXPECT_EQ(ranges(world.read(2)->records), (Ranges{{2, 2}}));
}

TEST_F(RetentionOfALog, WhatComesMeanwhileStays) {
    world.open();
    fill(2);
    std::optional<Result<RetiredFiles>> got;
    world.log->enforce_retention({.high_watermark = Offset{2}, .now_ms = k_test_now_ms + 9'999},
                                 [&](Result<RetiredFiles> files) { got = std::move(files); });
    ASSERT_TRUE(world.append(TestBatch{.timestamp = k_test_now_ms + 9'000}));
    world.settle();
    EXPECT_EQ(world.log->log_start_offset(), Offset{1});  // what was active then is left for the next round
    EXPECT_EQ(ranges(world.read(2)->records), (Ranges{{2, 2}}));
}

TEST_F(RetentionOfALog, TimestampsComeFromTheIndexAfterALoad) {
    world.open();
    fill(4);
    ASSERT_TRUE(world.close());
    auto request = world.request();
    request.clean = true;
    world.open(request);
    enforce(k_test_now_ms + 1'002);
    EXPECT_EQ(world.log->log_start_offset(), Offset{2});
}

TEST_F(RetentionOfALog, AReaderUnderWayIsSentBehindTheNewStart) {
    world.open();
    fill(3);
    std::optional<Result<LogRead>> got;
    world.log->read(
        {.from = Offset{0}, .upper_bound = Offset{3}, .max_bytes = 1'000, .min_one_message = true},
        [&](Result<LogRead> read) { got = std::move(read); });
    auto late = world.disk.take();  // the job, not run yet
    enforce(k_test_now_ms + 9'999);
    late->run(world.files);
    late->complete();
    world.settle();
    ASSERT_TRUE(got.has_value());
    EXPECT_EQ(got->error().code, ErrorCode::offset_out_of_range);
}

TEST_F(RetentionOfALog, ProducersAreRememberedWhenAllTheirRecordsAreGone) {
    world.open();
    const TestBatch batch{.producer_id = ProducerId{7}, .producer_epoch = 0, .base_sequence = 0};
    ASSERT_TRUE(world.append(batch));
    world.settle();
    enforce(k_test_now_ms + 9'999);
    for (const bool clean : {false, true}) {
        if (clean) {
            ASSERT_TRUE(world.close());
        }
        auto request = world.request();
        request.clean = clean;
        world.open(request);
        const auto again = world.append(batch);
        ASSERT_TRUE(again);
        EXPECT_TRUE(again->duplicate);
        EXPECT_EQ(again->base_offset, Offset{0});
    }
}

}  // namespace
}  // namespace gregor::storage
