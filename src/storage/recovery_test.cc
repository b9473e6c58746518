#include "storage/recovery.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/fault.h"
#include "base/prng.h"
#include "storage/checkpoint.h"
#include "storage/testing/log_world.h"

namespace gregor::storage {
namespace {

using testing::LogWorld;
using testing::make_batch;
using testing::MemoryFiles;
using testing::ranges;
using testing::TestBatch;
using Ranges = std::vector<std::pair<std::int64_t, std::int64_t>>;
using testing::k_test_now_ms;
constexpr const char* k_first_log = "/data/t-0/00000000000000000000.log";

// Loads what is in `files` and reads everything back.
struct Reloaded {
    explicit Reloaded(const MemoryFiles& files, LogConfig config = {}, Offset recovery_point = {})
        : world(config, 0) {
        world.files.copy_from(files);
        auto request = world.request();
        request.recovery_point = recovery_point;
        world.open(request);
    }
    Ranges all() {
        Ranges found;
        for (auto at = world.log->log_start_offset(); at < world.log->log_end_offset();) {
            const auto read = world.read(at.value());
            if (!read || read->records.empty()) break;
            for (const auto& range : ranges(read->records)) found.push_back(range);
            at = read->next_offset;
        }
        return found;
    }
    LogWorld world;
};

TEST(Recovery, MakesANewPartition) {
    LogWorld world;
    world.open();
    EXPECT_EQ(world.files.text("/data/t-0/partition.metadata"),
              "version: 0\ntopic_id: " + testing::k_test_topic_id.to_string());
    EXPECT_EQ(world.files.text("/data/t-0/leader-epoch-checkpoint"), "0\n0\n");
    EXPECT_TRUE(world.files.nodes.contains(k_first_log));
    EXPECT_GT(world.files.syncs, 0);
    EXPECT_LE(world.files.syncs, 4);  // its parent, two small files side by side, the folder
    auto request = world.request();
    request.topic_id = Uuid{1, 2};
    EXPECT_EQ(load_log(world.files, request).error().code, ErrorCode::inconsistent_topic_id);
    request.directory = "/data/u-0";
    request.create = false;
    EXPECT_FALSE(load_log(world.files, request));
}

// A crash leaves any prefix of what was written behind the durable point: every one recovers to a valid log
// with all durable records, and the log goes on from there.
TEST(Recovery, EveryPrefixBehindTheDurablePoint) {
    LogWorld world({.index_interval_bytes = 100});
    world.open();
    for (int i = 0; i < 4; ++i) ASSERT_TRUE(world.append(TestBatch{.records = 2}));
    world.settle();
    const auto durable = world.files.nodes.at(k_first_log)->data.size();
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(world.append(TestBatch{.records = 2, .value_bytes = 20}));
    world.settle();
    const auto written = world.files.nodes.at(k_first_log)->data;
    const auto batch = (written.size() - durable) / 3;
    for (auto size = durable; size <= written.size(); ++size) {
        MemoryFiles crashed;
        crashed.copy_from(world.files);
        crashed.put(k_first_log,
                    std::vector(written.begin(), written.begin() + static_cast<std::ptrdiff_t>(size)));
        Reloaded again(crashed, world.config, Offset{8});
        const auto whole = 4 + (size - durable) / batch;
        EXPECT_EQ(again.all().size(), whole) << size;
        EXPECT_EQ(again.world.log->log_end_offset(), Offset{2 * static_cast<std::int64_t>(whole)});
        ASSERT_TRUE(again.world.append(TestBatch{}));
        again.world.settle();
        EXPECT_EQ(again.all().size(), whole + 1);
        EXPECT_EQ(Reloaded(again.world.files, world.config).all().size(), whole + 1);
    }
}

// Sectors of the un-synced tail may be garbage or zeros, too.
TEST(Recovery, TornTails) {
    LogWorld world;
    world.open();
    ASSERT_TRUE(world.append(TestBatch{.records = 2}));
    world.settle();
    const auto durable = world.files.nodes.at(k_first_log)->data.size();
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(world.append(TestBatch{}));
    world.settle();
    const auto written = world.files.nodes.at(k_first_log)->data;
    Prng prng(7);
    for (int round = 0; round < 300; ++round) {
        auto torn = written;
        const auto from = durable + prng.below(written.size() - durable);
        const auto to = std::min<std::uint64_t>(written.size(), from + 1 + prng.below(40));
        const bool zeros = prng.chance(1, 2);
        for (auto at = from; at < to; ++at)
            torn[at] = zeros ? std::byte{0} : static_cast<std::byte>(prng.next());
        if (prng.chance(1, 3)) torn.resize(torn.size() + prng.below(200));
        MemoryFiles crashed;
        crashed.copy_from(world.files);
        crashed.put(k_first_log, torn);
        Reloaded again(crashed);
        const auto found = again.all();
        ASSERT_GE(found.size(), 1U);
        EXPECT_EQ(found.front(), (std::pair<std::int64_t, std::int64_t>{0, 1}));
        EXPECT_EQ(again.world.log->log_end_offset().value(), found.back().second + 1);
    }
}

// A message of magic 1, as Kafka 0.10 wrote it (crc by an independent CRC-32).
TEST(Recovery, KeepsOldMessagesAndChecksThem) {
    const unsigned char message[] = {0,    0,    0,    0,    0,    0,    0, 0, 0, 0, 0,  23,
                                     0x09, 0xb6, 0x6c, 0xaa, 1,    0,    0, 0, 0, 0, 0,  0,
                                     0x03, 0xe8, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1, 'v'};
    const auto bytes = std::as_bytes(std::span(message));
    LogWorld world;
    world.open();
    world.files.put(k_first_log, std::vector(bytes.begin(), bytes.end()));
    world.open();
    EXPECT_EQ(world.log->log_end_offset(), Offset{1});
    EXPECT_TRUE(equal(world.read(0)->records.flatten(), bytes));
    world.files.nodes.at(k_first_log)->data[34] ^= std::byte{1};
    world.open();
    EXPECT_EQ(world.log->log_end_offset(), Offset{0});
}

TEST(Recovery, RebuildsWhatIsMissingOrDamaged) {
    const auto size = static_cast<std::int32_t>(make_batch(TestBatch{}).size());
    LogWorld world({.segment_bytes = 10 * size, .index_interval_bytes = 2 * size});
    world.open();
    for (int i = 0; i < 25; ++i) ASSERT_TRUE(world.append(TestBatch{.timestamp = k_test_now_ms + i}));
    ASSERT_TRUE(world.close());
    const auto good = world.files.nodes;
    for (const auto* victim :
         {"/data/t-0/00000000000000000000.index", "/data/t-0/00000000000000000010.timeindex",
          "/data/t-0/00000000000000000020.index", "/data/t-0/leader-epoch-checkpoint",
          "/data/t-0/00000000000000000025.snapshot"}) {
        for (const auto* contents :
             {"missing", "odd length", "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"}) {
            MemoryFiles damaged;
            damaged.copy_from(world.files);
            if (contents == std::string_view("missing")) {
                damaged.nodes.erase(victim);
            } else {
                damaged.put(victim, std::string_view(contents, contents[0] == 0 ? 24 : 10));
            }
            LogWorld again(world.config, 0);
            again.files.copy_from(damaged);
            auto request = again.request();
            request.clean = true;
            again.open(request);
            EXPECT_EQ(again.log->log_end_offset(), Offset{25}) << victim << " " << contents;
            EXPECT_EQ(again.find_time(k_test_now_ms + 13)->offset, Offset{13}) << victim << " " << contents;
            EXPECT_EQ(again.log->latest_epoch(), LeaderEpoch{0}) << victim << " " << contents;
        }
    }
}

// An index rebuilt by recovery holds what the live one held.
TEST(Recovery, RebuiltIndexesEqualLiveOnes) {
    LogWorld world({.index_interval_bytes = 300});
    world.open();
    for (int i = 0; i < 40; ++i)
        ASSERT_TRUE(world.append(TestBatch{.timestamp = k_test_now_ms + (i * 7) % 11}));
    ASSERT_TRUE(world.close());
    const auto index = world.files.nodes.at("/data/t-0/00000000000000000000.index")->data;
    const auto time = world.files.nodes.at("/data/t-0/00000000000000000000.timeindex")->data;
    ASSERT_GT(index.size(), 16U);
    world.open();
    EXPECT_EQ(world.report.segments_recovered, 1);
    EXPECT_EQ(world.files.nodes.at("/data/t-0/00000000000000000000.index")->data, index);
    EXPECT_EQ(world.files.nodes.at("/data/t-0/00000000000000000000.timeindex")->data, time);
}

TEST(Recovery, CutsOffWhatFollowsADamagedBatch) {
    const auto size = static_cast<std::int32_t>(make_batch(TestBatch{}).size());
    LogWorld world({.segment_bytes = 4 * size});
    world.open();
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(world.append(TestBatch{}));
    world.settle();
    auto& second = world.files.nodes.at("/data/t-0/00000000000000000004.log")->data;
    second[second.size() - 3] ^= std::byte{1};
    Reloaded again(world.files, world.config, Offset{4});
    EXPECT_EQ(again.world.log->log_end_offset(), Offset{7});
    EXPECT_EQ(again.world.report.segments_removed, 1);
    EXPECT_FALSE(again.world.files.nodes.contains("/data/t-0/00000000000000000008.log"));
    EXPECT_FALSE(again.world.files.nodes.contains("/data/t-0/00000000000000000008.snapshot"));
    ASSERT_TRUE(again.world.append(TestBatch{}));
    again.world.settle();
    EXPECT_EQ(again.all().size(), 8U);
}

// Of two flipped bits one below the durable point costs its batch only; one beyond it is a torn write.
TEST(Recovery, KeepsDurableRecordsBehindADamagedBatch) {
    LogWorld world({.index_interval_bytes = 100});
    world.open();
    for (int i = 0; i < 8; ++i) ASSERT_TRUE(world.append(TestBatch{.records = 2}));
    world.settle();
    const auto& written = world.files.nodes.at(k_first_log)->data;
    const auto size = written.size() / 8;
    struct Case {
        std::vector<std::size_t> flipped;  // batches
        std::int64_t end = 0;
        int readable = 0;
    };
    const Offset durable{10};
    for (const auto& [flipped, end, readable] :
         {Case{{2}, 16, 7}, Case{{4}, 16, 7}, Case{{2, 6}, 12, 5}, Case{{5}, 10, 5},
          Case{{3, 4, 5, 6, 7}, 6, 3}}) {  // nothing to keep it for
        MemoryFiles damaged;
        damaged.copy_from(world.files);
        for (const auto batch : flipped)
            damaged.nodes.at(k_first_log)->data[(batch + 1) * size - 1] ^= std::byte{1};
        Reloaded again(damaged, world.config, durable);
        EXPECT_EQ(again.world.log->log_end_offset(), Offset{end}) << flipped.front();
        int right = 0;
        for (std::int64_t at = 0; at < end; at += 2) right += again.world.read(at, 1).has_value() ? 1 : 0;
        EXPECT_EQ(right, readable) << flipped.front();
        ASSERT_TRUE(again.world.append(TestBatch{}));
        again.world.settle();
        EXPECT_EQ(again.world.log->durable_end(), Offset{end + 1});
    }
}

TEST(Recovery, FinishesSwapsAndDeletes) {
    LogWorld world;
    world.open();
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(world.append(TestBatch{}));
    world.settle();
    auto& files = world.files;
    const auto log = files.nodes.at(k_first_log)->data;
    files.put("/data/t-0/00000000000000000007.log.deleted", "x");
    files.put("/data/t-0/00000000000000000009.index", "orphan..");
    files.put("/data/t-0/00000000000000000000.log.cleaned", "x");
    Reloaded cleaned(files);
    EXPECT_EQ(cleaned.all().size(), 3U);
    for (const auto& [path, node] : cleaned.world.files.nodes)
        EXPECT_EQ(path.find(".deleted") + path.find(".cleaned") + path.find("009"), 3 * std::string::npos)
            << path;
    // A committed swap replaces the segments it covers.
    files.nodes.erase("/data/t-0/00000000000000000000.log.cleaned");
    files.put("/data/t-0/00000000000000000000.log.swap", std::vector(log.begin(), log.end()));
    files.put(k_first_log, "garbage of the old segment");
    EXPECT_EQ(Reloaded(files).all().size(), 3U);
}

TEST(Recovery, StartsOverAtALogStartBeyondTheEnd) {
    LogWorld world;
    world.open();
    ASSERT_TRUE(world.append(TestBatch{}));
    world.settle();
    auto request = world.request();
    request.log_start_offset = Offset{50};
    world.open(request);
    EXPECT_EQ(world.log->log_start_offset(), Offset{50});
    EXPECT_EQ(world.append(TestBatch{})->base_offset, Offset{50});
}

struct Planted final : FaultObserver {
    explicit Planted(std::string_view bug) : name(bug) {}
    void on_mark(const FaultSite&) override {}
    bool is_planted(const FaultSite& site) override { return site.name() == name; }
    std::string_view name;
};

// The planted bugs do what they say, so that a simulator that misses them is at fault.
TEST(Recovery, PlantedBugsBite) {
    LogWorld world;
    world.open();
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(world.append(TestBatch{}));
    world.settle();
    {
        Planted bug("offsets_reused_after_crash");
        FaultScope scope(bug);
        EXPECT_EQ(Reloaded(world.files).world.log->log_end_offset(), Offset{2});
    }
    {
        Planted bug("lost_truncation");
        FaultScope scope(bug);
        auto& data = world.files.nodes.at(k_first_log)->data;
        data.resize(data.size() - 5);
        Reloaded again(world.files);
        ASSERT_TRUE(again.world.append(TestBatch{}));
        again.world.settle();
        EXPECT_EQ(Reloaded(again.world.files).world.log->log_end_offset(), Offset{2});
    }
    {
        Planted bug("answer_before_fsync");
        FaultScope scope(bug);
        LogWorld early;
        early.open();
        ASSERT_TRUE(early.append(TestBatch{}));
        early.settle();
        EXPECT_EQ(early.log->durable_end(), Offset{1});
        EXPECT_EQ(early.files.nodes.at(k_first_log)->synced_size, 0U);
    }
}

}  // namespace
}  // namespace gregor::storage
