#include "storage/log.h"

#include <gtest/gtest.h>

#include "records/control.h"
#include "storage/checkpoint.h"
#include "storage/testing/log_world.h"

namespace gregor::storage {
namespace {

using testing::LogWorld;
using testing::make_batch;
using testing::ranges;
using testing::TestBatch;
using Ranges = std::vector<std::pair<std::int64_t, std::int64_t>>;
using testing::k_test_now_ms;

TEST(Log, AppendIsAssignedThenDurable) {
    LogWorld world;
    world.open();
    const auto info = world.append(TestBatch{.records = 3});
    ASSERT_TRUE(info);
    EXPECT_EQ(info->base_offset, Offset{0});
    EXPECT_EQ(info->last_offset, Offset{2});
    EXPECT_EQ(world.log->log_end_offset(), Offset{3});
    EXPECT_EQ(world.log->durable_end(), Offset{0});
    EXPECT_TRUE(world.observer.durable.empty());
    // Readable at once, from memory.
    EXPECT_EQ(ranges(world.read(1)->records), (Ranges{{0, 2}}));
    EXPECT_TRUE(world.in_same_turn);
    world.settle();
    EXPECT_EQ(world.observer.durable, (std::vector{Offset{3}}));
    EXPECT_EQ(world.log->recovery_point(), Offset{3});
    const auto& node = *world.files.nodes.at("/data/t-0/00000000000000000000.log");
    EXPECT_EQ(node.synced_size, node.data.size());
}

TEST(Log, ReadsColdFromDisk) {
    LogWorld world({.index_interval_bytes = 500}, 0);  // nothing stays in memory once it is written
    world.open();
    for (int i = 0; i < 50; ++i) {
        ASSERT_TRUE(world.append(TestBatch{.records = 2, .value_bytes = 50}));
        world.settle();
    }
    const auto size = make_batch(TestBatch{.records = 2, .value_bytes = 50}).size();
    for (const std::int64_t from : {0, 1, 37, 98, 99}) {
        const auto read = world.read(from, 2 * size);
        EXPECT_FALSE(world.in_same_turn);
        ASSERT_TRUE(read);
        const auto first = from / 2 * 2;
        EXPECT_EQ(ranges(read->records).front(), (std::pair<std::int64_t, std::int64_t>{first, first + 1}));
        EXPECT_EQ(ranges(read->records).size(), first == 98 ? 1U : 2U);
    }
    EXPECT_EQ(world.read(0, 10, false)->records.size(), 0U);
    EXPECT_EQ(ranges(world.read(0, 10, true)->records), (Ranges{{0, 1}}));
    EXPECT_EQ(ranges(world.read(0, 1 << 20, true, 4)->records), (Ranges{{0, 1}, {2, 3}}));
    EXPECT_EQ(world.read(100)->records.size(), 0U);
    EXPECT_EQ(world.read(101).error().code, ErrorCode::offset_out_of_range);
    world.log->raise_log_start_offset(Offset{10});
    EXPECT_EQ(world.read(9).error().code, ErrorCode::offset_out_of_range);
}

TEST(Log, NeverServesARottenBatch) {
    LogWorld world({}, 0);
    world.open();
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(world.append(TestBatch{}));
    world.settle();
    auto& data = world.files.nodes.at("/data/t-0/00000000000000000000.log")->data;
    data[data.size() / 2] ^= std::byte{4};  // in the second of three
    EXPECT_EQ(ranges(world.read(0)->records), (Ranges{{0, 0}}));
    EXPECT_EQ(world.read(1).error().code, ErrorCode::corrupt_message);
}

// The batches that a range of a file holds, as a socket would send them.
BufferChain expanded(const BufferChain& chain) {
    BufferChain bytes;
    for (const auto& element : chain.elements()) {
        const auto* range = std::get_if<FileRange>(&element);
        if (range == nullptr) {
            bytes.append(std::get<Slice>(element));
            continue;
        }
        auto buffer = Buffer::allocate(range->size);
        auto& file = dynamic_cast<io::File&>(*range->source);
        EXPECT_EQ(*file.read_at(range->position, buffer->writable()), range->size);
        bytes.append(Slice(std::move(buffer)));
    }
    return bytes;
}

TEST(Log, ARangeOfAFileHoldsWhatAReadHolds) {
    LogWorld world({.segment_bytes = 30'000, .index_interval_bytes = 700}, 0);
    world.open();
    for (int i = 0; i < 400; ++i) {
        const TestBatch batch{.records = 1 + i % 3,
                              .value_bytes = static_cast<std::size_t>(10 + i * 37 % 400)};
        ASSERT_TRUE(world.append(batch));
        if (i % 50 == 0) world.settle();
    }
    world.settle();
    const auto end = world.log->log_end_offset().value();
    int ranges_seen = 0;
    for (std::int64_t from = 0; from < end; from += 7) {
        for (const std::size_t max_bytes : {1U, 500U, 5'000U, 29'000U, 1'000'000U}) {
            for (const auto bound : {from + 1, from + 11, end}) {
                const auto read = world.read(from, max_bytes, true, bound);
                const auto range = world.read(from, max_bytes, true, bound, 1);
                ASSERT_TRUE(read && range);
                EXPECT_EQ(ranges(expanded(range->records)), ranges(read->records)) << from << " " << bound;
                EXPECT_EQ(range->next_offset, read->next_offset);
                const auto elements = range->records.elements();
                ranges_seen += !elements.empty() && std::holds_alternative<FileRange>(elements[0]);
            }
        }
    }
    EXPECT_GT(ranges_seen, 1000);
}

TEST(Log, RollsBySizeAndReadsAcross) {
    const auto size = static_cast<std::int32_t>(make_batch(TestBatch{}).size());
    LogWorld world({.segment_bytes = 2 * size}, 0);
    world.open();
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(world.append(TestBatch{}));
    world.settle();
    for (const auto* name : {"00000000000000000000", "00000000000000000002", "00000000000000000004"})
        for (const auto* extension : {".log", ".index", ".timeindex"})
            EXPECT_TRUE(world.files.nodes.contains(std::string("/data/t-0/") + name + extension));
    EXPECT_TRUE(world.files.nodes.contains("/data/t-0/00000000000000000004.snapshot"));
    // The closing entry: largest timestamp, last offset relative to the base.
    EXPECT_EQ(world.files.nodes.at("/data/t-0/00000000000000000002.timeindex")->data.size(), 12U);
    for (std::int64_t at = 0; at < 5; ++at) EXPECT_EQ(ranges(world.read(at)->records).front().first, at);
    EXPECT_EQ(world.append(TestBatch{.value_bytes = 200}).error().error.code,
              ErrorCode::record_list_too_large);
}

TEST(Log, RollsByRecordTimeAndFullIndexes) {
    LogWorld world({.segment_ms = 1000});
    world.open();
    ASSERT_TRUE(world.append(TestBatch{.timestamp = k_test_now_ms}));
    ASSERT_TRUE(world.append(TestBatch{.timestamp = k_test_now_ms + 1000}));
    ASSERT_TRUE(world.append(TestBatch{.timestamp = k_test_now_ms + 1001}));
    world.settle();
    EXPECT_TRUE(world.files.nodes.contains("/data/t-0/00000000000000000002.log"));
    EXPECT_FALSE(world.files.nodes.contains("/data/t-0/00000000000000000001.log"));

    LogWorld full({.segment_index_bytes = 36, .index_interval_bytes = 0});
    full.open();
    for (int i = 0; i < 4; ++i) ASSERT_TRUE(full.append(TestBatch{.timestamp = k_test_now_ms + i}));
    full.settle();
    // Two time entries of three slots: the third is kept for the closing entry.
    EXPECT_TRUE(full.files.nodes.contains("/data/t-0/00000000000000000003.log"));
}

TEST(Log, ValidatesLikeKafka) {
    LogWorld world({.max_message_bytes = 200});
    world.open();
    EXPECT_EQ(world.append(TestBatch{.value_bytes = 500}).error().error.code, ErrorCode::message_too_large);
    auto corrupt = make_batch(TestBatch{});
    corrupt.patchable()[70] ^= std::byte{1};
    EXPECT_EQ(world.append(std::move(corrupt)).error().error.code, ErrorCode::corrupt_message);
    const auto whole = make_batch(TestBatch{});
    EXPECT_EQ(world.append(whole.subslice(0, whole.size() - 1)).error().error.code,
              ErrorCode::corrupt_message);
    EXPECT_EQ(world.append(Slice()).error().error.code, ErrorCode::corrupt_message);
    const auto late = world.append(TestBatch{.timestamp = k_test_now_ms + 3'600'001});
    EXPECT_EQ(late.error().error.code, ErrorCode::invalid_timestamp);
    EXPECT_EQ(late.error().record_errors.size(), 1U);
    EXPECT_EQ(world.log->log_end_offset(), Offset{0});
    world.config.cleanup_compact = true;
    world.log->update_config(world.config);
    EXPECT_EQ(world.append(TestBatch{}).error().error.code, ErrorCode::invalid_record);
}

TEST(Log, StampsAppendTimeAndEpoch) {
    LogWorld world({.message_timestamp_type = TimestampType::log_append_time});
    world.epoch = LeaderEpoch{7};
    world.open();
    const auto info = world.append(TestBatch{.timestamp = 5});
    ASSERT_TRUE(info);
    EXPECT_EQ(info->log_append_time_ms, k_test_now_ms);
    const auto bytes = world.read(0)->records.flatten();
    const records::BatchView batch(bytes);
    EXPECT_EQ(batch.max_timestamp(), k_test_now_ms);
    EXPECT_EQ(batch.partition_leader_epoch(), LeaderEpoch{7});
    EXPECT_EQ(world.log->epochs(), (std::vector<EpochStart>{{LeaderEpoch{7}, Offset{0}}}));
    world.settle();
    EXPECT_EQ(world.files.text("/data/t-0/leader-epoch-checkpoint"), "0\n1\n7 0\n");
}

TEST(Log, AnswersDuplicatesWithTheirFirstOffsets) {
    LogWorld world;
    world.open();
    TestBatch batch{.records = 2, .producer_id = ProducerId{4}, .producer_epoch = 0, .base_sequence = 0};
    ASSERT_TRUE(world.append(batch));
    batch.base_sequence = 2;
    ASSERT_TRUE(world.append(batch));
    batch.base_sequence = 0;
    const auto again = world.append(batch);
    ASSERT_TRUE(again);
    EXPECT_TRUE(again->duplicate);
    EXPECT_EQ(again->base_offset, Offset{0});
    EXPECT_EQ(again->last_offset, Offset{1});
    EXPECT_EQ(world.log->log_end_offset(), Offset{4});
    batch.base_sequence = 9;
    EXPECT_EQ(world.append(batch).error().error.code, ErrorCode::out_of_order_sequence_number);
    world.settle();
    // The same after a crash, rebuilt from the log, and after a clean stop, from snapshot and tail.
    for (const bool clean : {false, true}) {
        if (clean) {
            ASSERT_TRUE(world.close());
        }
        auto request = world.request();
        request.clean = clean;
        world.open(request);
        batch.base_sequence = 0;
        EXPECT_TRUE(world.append(batch)->duplicate) << clean;
        batch.base_sequence = 9;
        EXPECT_EQ(world.append(batch).error().error.code, ErrorCode::out_of_order_sequence_number);
    }
}

TEST(Log, SearchesByTime) {
    const auto size = static_cast<std::int32_t>(make_batch(TestBatch{.records = 2}).size());
    LogWorld world({.segment_bytes = 4 * size,
                    .index_interval_bytes = size,
                    .message_timestamp_after_max_ms = k_forever});
    world.open();
    EXPECT_EQ(world.find_time(0)->offset, k_no_offset);
    EXPECT_EQ(world.find_time(k_max_timestamp)->offset, k_no_offset);
    for (int i = 0; i < 20; ++i) {  // records at now, now+1, now+10, now+11, ...
        ASSERT_TRUE(world.append(TestBatch{.records = 2, .timestamp = k_test_now_ms + 10 * i}));
        world.settle();
    }
    EXPECT_EQ(world.find_time(0)->offset, Offset{0});
    EXPECT_EQ(world.find_time(k_test_now_ms + 11)->offset, Offset{3});
    EXPECT_EQ(world.find_time(k_test_now_ms + 12)->offset, Offset{4});
    EXPECT_EQ(world.find_time(k_test_now_ms + 12)->timestamp, k_test_now_ms + 20);
    EXPECT_EQ(world.find_time(k_test_now_ms + 191)->offset, Offset{39});
    EXPECT_EQ(world.find_time(k_test_now_ms + 192)->offset, k_no_offset);
    EXPECT_EQ(world.find_time(k_max_timestamp)->offset, Offset{39});
    EXPECT_EQ(world.find_time(k_earliest_timestamp)->offset, Offset{0});
    EXPECT_EQ(world.find_time(k_latest_timestamp)->offset, Offset{40});
    ASSERT_TRUE(world.append(TestBatch{.timestamp = k_test_now_ms + 5}));  // time goes back
    EXPECT_EQ(world.find_time(k_test_now_ms + 3)->offset, Offset{2});
    world.log->raise_log_start_offset(Offset{7});
    EXPECT_EQ(world.find_time(0)->offset, Offset{7});
    EXPECT_EQ(world.find_time(k_earliest_timestamp)->offset, Offset{7});
}

TEST(Log, TruncatesAndGoesOn) {
    const auto size = static_cast<std::int32_t>(make_batch(TestBatch{.records = 2}).size());
    LogWorld world({.segment_bytes = 3 * size, .index_interval_bytes = 0});
    world.open();
    for (int i = 0; i < 10; ++i) {
        world.epoch = LeaderEpoch{i / 2};
        ASSERT_TRUE(world.append(TestBatch{.records = 2, .timestamp = k_test_now_ms + i}));
    }
    bool done = false;
    world.log->truncate_to(Offset{9}, [&](const Status& status) { done = status.has_value(); });
    EXPECT_EQ(world.log->log_end_offset(), Offset{9});
    EXPECT_FALSE(world.append(TestBatch{}));
    world.settle();
    EXPECT_TRUE(done);
    EXPECT_EQ(world.log->latest_epoch(), LeaderEpoch{2});
    EXPECT_FALSE(world.files.nodes.contains("/data/t-0/00000000000000000012.log"));
    world.epoch = LeaderEpoch{9};
    EXPECT_EQ(world.append(TestBatch{})->base_offset, Offset{9});
    world.settle();
    EXPECT_EQ(ranges(world.read(6)->records), (Ranges{{6, 7}, {9, 9}}));
    EXPECT_EQ(ranges(world.read(8)->records), (Ranges{{9, 9}}));
    auto request = world.request();
    world.open(request);
    EXPECT_EQ(world.log->log_end_offset(), Offset{10});
    EXPECT_EQ(world.report.bytes_truncated, 0);

    world.log->truncate_fully_and_start_at(Offset{100}, [](const Status& status) { EXPECT_TRUE(status); });
    world.settle();
    EXPECT_EQ(world.log->log_start_offset(), Offset{100});
    EXPECT_EQ(world.append(TestBatch{})->base_offset, Offset{100});
    EXPECT_EQ(world.log->end_offset_for(LeaderEpoch{9}).end_offset, Offset{101});
}

TEST(Log, CopiesTheLeaderVerbatim) {
    LogWorld world;
    world.open();
    const auto batch = make_batch(TestBatch{.records = 3}, Offset{5}, LeaderEpoch{2});
    const auto info = world.log->append({.records = batch, .origin = records::AppendOrigin::replication});
    ASSERT_TRUE(info);
    EXPECT_EQ(info->base_offset, Offset{5});
    EXPECT_EQ(world.log->log_end_offset(), Offset{8});
    const auto again = world.log->append({.records = batch, .origin = records::AppendOrigin::replication});
    EXPECT_EQ(again.error().error.code, ErrorCode::offset_out_of_range);
    EXPECT_TRUE(equal(world.read(5)->records.flatten(), batch.bytes()));
}

TEST(Log, TransactionsHoldTheStableOffset) {
    LogWorld world;
    world.open();
    ASSERT_TRUE(world.append(TestBatch{}));
    ASSERT_TRUE(world.append(TestBatch{
        .producer_id = ProducerId{1}, .producer_epoch = 0, .base_sequence = 0, .transactional = true}));
    EXPECT_EQ(world.log->first_unstable_offset(), Offset{1});
    const auto marker = records::build_end_transaction_marker(
        {.timestamp = k_test_now_ms, .producer_id = ProducerId{1}, .producer_epoch = 0},
        {.type = records::ControlType::commit, .coordinator_epoch = 1});
    ASSERT_TRUE(world.log->append({.records = marker,
                                   .origin = records::AppendOrigin::coordinator,
                                   .leader_epoch = world.epoch,
                                   .now_ms = k_test_now_ms}));
    EXPECT_EQ(world.log->first_unstable_offset(), Offset{1});
    world.log->on_high_watermark(Offset{3});
    EXPECT_EQ(world.log->first_unstable_offset(), std::nullopt);
    world.settle();
    world.open();
    world.log->on_high_watermark(Offset{3});
    EXPECT_EQ(world.log->first_unstable_offset(), std::nullopt);
    EXPECT_EQ(world.log->active_producers().at(0).coordinator_epoch, 1);
}

TEST(Log, AFailedDirectoryFailsItsLogs) {
    LogWorld world;
    world.open();
    ASSERT_TRUE(world.append(TestBatch{}));
    world.files.fail_syncs = true;
    world.settle();
    ASSERT_TRUE(world.observer.failed);
    EXPECT_TRUE(world.observer.durable.empty());
    EXPECT_EQ(world.log->durable_end(), Offset{0});
    EXPECT_EQ(world.append(TestBatch{}).error().error.code, ErrorCode::kafka_storage_error);
    EXPECT_EQ(world.read(0).error().code, ErrorCode::kafka_storage_error);
    EXPECT_FALSE(world.close());
}

// An answer may be lost with the connection: the client sends up to five batches again, whatever was rolled
// between them. Snapshots know only the last one.
TEST(Log, KnowsDuplicatesOfSegmentsBeforeTheLastOneAfterACleanStop) {
    const TestBatch first{.producer_id = ProducerId{7}, .producer_epoch = 0, .base_sequence = 0};
    LogWorld world({.segment_bytes = static_cast<std::int32_t>(make_batch(first).size())});
    world.open();
    auto batch = first;
    for (; batch.base_sequence < 6; ++batch.base_sequence) ASSERT_TRUE(world.append(batch));
    world.settle();
    ASSERT_TRUE(world.close());
    auto request = world.request();
    request.clean = true;
    request.recovery_point = Offset{6};
    world.open(request);
    for (batch.base_sequence = 1; batch.base_sequence < 6; ++batch.base_sequence) {
        const auto info = world.append(batch);
        ASSERT_TRUE(info && info->duplicate) << batch.base_sequence;
        EXPECT_EQ(info->base_offset, Offset{batch.base_sequence});
    }
    batch.base_sequence = 0;  // out of the window
    EXPECT_EQ(world.append(batch).error().error.code, ErrorCode::out_of_order_sequence_number);
}

// With the page cache as durability the answer comes with the write; the recovery point waits for an fsync.
TEST(Log, PageCacheAnswersEarlyAndRecoversFromWhatWasSynced) {
    const auto size = static_cast<std::int32_t>(make_batch(TestBatch{}).size());
    LogWorld world({.segment_bytes = 2 * size, .durability = Durability::page_cache});
    world.open();
    ASSERT_TRUE(world.append(TestBatch{}));
    world.settle();
    EXPECT_EQ(world.log->durable_end(), Offset{1});
    EXPECT_EQ(world.log->recovery_point(), Offset{0});
    EXPECT_EQ(world.files.nodes.at("/data/t-0/00000000000000000000.log")->synced_size, 0U);
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(world.append(TestBatch{}));
    world.settle();  // the roll synced the first segment in the background
    EXPECT_EQ(world.log->recovery_point(), Offset{2});
    EXPECT_GT(world.files.nodes.at("/data/t-0/00000000000000000000.log")->synced_size, 0U);
    EXPECT_EQ(world.files.nodes.at("/data/t-0/00000000000000000002.log")->synced_size, 0U);
    world.config.durability = Durability::disk;  // flushes
    world.log->update_config(world.config);
    ASSERT_TRUE(world.append(TestBatch{}));
    world.settle();
    EXPECT_EQ(world.log->recovery_point(), Offset{4});
    ASSERT_TRUE(world.append(TestBatch{}));
    world.settle();
    EXPECT_EQ(world.log->recovery_point(), Offset{6});
    for (const auto& [path, node] : world.files.nodes) {
        if (!path.ends_with(".log")) continue;
        EXPECT_EQ(node->synced_size, node->data.size()) << path;
    }
}

TEST(Log, AFailedBackgroundSyncTakesTheDirectoryOffline) {
    const auto size = static_cast<std::int32_t>(make_batch(TestBatch{}).size());
    LogWorld world({.segment_bytes = size, .durability = Durability::page_cache});
    world.open();
    for (int i = 0; i < 2; ++i) ASSERT_TRUE(world.append(TestBatch{}));
    ASSERT_TRUE(world.executor.run_one());
    ASSERT_TRUE(world.disk.run_one());
    world.files.fail_syncs = true;
    world.settle();
    EXPECT_TRUE(world.observer.failed);
    EXPECT_EQ(world.observer.offline, 1);
}

// The fsync of a rolled segment comes when the topic, and the folder with it, is gone already.
TEST(Log, ATopicMayGoWhileARolledSegmentWaitsForItsSync) {
    const auto size = static_cast<std::int32_t>(make_batch(TestBatch{}).size());
    LogWorld world({.segment_bytes = size, .durability = Durability::page_cache});
    world.open();
    for (int i = 0; i < 2; ++i) ASSERT_TRUE(world.append(TestBatch{}));
    ASSERT_TRUE(world.executor.run_one());
    ASSERT_TRUE(world.disk.run_one());
    ASSERT_EQ(world.disk.pending(), 1U);
    const auto late = world.disk.take();
    std::optional<Status> removed;
    world.log->remove("0123456789abcdef0123456789abcdef",
                      [&](Status status) { removed = std::move(status); });
    while (world.executor.run_one() || world.disk.run_one()) {
    }
    ASSERT_TRUE(removed && *removed);
    ASSERT_FALSE(world.files.directories.contains("/data/t-0"));
    world.log.reset();
    late->run(world.files);
    late->complete();
    EXPECT_FALSE(world.writer->offline());
    EXPECT_EQ(world.observer.offline, 0);
}

TEST(Log, RefusesClientsWhenTheDiskDoesNotKeepUp) {
    LogWorld world;
    world.writer = make_ref<DirWriter>("/data", world.executor, world.disk, world.observer,
                                       DirWriterLimits{.queued_bytes_max = 100});
    world.open();
    ASSERT_TRUE(world.append(TestBatch{.value_bytes = 200}));
    EXPECT_EQ(world.append(TestBatch{}).error().error.code, ErrorCode::request_timed_out);
    world.settle();
    EXPECT_TRUE(world.append(TestBatch{}));
    world.settle();
}

// Clients are refused until there is space; what keeps the broker going is written.
TEST(Log, RefusesClientsWhenTheDiskIsFull) {
    LogWorld world;
    world.writer = make_ref<DirWriter>("/data", world.executor, world.disk, world.observer,
                                       DirWriterLimits{.queued_bytes_max = 1'000, .reserve_bytes = 1'000});
    world.files.free = 900;
    world.open();
    ASSERT_TRUE(world.append(TestBatch{}));
    world.settle();
    const auto refused = world.append(TestBatch{});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().error.code, ErrorCode::kafka_storage_error);
    EXPECT_NE(refused.error().error.detail.find("the disk is full"), std::string::npos);
    EXPECT_TRUE(world.log->append({.records = make_batch(TestBatch{}),
                                   .origin = records::AppendOrigin::coordinator,
                                   .leader_epoch = world.epoch,
                                   .now_ms = k_test_now_ms}));
    world.settle();
    EXPECT_EQ(world.log->durable_end(), Offset{2});
    EXPECT_TRUE(world.read(0));
    world.files.free = 5'000;
    EXPECT_FALSE(world.append(TestBatch{}));  // it looks again
    world.settle();
    EXPECT_TRUE(world.append(TestBatch{}));
    world.settle();
    EXPECT_EQ(world.log->durable_end(), Offset{3});
    EXPECT_EQ(world.observer.offline, 0);
}

TEST(Log, ClosesSoThatKafkaMayCallItClean) {
    LogWorld world({.index_interval_bytes = 100});
    world.open();
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(world.append(TestBatch{.timestamp = k_test_now_ms + i}));
    ASSERT_TRUE(world.close());
    EXPECT_TRUE(world.files.nodes.contains("/data/t-0/00000000000000000010.snapshot"));
    for (const auto& [path, node] : world.files.nodes)
        EXPECT_EQ(node->synced_size, node->data.size()) << path;
    const auto& time = world.files.nodes.at("/data/t-0/00000000000000000000.timeindex")->data;
    ASSERT_EQ(time.size() % 12, 0U);
    EXPECT_EQ(records::load_be<std::int64_t>(time.data() + time.size() - 12), k_test_now_ms + 9);
    auto request = world.request();
    request.clean = true;
    world.open(request);
    EXPECT_EQ(world.log->log_end_offset(), Offset{10});
    EXPECT_EQ(world.report.segments_recovered, 0);
    EXPECT_EQ(world.find_time(k_test_now_ms + 9)->offset, Offset{9});
}

TEST(Log, RemovesItsDirectory) {
    LogWorld world;
    world.open();
    ASSERT_TRUE(world.append(TestBatch{}));
    const std::string hex(32, 'a');
    bool done = false;
    world.log->remove(hex, [&](const Status& status) { done = status.has_value(); });
    ASSERT_TRUE(world.executor.run_one());
    ASSERT_TRUE(world.disk.run_one());
    EXPECT_TRUE(done);
    EXPECT_TRUE(world.files.directories.contains("/data/t-0." + hex + "-delete"));
    world.log.reset();
    while (world.disk.run_one()) {
    }
    EXPECT_TRUE(world.files.nodes.empty());
    EXPECT_FALSE(world.files.directories.contains("/data/t-0." + hex + "-delete"));
}

}  // namespace
}  // namespace gregor::storage
