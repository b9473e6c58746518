#include <fmt/format.h>
#include <gtest/gtest.h>

#include "records/crc32c.h"
#include "storage/checkpoint.h"
#include "storage/log_dirs.h"
#include "storage/testing/log_world.h"

namespace gregor::storage {
namespace {

using testing::LogWorld;
using testing::MemoryFiles;
using testing::TestBatch;

constexpr const char* k_log = "/data/t-0/00000000000000000000.log";
constexpr const char* k_index = "/data/t-0/00000000000000000000.index";
constexpr std::int64_t k_batch_bytes = 1'000;  // and a little more each

LogConfig marking() { return {.index_interval_bytes = 2'000, .mark_bytes = 10'000}; }

constexpr std::int64_t k_batches = 34;
constexpr Uuid k_directory{5, 5};

std::string sealed(std::string_view checkpoint) {
    return fmt::format("{} {}\n{}", k_directory.to_string(), records::crc32c(as_bytes(checkpoint)),
                       checkpoint);
}

// Batches, marks among them; killed with everything in the page cache.
struct Killed {
    Killed() : world(marking()) {
        world.open();
        for (int i = 0; i < k_batches; ++i) {
            EXPECT_TRUE(world.append(TestBatch{.timestamp = testing::k_test_now_ms + i,
                                               .value_bytes = k_batch_bytes,
                                               .producer_id = ProducerId{5},
                                               .producer_epoch = 0,
                                               .base_sequence = i}));
            world.settle();
        }
        mark = world.log->mark();
        recovery_point = world.log->recovery_point();
    }
    LogWorld world;
    std::optional<LogMark> mark;
    Offset recovery_point;
};

struct Again {
    explicit Again(const MemoryFiles& files, const std::optional<LogMark>& mark, Offset recovery_point)
        : world(marking(), 0) {
        world.files.copy_from(files);
        auto request = world.request();
        request.mark = mark;
        request.recovery_point = recovery_point;
        world.open(request);
    }
    LogWorld world;
};

TEST(LogMarks, AKillCostsTheTailAlone) {
    Killed killed;
    ASSERT_TRUE(killed.mark);
    const auto size = static_cast<std::int64_t>(killed.world.files.nodes[k_log]->data.size());
    EXPECT_GT(killed.mark->position, size - 2 * killed.world.config.mark_bytes);
    EXPECT_EQ(killed.mark->base, Offset{0});
    EXPECT_GT(killed.mark->index_entries, 3);
    Again again(killed.world.files, killed.mark, killed.recovery_point);
    EXPECT_EQ(again.world.report.bytes_scanned, size - killed.mark->position);
    EXPECT_EQ(again.world.log->log_end_offset(), Offset{k_batches});
    for (std::int64_t offset = 0; offset < k_batches; ++offset)
        EXPECT_EQ(testing::ranges(again.world.read(offset, 1)->records).front().first, offset);
    // What the producer sent behind the mark is known, too.
    const auto once_more =
        again.world.append(TestBatch{.timestamp = testing::k_test_now_ms + k_batches - 1,
                                     .value_bytes = k_batch_bytes,
                                     .producer_id = ProducerId{5},
                                     .producer_epoch = 0,
                                     .base_sequence = static_cast<std::int32_t>(k_batches - 1)});
    ASSERT_TRUE(once_more);
    EXPECT_TRUE(once_more->duplicate);
    EXPECT_EQ(once_more->base_offset, Offset{k_batches - 1});
}

// Which tells nobody that they are the same files but their contents.
TEST(LogMarks, TheSameIndexesAsByAFullLook) {
    Killed killed;
    Again quick(killed.world.files, killed.mark, killed.recovery_point);
    Again full(killed.world.files, std::nullopt, Offset{0});
    EXPECT_GT(full.world.report.bytes_scanned, quick.world.report.bytes_scanned);
    for (const auto timestamp : {0, 5, 17, 29}) {
        const auto at = testing::k_test_now_ms + timestamp;
        EXPECT_EQ(quick.world.find_time(at)->offset, full.world.find_time(at)->offset);
        EXPECT_EQ(quick.world.find_time(at)->offset, Offset{timestamp});
    }
}

TEST(LogMarks, OfTwoFlippedBitsOneIsCutOffAndOneIsNeverServed) {
    Killed killed;
    auto& bytes = killed.world.files.nodes[k_log]->data;
    ASSERT_LT(killed.mark->end, Offset{k_batches});
    const auto below = bytes.size() / k_batches * 5 / 2;  // in the third batch
    const auto beyond = bytes.size() - 100;
    bytes[below] ^= std::byte{4};
    bytes[beyond] ^= std::byte{4};
    Again again(killed.world.files, killed.mark, killed.mark->end);
    EXPECT_EQ(again.world.log->log_end_offset(), Offset{k_batches - 1});
    EXPECT_GT(again.world.report.bytes_truncated, 0);
    EXPECT_EQ(again.world.read(2, 1).error().code, ErrorCode::corrupt_message);
    EXPECT_TRUE(again.world.read(4, 1));
}

TEST(LogMarks, WhatDoesNotFitIsIgnored) {
    Killed killed;
    const auto size = static_cast<std::int64_t>(killed.world.files.nodes[k_log]->data.size());
    const auto look = [&](const LogMark& mark) {
        return Again(killed.world.files, mark, killed.recovery_point).world.report.bytes_scanned;
    };
    ASSERT_LT(look(*killed.mark), size);
    auto mark = *killed.mark;
    mark.topic_id = Uuid{9, 9};
    EXPECT_EQ(look(mark), size);
    mark = *killed.mark;
    mark.last_index_position += 1;  // somebody has built another index
    EXPECT_EQ(look(mark), size);
    mark = *killed.mark;
    mark.position += 1;  // no batch begins there
    EXPECT_EQ(look(mark), size);
    mark = *killed.mark;
    mark.end = mark.end - 1;  // another record lies there
    EXPECT_EQ(look(mark), size);
    mark = *killed.mark;
    mark.txn_entries = 1;  // the transaction index has lost it
    EXPECT_EQ(look(mark), size);
    mark = *killed.mark;
    mark.index_entries = INT32_MAX;
    EXPECT_EQ(look(mark), size);
    mark = *killed.mark;
    mark.position = size + 1;
    EXPECT_EQ(look(mark), size);
    // As a truncation leaves it, whose successors have grown as long again.
    const auto snapshot = segment_path("/data/t-0", killed.mark->end, k_snapshot_extension);
    const auto kept = killed.world.files.nodes[snapshot]->data;
    ASSERT_TRUE(killed.world.files.remove(snapshot));
    EXPECT_EQ(look(*killed.mark), size);
    killed.world.files.put(snapshot, kept);
    ASSERT_LT(look(*killed.mark), size);
    ASSERT_TRUE(killed.world.files.remove(k_index));
    EXPECT_EQ(look(*killed.mark), size);
}

// As the cut of what a full disk refused does.
TEST(LogMarks, AnIndexThatIsCutMeanwhileIsNoBrokenDisk) {
    LogWorld world(marking());
    world.open();
    for (int i = 0; i < k_batches; ++i)
        EXPECT_TRUE(
            world.append(TestBatch{.timestamp = testing::k_test_now_ms + i, .value_bytes = k_batch_bytes}));
    int cuts = 0;
    while (world.executor.run_one() || world.disk.run_one()) {
        const auto index = world.files.nodes.find(k_index);
        if (index == world.files.nodes.end() || index->second->data.empty()) continue;
        index->second->data.clear();
        index->second->synced_size = 0;
        ++cuts;
    }
    EXPECT_GT(cuts, 0);
    EXPECT_EQ(world.observer.offline, 0);
    EXPECT_FALSE(world.log->mark());
}

TEST(LogMarks, AClosedLogIsMarkedAtItsEnd) {
    Killed killed;
    ASSERT_TRUE(killed.world.close());
    const auto mark = killed.world.log->mark();
    ASSERT_TRUE(mark);
    EXPECT_EQ(mark->end, Offset{k_batches});
    Again again(killed.world.files, mark, Offset{k_batches});
    EXPECT_EQ(again.world.report.bytes_scanned, 0);
    EXPECT_EQ(again.world.log->log_end_offset(), Offset{k_batches});
    const auto syncs = again.world.files.syncs;
    EXPECT_TRUE(again.world.append(TestBatch{}));
    again.world.settle();
    EXPECT_GT(again.world.files.syncs, syncs);
}

TEST(LogMarks, ACleanStartKeepsThem) {
    Killed killed;
    ASSERT_TRUE(killed.world.close());
    const auto mark = killed.world.log->mark();
    LogWorld again(marking(), 0);
    again.files.copy_from(killed.world.files);
    auto request = again.request();
    request.clean = true;
    request.mark = mark;
    again.open(request);
    EXPECT_EQ(again.log->mark(), mark);
    ASSERT_TRUE(again.close());
    EXPECT_EQ(again.log->mark(), mark);
}

TEST(LogMarks, ATruncationMakesThemVoid) {
    Killed killed;
    ASSERT_TRUE(killed.mark);
    killed.world.log->truncate_to(killed.mark->end - 1, [](const Status&) {});
    EXPECT_FALSE(killed.world.log->mark());
    killed.world.settle();
    EXPECT_FALSE(killed.world.log->mark());
    // What the directory's state still says of it holds no more, however long the log grows again.
    while (killed.world.log->log_end_offset() < Offset{k_batches}) {
        EXPECT_TRUE(killed.world.append(TestBatch{.value_bytes = k_batch_bytes}));
        killed.world.settle();
    }
    const auto size = static_cast<std::int64_t>(killed.world.files.nodes[k_log]->data.size());
    Again again(killed.world.files, killed.mark, killed.recovery_point);
    EXPECT_EQ(again.world.report.bytes_scanned, size);
}

// It was not used since it was loaded: nothing of it is written again.
TEST(LogMarks, AnUnchangedLogIsLetGoForFree) {
    LogWorld world(marking());
    world.open();
    const auto syncs = world.files.syncs;
    ASSERT_TRUE(world.close());
    EXPECT_EQ(world.files.syncs, syncs);
}

TEST(LogMarks, ThePrivateFilesSurviveTheirText) {
    MemoryFiles files;
    Killed killed;
    const LogMarks marks{
        {{"a", PartitionIndex{1}}, *killed.mark},
        {{"b", PartitionIndex{0}}, {.topic_id = Uuid{1, 2}, .base = Offset{7}, .end = Offset{7}}}};
    const auto file = marks_file("/gregor.marks", k_directory, marks);
    files.put(file.path, file.contents);
    const auto read = read_marks(files, file.path, k_directory);
    ASSERT_TRUE(read) << read.error().detail;
    EXPECT_EQ(*read, marks);
    EXPECT_TRUE(read_marks(files, "/none", k_directory)->empty());
    for (const auto* bad :
         {"1\n0\n", "0\n1\n", "0\n1\na 0 x\n", "0\n1\na 0 AAAAAAAAAAAAAAAAAAAAZQ 0 5 0 0 0 0 0 -1 0\n",
          "0\n1\na 0 AAAAAAAAAAAAAAAAAAAAZQ 9 5 1 0 0 0 0 -1 0\n",
          "0\n1\na 0 AAAAAAAAAAAAAAAAAAAAZQ 0 5 1 -1 0 0 0 -1 0\n",
          "0\n1\na 0 AAAAAAAAAAAAAAAAAAAAZQ 0 9223372036854775807 1 0 0 0 0 -1 0\n",
          "0\n1\na 0 AAAAAAAAAAAAAAAAAAAAZQ 0 5 99999999999 0 0 0 0 -1 0\n"}) {
        files.put("/bad", std::string_view(sealed(bad)));
        EXPECT_FALSE(read_marks(files, "/bad", k_directory)) << bad;
    }
    const auto stamp = stamp_file("/gregor.stamp", k_directory, {Uuid{1, 2}, Uuid{3, 4}});
    files.put(stamp.path, stamp.contents);
    EXPECT_EQ(*read_stamp(files, stamp.path, k_directory), (std::vector{Uuid{1, 2}, Uuid{3, 4}}));
    EXPECT_FALSE(read_stamp(files, stamp.path, Uuid{7, 8}));  // of a directory that was copied
}

TEST(LogMarks, NoFlippedBitAndNoCutGoesUnseen) {
    MemoryFiles files;
    const auto whole =
        marks_file("/gregor.marks", k_directory,
                   {{{"a", PartitionIndex{1}},
                     {.topic_id = Uuid{1, 2}, .base = Offset{7}, .end = Offset{19}, .position = 1000}}})
            .contents;
    for (std::size_t at = 0; at < whole.size(); ++at) {
        files.put("/cut", std::string_view(whole).substr(0, at));
        EXPECT_TRUE(at == 0 || !read_marks(files, "/cut", k_directory)) << at;
        for (const int bit : {0, 2, 6}) {
            auto flipped = whole;
            flipped[at] = static_cast<char>(flipped[at] ^ (1 << bit));
            files.put("/flipped", std::string_view(flipped));
            EXPECT_FALSE(read_marks(files, "/flipped", k_directory)) << flipped;
        }
    }
}

// ---------------------------------------------------------------- whose marks they are

struct TestRandom final : io::Random {
    std::uint64_t next() override { return ++drawn; }
    std::uint64_t drawn = 100;
};

struct Stamped {
    Stamped() {
        auto opened =
            LogDirs::open(files, {.directories = {"/d"}, .metadata_directory = {}, .node_id = BrokerId{1}});
        EXPECT_TRUE(opened->format(files, "c", random));
        opened->unlock(files);
    }
    // A start that registers as `own`, over a metadata log that says who registered last.
    std::size_t start(std::optional<Uuid> last, Uuid own) {
        auto dirs =
            LogDirs::open(files, {.directories = {"/d"}, .metadata_directory = {}, .node_id = BrokerId{1}});
        EXPECT_TRUE(dirs->begin(files));
        dirs->claim_marks(last);
        EXPECT_TRUE(dirs->stamp(files, own));
        dirs->unlock(files);
        return dirs->directories()[0].marks.size();
    }
    void write_marks() {
        auto dirs =
            LogDirs::open(files, {.directories = {"/d"}, .metadata_directory = {}, .node_id = BrokerId{1}});
        const auto file = marks_file(
            "/d/gregor.marks", dirs->directories()[0].id(),
            {{{"a", PartitionIndex{1}}, {.topic_id = Uuid{1, 2}, .base = Offset{7}, .end = Offset{7}}}});
        files.put(file.path, file.contents);
    }
    MemoryFiles files;
    TestRandom random;
    static constexpr Uuid first{1, 1}, second{1, 2}, third{1, 3}, foreign{2, 2};
};

TEST(Stamp, AKillAtAnyMomentLeavesTheMarksValid) {
    Stamped node;
    EXPECT_EQ(node.start(std::nullopt, Stamped::first), 0U);
    node.write_marks();
    EXPECT_EQ(node.start(Stamped::first, Stamped::second), 1U);
    // It died before it was registered; then after.
    EXPECT_EQ(node.start(Stamped::first, Stamped::third), 1U);
    EXPECT_EQ(node.start(Stamped::third, Stamped::second), 1U);
}

TEST(Stamp, AnotherBrokerInBetweenMakesThemVoidForGood) {
    Stamped node;
    EXPECT_EQ(node.start(std::nullopt, Stamped::first), 0U);
    node.write_marks();
    EXPECT_EQ(node.start(Stamped::foreign, Stamped::second), 0U);
    EXPECT_FALSE(node.files.nodes.contains("/d/gregor.marks"));
    EXPECT_EQ(node.start(Stamped::second, Stamped::third), 0U);
}

TEST(Stamp, DamagedMarksAreNone) {
    Stamped node;
    EXPECT_EQ(node.start(std::nullopt, Stamped::first), 0U);
    node.files.put("/d/gregor.marks", std::string_view("nonsense"));
    EXPECT_EQ(node.start(Stamped::first, Stamped::second), 0U);
    EXPECT_FALSE(node.files.nodes.contains("/d/gregor.marks"));
}

TEST(Stamp, ADamagedOneMakesTheMarksVoid) {
    Stamped node;
    EXPECT_EQ(node.start(std::nullopt, Stamped::first), 0U);
    node.write_marks();
    node.files.put("/d/gregor.stamp", std::string_view("nonsense"));
    EXPECT_EQ(node.start(Stamped::first, Stamped::second), 0U);
    EXPECT_EQ(node.start(Stamped::second, Stamped::third), 0U);  // and nothing of it comes back
}

}  // namespace
}  // namespace gregor::storage
