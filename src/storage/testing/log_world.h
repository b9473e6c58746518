// One log on a file system in memory, driven turn by turn; for the tests of this folder.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "records/builder.h"
#include "storage/dir_writer.h"
#include "storage/log.h"
#include "storage/recovery.h"
#include "storage/tail_cache.h"
#include "storage/testing/memory_files.h"

namespace gregor::storage::testing {

inline constexpr std::int64_t k_test_now_ms = 1'700'000'000'000;
inline const Uuid k_test_topic_id{0x1234, 0x5678};

struct TestBatch {
    int records = 1;
    std::int64_t timestamp = k_test_now_ms;
    std::size_t value_bytes = 10;
    ProducerId producer_id = k_no_producer_id;
    std::int16_t producer_epoch = records::k_no_producer_epoch;
    std::int32_t base_sequence = records::k_no_sequence;
    bool transactional = false;
};

inline Slice make_batch(const TestBatch& batch, Offset base = Offset{0},
                        LeaderEpoch epoch = k_no_leader_epoch) {
    records::BatchBuilder builder({.base_offset = base,
                                   .partition_leader_epoch = epoch,
                                   .producer_id = batch.producer_id,
                                   .producer_epoch = batch.producer_epoch,
                                   .base_sequence = batch.base_sequence,
                                   .transactional = batch.transactional});
    const std::vector<std::byte> value(batch.value_bytes, std::byte{'v'});
    for (int i = 0; i < batch.records; ++i)
        builder.append({.timestamp = batch.timestamp + i, .key = std::nullopt, .value = Bytes(value)});
    return builder.build();
}

struct RecordingObserver final : LogObserver, DirObserver {
    std::vector<Offset> written;
    std::vector<Offset> durable;
    std::vector<Offset> taken_back;
    std::optional<Error> failed;
    int offline = 0;
    void on_written(Offset end) override { written.push_back(end); }
    void on_durable(Offset end) override { durable.push_back(end); }
    void on_failed(const Error& why) override { failed = why; }
    void on_taken_back(Offset end) override { taken_back.push_back(end); }
    void on_directory_offline(const std::string&, const Error&) override { ++offline; }
};

// Base offsets and last offsets of the batches in a chain.
inline std::vector<std::pair<std::int64_t, std::int64_t>> ranges(const BufferChain& chain) {
    std::vector<std::pair<std::int64_t, std::int64_t>> found;
    const auto bytes = chain.flatten();
    records::BatchCursor cursor(bytes);
    while (auto batch = *cursor.next_v2()) {
        EXPECT_TRUE(batch->verify().has_value());
        found.emplace_back(batch->base_offset().value(), batch->last_offset().value());
    }
    EXPECT_EQ(cursor.position(), bytes.size());
    return found;
}

struct LogWorld {
    explicit LogWorld(LogConfig settings = {}, std::size_t tail_bytes = std::size_t{1} << 20)
        : config(settings), disk(files), tail(tail_bytes) {
        EXPECT_TRUE(files.make_directories("/data"));
        writer = make_ref<DirWriter>("/data", executor, disk, observer, limits);
    }

    LoadRequest request() const {
        return {.directory = "/data/t-0",
                .create = true,
                .clean = false,
                .recovery_point = Offset{0},
                .log_start_offset = Offset{0},
                .topic_id = k_test_topic_id,
                .now_ms = k_test_now_ms,
                .config = config};
    }
    void open() { open(request()); }
    void open(const LoadRequest& load) {
        log.reset();
        auto loaded = load_log(files, load);
        ASSERT_TRUE(loaded.has_value()) << loaded.error().detail;
        report = loaded->report;
        log = std::make_unique<Log>(std::move(*loaded), config, LogPorts{writer, tail, disk, decompressor},
                                    observer);
    }
    // Runs everything that is queued until nothing is.
    void settle() {
        while (executor.run_one() || disk.run_one()) log->check_invariants();
    }
    Log::Appended append(const TestBatch& batch) { return append(make_batch(batch)); }
    Log::Appended append(Slice batch) {
        return log->append({.records = std::move(batch), .leader_epoch = epoch, .now_ms = k_test_now_ms});
    }
    Result<LogRead> read(std::int64_t from, std::size_t max_bytes = 1 << 20, bool min_one = true,
                         std::optional<std::int64_t> bound = std::nullopt,
                         std::size_t file_range_bytes_min = SIZE_MAX) {
        std::optional<Result<LogRead>> got;
        log->read({.from = Offset{from},
                   .upper_bound = bound ? Offset{*bound} : log->log_end_offset(),
                   .max_bytes = max_bytes,
                   .min_one_message = min_one,
                   .file_range_bytes_min = file_range_bytes_min},
                  [&](Result<LogRead> result) { got = std::move(result); });
        in_same_turn = got.has_value();
        settle();
        EXPECT_TRUE(got.has_value());
        return std::move(*got);
    }
    Result<TimestampOffset> find_time(std::int64_t timestamp) {
        std::optional<Result<TimestampOffset>> got;
        log->offset_for_timestamp(timestamp, log->log_end_offset(),
                                  [&](Result<TimestampOffset> result) { got = std::move(result); });
        settle();
        return std::move(*got);
    }
    Status close() {
        std::optional<Status> got;
        log->close([&](Status status) { got = std::move(status); });
        settle();
        return *got;
    }

    LogConfig config;
    DirWriterLimits limits;
    MemoryFiles files;
    ManualDisk disk;
    ManualExecutor executor;
    RecordingObserver observer;
    TailCache tail;
    records::Decompressor decompressor;
    Ref<DirWriter> writer;
    std::unique_ptr<Log> log;
    LeaderEpoch epoch{0};
    RecoveryReport report;
    bool in_same_turn = false;
};

}  // namespace gregor::storage::testing
