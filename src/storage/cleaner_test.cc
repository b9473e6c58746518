// Compaction of one log: what survives, in which bytes, and what becomes of files and readers.
#include "storage/cleaner.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "base/fault.h"
#include "records/builder.h"
#include "records/opened_batch.h"
#include "storage/testing/log_world.h"

namespace gregor::storage {
namespace {

using testing::LogWorld;
using testing::ranges;
using Ranges = std::vector<std::pair<std::int64_t, std::int64_t>>;
using testing::k_test_now_ms;
constexpr std::int64_t k_day = 86'400'000;

// "a=1 b c=2": keys with values, "b" alone is a tombstone, "=1" has no key.
struct Keyed {
    std::string records;
    std::int64_t producer = -1;
    std::int32_t sequence = -1;
    bool transactional = false;
    records::Codec codec = records::Codec::none;
};

Slice make_keyed(const Keyed& batch) {
    const bool has_producer = batch.producer >= 0;
    records::BatchBuilder builder({.compression = {.codec = batch.codec},
                                   .producer_id = ProducerId{batch.producer},
                                   .producer_epoch = static_cast<std::int16_t>(has_producer ? 0 : -1),
                                   .base_sequence = batch.sequence,
                                   .transactional = batch.transactional});
    std::size_t at = 0;
    while (at < batch.records.size()) {
        const auto end = std::min(batch.records.find(' ', at), batch.records.size());
        const auto text = std::string_view(batch.records).substr(at, end - at);
        const auto equals = text.find('=');
        records::NewRecord record{.timestamp = k_test_now_ms};
        if (equals != 0) record.key = as_bytes(text.substr(0, equals));
        if (equals != std::string_view::npos) record.value = as_bytes(text.substr(equals + 1));
        builder.append(record);
        at = end + 1;
    }
    return builder.build();
}

class Compaction : public ::testing::Test {
protected:
    Compaction() {
        world.config.cleanup_compact = true;
        world.config.cleanup_delete = false;
        world.config.min_cleanable_dirty_ratio = 0;
        world.config.delete_retention_ms = k_day;
    }
    void open() { world.open(); }
    // Records without keys come in as they did before the topic was compacted.
    Offset append(const Keyed& batch) {
        auto plain = world.config;
        plain.cleanup_compact = false;
        world.log->update_config(plain);
        const auto offset = append(make_keyed(batch), records::AppendOrigin::client);
        world.log->update_config(world.config);
        return offset;
    }
    Offset append(Slice batch, records::AppendOrigin origin) {
        const auto info = world.log->append({.records = std::move(batch),
                                             .origin = origin,
                                             .leader_epoch = world.epoch,
                                             .now_ms = k_test_now_ms});
        EXPECT_TRUE(info) << info.error().error.detail;
        world.settle();
        return info ? info->base_offset : k_no_offset;
    }
    void end_transaction(std::int64_t producer, bool commits) {
        append(records::build_end_transaction_marker(
                   {.timestamp = k_test_now_ms, .producer_id = ProducerId{producer}, .producer_epoch = 0},
                   {.type = commits ? records::ControlType::commit : records::ControlType::abort,
                    .coordinator_epoch = 0}),
               records::AppendOrigin::coordinator);
    }
    void roll() {
        world.log->roll(k_test_now_ms);
        world.settle();
    }
    CleaningRequest request(std::int64_t now_ms) const {
        return {.high_watermark = world.log->log_end_offset(), .now_ms = now_ms};
    }
    // A whole pass; false when the cleaner failed.
    bool clean(std::int64_t now_ms = k_test_now_ms) {
        world.log->on_high_watermark(world.log->log_end_offset());
        EXPECT_TRUE(world.log->cleanability(request(now_ms)).is_worth_it);
        Cleaner cleaner(world.log->plan_cleaning(request(now_ms), limits));
        for (bool done = false; !done;) {
            const auto step = cleaner.step(world.files, 100);
            if (!step) {
                failure = step.error().detail;
                cleaner.discard(world.files);
                return false;
            }
            done = *step;
        }
        auto cleaned = cleaner.take_result();
        EXPECT_TRUE(world.log->can_finish_cleaning(cleaned));
        std::optional<Result<RetiredFiles>> finished;
        world.log->finish_cleaning(std::move(cleaned),
                                   [&](Result<RetiredFiles> files) { finished = std::move(files); });
        world.settle();
        EXPECT_TRUE(finished && *finished);
        return true;
    }
    // Everything in the log: "offset:key=value " for records, "[base-last]" for a batch without any,
    // "offset:commit" and "offset:abort" for markers.
    std::string contents() {
        std::string text;
        for (auto from = world.log->log_start_offset(); from < world.log->log_end_offset();) {
            const auto read = world.read(from.value());
            EXPECT_TRUE(read);
            if (!read || read->next_offset == from) return text + "?";
            const auto bytes = read->records.flatten();
            records::BatchCursor cursor(bytes);
            while (const auto batch = *cursor.next_v2()) text += describe(*batch);
            from = read->next_offset;
        }
        return text;
    }
    static std::string describe(const records::BatchView& batch) {
        EXPECT_TRUE(batch.verify());
        if (batch.records_count() == 0)
            return "[" + std::to_string(batch.base_offset().value()) + "-" +
                   std::to_string(batch.last_offset().value()) + "] ";
        records::Decompressor decompressor;
        auto opened = *records::open_batch(batch, decompressor);
        std::string text;
        records::RecordView record;
        while (opened.cursor.next(record)) {
            text += std::to_string(record.offset(batch).value()) + ":";
            if (batch.is_control())
                text += records::control_type_name(*records::parse_control_key(record.key));
            else
                text += std::string(as_text(record.key.value_or(Bytes{}))) +
                        (record.value ? "=" + std::string(as_text(*record.value)) : "");
            EXPECT_EQ(record.timestamp(batch), k_test_now_ms);
            text += " ";
        }
        EXPECT_TRUE(opened.cursor.status());
        return text;
    }
    std::vector<std::int64_t> bases() const {
        std::vector<std::int64_t> found;
        for (const auto& [path, node] : world.files.nodes)
            if (path.ends_with(".log")) found.push_back(std::stoll(path.substr(path.size() - 24, 20)));
        return found;
    }
    void reopen() {
        auto load = world.request();
        const auto cleaned = world.log->clean_end();
        world.open(load);
        world.log->set_clean_end(cleaned);
    }

    LogWorld world{{}, 0};
    CleaningLimits limits{.map_bytes_max = 1 << 20, .key = {1, 2}};
    std::string failure;
};

TEST_F(Compaction, KeepsTheLastValueOfEveryKey) {
    open();
    append({.records = "a=1 b=1 c=1"});
    append({.records = "a=2 d=1"});
    roll();
    append({.records = "b=2"});
    roll();
    append({.records = "a=3"});  // in the active segment: nobody looks at it
    ASSERT_TRUE(clean());
    EXPECT_EQ(contents(), "2:c=1 3:a=2 4:d=1 5:b=2 6:a=3 ");
    EXPECT_EQ(bases(), (std::vector<std::int64_t>{0, 6}));  // two small ones became one
    EXPECT_EQ(world.log->clean_end(), Offset{6});
    EXPECT_FALSE(world.log->cleanability(request(k_test_now_ms)).is_worth_it);
    reopen();
    EXPECT_EQ(contents(), "2:c=1 3:a=2 4:d=1 5:b=2 6:a=3 ");
    EXPECT_EQ(world.report.bytes_truncated, 0);
}

TEST_F(Compaction, EveryCodecAndUntouchedBatchesAreKeptAsTheyWere) {
    open();
    for (const auto codec :
         {records::Codec::gzip, records::Codec::snappy, records::Codec::lz4, records::Codec::zstd})
        append({.records = "a=1 b=1 c=1", .codec = codec});
    append({.records = "x=1 y=1", .codec = records::Codec::zstd});
    const auto before = world.read(12)->records.flatten();
    roll();
    ASSERT_TRUE(clean());
    EXPECT_EQ(contents(), "9:a=1 10:b=1 11:c=1 12:x=1 13:y=1 ");
    const auto after = world.read(12)->records.flatten();
    EXPECT_TRUE(equal(Bytes(before), Bytes(after)));
}

TEST_F(Compaction, TombstonesGoWhenTheirHorizonHasPassed) {
    open();
    append({.records = "a=1 b=1"});
    append({.records = "a"});
    roll();
    ASSERT_TRUE(clean());
    EXPECT_EQ(contents(), "1:b=1 2:a ");
    const auto bytes = world.read(2)->records.flatten();
    EXPECT_EQ(records::BatchView(bytes).delete_horizon_ms(), k_test_now_ms + k_day);
    EXPECT_EQ(records::BatchView(bytes).max_timestamp(), k_test_now_ms);
    append({.records = "c=1"});
    roll();
    ASSERT_TRUE(clean(k_test_now_ms + k_day - 1));
    EXPECT_EQ(contents(), "1:b=1 2:a 3:c=1 ");
    append({.records = "d=1"});
    roll();
    ASSERT_TRUE(clean(k_test_now_ms + k_day));
    EXPECT_EQ(contents(), "1:b=1 3:c=1 4:d=1 ");
}

TEST_F(Compaction, RecordsWithoutKeysGo) {
    open();
    append({.records = "=1 a=1 =2"});
    roll();
    ASSERT_TRUE(clean());
    EXPECT_EQ(contents(), "1:a=1 ");
}

TEST_F(Compaction, TheEndOfThePassStaysVisible) {
    open();
    append({.records = "a=1"});
    append({.records = "b"});
    roll();
    ASSERT_TRUE(clean());
    append({.records = "a=2"});
    append({.records = "=9"});
    roll();
    ASSERT_TRUE(clean(k_test_now_ms + k_day));
    EXPECT_EQ(contents(), "2:a=2 [3-3] ");
    reopen();
    EXPECT_EQ(world.log->log_end_offset(), Offset{4});
}

TEST_F(Compaction, AProducerGoesOnFromAnEmptyBatch) {
    open();
    append({.records = "a=1", .producer = 7, .sequence = 0});
    append({.records = "a=2", .producer = 7, .sequence = 1});
    append({.records = "a=3"});
    roll();
    ASSERT_TRUE(clean());
    EXPECT_EQ(contents(), "[1-1] 2:a=3 ");
    reopen();
    const auto again = world.append(make_keyed({.records = "a=2", .producer = 7, .sequence = 1}));
    ASSERT_TRUE(again);
    EXPECT_TRUE(again->duplicate);
    append({.records = "a=4", .producer = 7, .sequence = 2});
}

TEST_F(Compaction, AbortedTransactionsGoAndTheirMarkersLater) {
    open();
    append({.records = "a=1"});
    append({.records = "a=2 b=1", .producer = 1, .sequence = 0, .transactional = true});  // 1, 2
    append({.records = "c=1", .producer = 2, .sequence = 0, .transactional = true});      // 3
    end_transaction(1, false);                                                            // 4
    end_transaction(2, true);                                                             // 5
    append({.records = "x=1", .producer = 1, .sequence = 2, .transactional = true});      // 6
    append({.records = "x=2", .producer = 2, .sequence = 1, .transactional = true});      // 7
    end_transaction(1, true);                                                             // 8
    end_transaction(2, true);                                                             // 9
    roll();
    ASSERT_TRUE(clean());
    // The aborted value of `a` hides nothing; the marker stays as long as somebody may have seen its records.
    EXPECT_EQ(contents(), "0:a=1 3:c=1 4:ABORT 5:COMMIT [6-6] 7:x=2 8:COMMIT 9:COMMIT ");
    EXPECT_EQ(read_txn_index(world.files, "/data/t-0", Offset{0})->size(), 1U);
    append({.records = "y=1"});
    roll();
    ASSERT_TRUE(clean());  // now the markers without records get their horizon
    EXPECT_EQ(contents(), "0:a=1 3:c=1 4:ABORT 5:COMMIT [6-6] 7:x=2 8:COMMIT 9:COMMIT 10:y=1 ");
    EXPECT_TRUE(read_txn_index(world.files, "/data/t-0", Offset{0})->empty());
    append({.records = "y=2"});
    roll();
    ASSERT_TRUE(clean(k_test_now_ms + k_day));
    EXPECT_EQ(contents(), "0:a=1 3:c=1 5:COMMIT [6-6] 7:x=2 8:COMMIT 9:COMMIT 11:y=2 ");
}

TEST_F(Compaction, NothingOpenIsCleaned) {
    open();
    append({.records = "a=1"});
    append({.records = "a=2", .producer = 1, .sequence = 0, .transactional = true});
    roll();
    append({.records = "a=3"});
    roll();
    world.log->on_high_watermark(world.log->log_end_offset());
    EXPECT_FALSE(world.log->cleanability(request(k_test_now_ms)).is_worth_it);
    end_transaction(1, true);
    roll();
    ASSERT_TRUE(clean());
    EXPECT_EQ(contents(), "[1-1] 2:a=3 3:COMMIT ");
}

TEST_F(Compaction, LagsAndRatioDecide) {
    world.config.min_cleanable_dirty_ratio = 0.5;
    world.config.min_compaction_lag_ms = 1'000;
    world.config.max_compaction_lag_ms = 5'000;
    open();
    append({.records = "a=1"});
    roll();
    EXPECT_FALSE(world.log->cleanability(request(k_test_now_ms + 999)).is_worth_it);
    EXPECT_TRUE(world.log->cleanability(request(k_test_now_ms + 1'000)).is_worth_it);
    ASSERT_TRUE(clean(k_test_now_ms + 1'000));
    append({.records = "b=1"});
    roll();
    const auto half = world.log->cleanability(request(k_test_now_ms + 1'000));
    EXPECT_EQ(half.ratio(), 0.5);
    EXPECT_FALSE(half.is_worth_it);  // more than half, not half
    EXPECT_FALSE(world.log->cleanability(request(k_test_now_ms + 5'000)).is_worth_it);
    EXPECT_TRUE(world.log->cleanability(request(k_test_now_ms + 5'001)).is_worth_it);
    world.config.cleanup_compact = false;
    world.log->update_config(world.config);
    EXPECT_FALSE(world.log->cleanability(request(k_test_now_ms + 5'001)).is_worth_it);
}

TEST_F(Compaction, AFullMapMakesSeveralPasses) {
    limits.map_bytes_max = 4 * 24;  // three keys
    open();
    append({.records = "a=1 b=1"});
    append({.records = "a=2 c=1"});
    append({.records = "d=1 b=2"});
    roll();
    append({.records = "e=1"});
    roll();
    ASSERT_TRUE(clean());
    EXPECT_EQ(world.log->clean_end(), Offset{4});
    EXPECT_EQ(contents(), "1:b=1 2:a=2 3:c=1 4:d=1 5:b=2 6:e=1 ");
    ASSERT_TRUE(clean());
    EXPECT_EQ(world.log->clean_end(), Offset{7});
    EXPECT_EQ(contents(), "2:a=2 3:c=1 4:d=1 5:b=2 6:e=1 ");
    limits.map_bytes_max = 2 * 24;
    append({.records = "p=1 q=1"});
    roll();
    EXPECT_FALSE(clean());
    EXPECT_NE(failure.find("log.cleaner.dedupe.buffer.size"), std::string::npos);
    for (const auto& [path, node] : world.files.nodes) EXPECT_FALSE(path.ends_with(k_cleaned_suffix)) << path;
}

TEST_F(Compaction, ADamagedSegmentFailsThePassAndNothingElse) {
    open();
    append({.records = "a=1"});
    append({.records = "a=2"});
    roll();
    const auto before = contents();
    auto& data = world.files.nodes.at("/data/t-0/00000000000000000000.log")->data;
    for (const std::size_t at :
         {std::size_t{66}, std::size_t{70}}) {  // a record; an offset, which no checksum covers
        data[at] ^= std::byte{1};
        EXPECT_FALSE(clean());
        EXPECT_NE(failure, "");
        data[at] ^= std::byte{1};
        EXPECT_EQ(contents(), before);
    }
    ASSERT_TRUE(clean());
}

TEST_F(Compaction, ReadersDuringTheSwapReadTheNewSegments) {
    open();
    for (int i = 0; i < 20; ++i) append({.records = "a=1 b" + std::to_string(i) + "=1"});
    roll();
    Cleaner cleaner(world.log->plan_cleaning(request(k_test_now_ms), limits));
    while (!*cleaner.step(world.files, 1'000)) {
    }
    const auto ask = [&](std::optional<Result<LogRead>>& got) {
        world.log->read({.from = Offset{35}, .upper_bound = Offset{40}, .max_bytes = 1'000},
                        [&got](Result<LogRead> read) { got = std::move(read); });
    };
    std::optional<Result<LogRead>> early;
    std::optional<Result<LogRead>> late;
    ask(early);
    const auto job = world.disk.take();
    world.log->finish_cleaning(cleaner.take_result(), [](const Result<RetiredFiles>&) {});
    ask(late);
    job->run(world.files);
    world.settle();
    job->complete();
    world.settle();
    for (const auto* got : {&early, &late}) {
        ASSERT_TRUE(got->has_value() && **got);
        EXPECT_EQ(ranges((**got)->records), (Ranges{{34, 35}, {36, 37}, {38, 39}}));
    }
    EXPECT_EQ(contents().substr(0, 12), "1:b0=1 3:b1=");
}

TEST_F(Compaction, ATruncationMeanwhileWins) {
    open();
    append({.records = "a=1"});
    roll();
    append({.records = "a=2"});
    roll();
    Cleaner cleaner(world.log->plan_cleaning(request(k_test_now_ms), limits));
    while (!*cleaner.step(world.files, 1'000)) {
    }
    world.log->truncate_to(Offset{1}, [](const Status&) {});
    world.settle();
    const auto cleaned = cleaner.take_result();
    EXPECT_FALSE(world.log->can_finish_cleaning(cleaned));
    cleaner.discard(world.files);
    EXPECT_EQ(contents(), "0:a=1 ");
}

// Takes the files as they are at a fault point.
struct Photographer final : FaultObserver {
    Photographer(const testing::MemoryFiles& of, std::string_view at) : files(of), point(at) {}
    void on_mark(const FaultSite& site) override {
        if (site.name() != point) return;
        photograph.copy_from(files);
        ++taken;
    }
    bool is_planted(const FaultSite&) override { return false; }
    const testing::MemoryFiles& files;
    std::string_view point;
    testing::MemoryFiles photograph;
    int taken = 0;
};

// A start takes a swap beside a *.cleaned below it for unfinished and drops it; its sources are gone by then.
TEST_F(Compaction, WhatAnEarlierPassLeftIsNotBesideTheSwap) {
    auto request = world.request();
    request.log_start_offset = Offset{5};
    world.open(request);
    append({.records = "a=1"});
    append({.records = "a=2"});
    roll();
    append({.records = "b=1"});
    roll();
    const auto leave = [&](const std::string& name) { world.files.put("/data/t-0/" + name, "left"); };
    leave("00000000000000000000.log.cleaned");  // of a segment that retention took
    leave("00000000000000000005.txnindex.cleaned");
    Photographer photographer(world.files, "cleaned_source_retired");
    {
        FaultScope scope(photographer);
        ASSERT_TRUE(clean());
    }
    EXPECT_EQ(contents(), "6:a=2 7:b=1 ");
    EXPECT_FALSE(world.files.nodes.contains("/data/t-0/00000000000000000005.txnindex"));
    ASSERT_EQ(photographer.taken, 1);
    world.files.copy_from(photographer.photograph);
    world.open(request);
    EXPECT_EQ(contents(), "6:a=2 7:b=1 ");
}

// The first of the reference vectors of SipHash-2-4-128.
TEST(OffsetMap, HashesAsTheReferenceDoes) {
    const HashKey key{0x0706050403020100U, 0x0f0e0d0c0b0a0908U};
    EXPECT_EQ(siphash128({}, key), (Hash128{0xe6a825ba047f81a3U, 0x930255c71472f66dU}));
}

TEST(OffsetMap, RemembersTheLastOffsetUntilItIsFull) {
    OffsetMap map(24 * 5'000, 0.9, {3, 4});
    EXPECT_EQ(map.capacity(), 4'500U);
    EXPECT_EQ(map.find(as_bytes("k")), std::nullopt);
    for (int i = 0; i < 4'500; ++i) ASSERT_TRUE(map.put(as_bytes("k" + std::to_string(i)), Offset{i}));
    EXPECT_FALSE(map.put(as_bytes("one more"), Offset{1}));
    EXPECT_TRUE(map.put(as_bytes("k7"), Offset{9'000}));
    EXPECT_EQ(map.find(as_bytes("k7")), Offset{9'000});
    for (int i = 8; i < 4'500; ++i) ASSERT_EQ(map.find(as_bytes("k" + std::to_string(i))), Offset{i});
    EXPECT_EQ(map.size(), 4'500U);
}

}  // namespace
}  // namespace gregor::storage
