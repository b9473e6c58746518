// A partition directory on a real file system, for comparison with the peer's tools:
//
//   log_directory write DIR    several segments of every shape, closed cleanly
//   log_directory crash DIR    the same, left as a crash would leave it
//   log_directory clean DIR    transactions committed and aborted, old values and tombstones; compacted, then
//                              closed cleanly
//   log_directory read DIR     loads it (as after a crash) and prints its offsets and batches
#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include "io/asio/files.h"
#include "records/builder.h"
#include "storage/checkpoint.h"
#include "storage/cleaner.h"
#include "storage/log.h"
#include "storage/recovery.h"
#include "storage/testing/memory_files.h"

namespace gregor::storage {
namespace {

constexpr std::int64_t k_start_ms = 1'700'000'000'000;
constexpr int k_batches = 400;

struct SyncInTurn final : io::ParallelSync {
    Status sync_all(std::span<io::File* const> files) override {
        for (auto* file : files) TRY_STATUS(file->sync_data());
        return {};
    }
};
struct Quiet final : LogObserver, DirObserver {
    void on_written(Offset) override {}
    void on_durable(Offset) override {}
    void on_failed(const Error& why) override { std::fputs((why.detail + "\n").c_str(), stderr); }
    void on_directory_offline(const std::string&, const Error&) override {}
};

struct OneLog {
    SyncInTurn sync;
    io::KernelFiles files{sync};
    testing::ManualDisk disk{files};
    testing::ManualExecutor executor;
    Quiet observer;
    TailCache tail{0};
    records::Decompressor decompressor;
    Ref<DirWriter> writer;
    std::unique_ptr<Log> log;
    LogConfig config{.segment_bytes = 40'000, .segment_ms = k_forever, .index_interval_bytes = 1000};

    bool open(const std::string& directory) {
        writer = make_ref<DirWriter>(parent_path(directory), executor, disk, observer);
        auto loaded = load_log(files, {.directory = directory,
                                       .create = true,
                                       .topic_id = std::nullopt,
                                       .now_ms = k_start_ms,
                                       .config = config});
        if (!loaded) {
            std::fputs((loaded.error().detail + "\n").c_str(), stderr);
            return false;
        }
        log = std::make_unique<Log>(std::move(*loaded), config, LogPorts{writer, tail, disk, decompressor},
                                    observer);
        return true;
    }
    void settle() {
        while (executor.run_one() || disk.run_one()) {
        }
    }
};

Slice make_batch(int number) {
    const auto codec = static_cast<records::Codec>(number % 5);
    records::BatchBuilder builder({.compression = {.codec = codec, .level = std::nullopt},
                                   .producer_id = ProducerId{number % 3},
                                   .producer_epoch = 0,
                                   .base_sequence = 3 * (number / 3)});
    const std::string key = fmt::format("key-{}", number);
    const std::string value(static_cast<std::size_t>(50 + number % 700), 'v');
    // Time goes back now and then: the time index must not.
    const auto timestamp = k_start_ms + 1000 * (number - number % 7 * 3);
    for (int i = 0; i < 3; ++i)
        builder.append({.timestamp = timestamp + i, .key = as_bytes(key), .value = as_bytes(value)});
    return builder.build();
}

int write(const std::string& directory, bool clean) {
    OneLog one;
    if (!one.files.make_directories(directory)) return 1;
    if (!write_files_atomically(
            one.files, {partition_metadata_file(directory, Uuid{0x0102030405060708U, 0x1112131415161718U})}))
        return 1;
    if (!one.open(directory)) return 1;
    for (int number = 0; number < k_batches; ++number) {
        const auto info = one.log->append({.records = make_batch(number),
                                           .leader_epoch = LeaderEpoch{number / 100},
                                           .now_ms = k_start_ms + 1000 * number});
        if (!info) {
            std::fputs((info.error().error.detail + "\n").c_str(), stderr);
            return 1;
        }
        if (number % 3 == 0) one.settle();
    }
    bool closed = false;
    if (clean) one.log->close([&](const Status& status) { closed = status.has_value(); });
    one.settle();
    return closed || !clean ? 0 : 1;
}

// Ten keys over and over, some of them deleted; every seventh batch is a transaction, every second of those
// aborted.
Slice make_keyed_batch(int number) {
    const bool transactional = number % 7 == 0;
    const auto sequence = transactional ? number / 7 : 0;
    records::BatchBuilder builder({.compression = {.codec = static_cast<records::Codec>(number % 5)},
                                   .producer_id = transactional ? ProducerId{7} : k_no_producer_id,
                                   .producer_epoch = static_cast<std::int16_t>(transactional ? 0 : -1),
                                   .base_sequence = transactional ? 2 * sequence : -1,
                                   .transactional = transactional});
    const std::string value(static_cast<std::size_t>(50 + number % 700), 'v');
    for (int i = 0; i < 2; ++i) {
        const auto key = fmt::format("key-{}", (number + i) % 10);
        const bool is_tombstone = (number + i) % 10 == 3;
        builder.append({.timestamp = k_start_ms + number,
                        .key = as_bytes(key),
                        .value = is_tombstone ? std::nullopt : std::optional(as_bytes(value))});
    }
    return builder.build();
}

bool compact(OneLog& one, std::int64_t now_ms) {
    one.log->on_high_watermark(one.log->log_end_offset());
    const CleaningRequest request{.high_watermark = one.log->log_end_offset(), .now_ms = now_ms};
    if (!one.log->cleanability(request).is_worth_it) return false;
    Cleaner cleaner(one.log->plan_cleaning(request, {}));
    for (bool done = false; !done;) {
        const auto step = cleaner.step(one.files, 1 << 20);
        if (!step) std::fputs((step.error().detail + "\n").c_str(), stderr);
        if (!step) return false;
        done = *step;
    }
    bool swapped = false;
    one.log->finish_cleaning(cleaner.take_result(),
                             [&](const Result<RetiredFiles>& files) { swapped = files.has_value(); });
    one.settle();
    return swapped;
}

int clean(const std::string& directory) {
    OneLog one;
    one.config.segment_bytes = 4'000;
    one.config.cleanup_compact = true;
    one.config.min_cleanable_dirty_ratio = 0;
    if (!one.files.make_directories(directory)) return 1;
    if (!write_files_atomically(
            one.files, {partition_metadata_file(directory, Uuid{0x0102030405060708U, 0x1112131415161718U})}))
        return 1;
    if (!one.open(directory)) return 1;
    for (int number = 0; number < k_batches; ++number) {
        const auto add = [&](Slice batch, records::AppendOrigin origin) {
            return one.log
                ->append({.records = std::move(batch),
                          .origin = origin,
                          .leader_epoch = LeaderEpoch{number / 100},
                          .now_ms = k_start_ms + number})
                .has_value();
        };
        if (!add(make_keyed_batch(number), records::AppendOrigin::client)) return 1;
        const auto type = number % 2 == 0 ? records::ControlType::commit : records::ControlType::abort;
        if (number % 7 == 0 &&
            !add(records::build_end_transaction_marker(
                     {.timestamp = k_start_ms + number, .producer_id = ProducerId{7}, .producer_epoch = 0},
                     {.type = type, .coordinator_epoch = 1}),
                 records::AppendOrigin::coordinator))
            return 1;
        one.settle();
        if (number == k_batches / 2 && !compact(one, k_start_ms + number)) return 1;
    }
    if (!compact(one, k_start_ms + k_batches)) return 1;
    bool closed = false;
    one.log->close([&](const Status& status) { closed = status.has_value(); });
    one.settle();
    return closed ? 0 : 1;
}

int read(const std::string& directory) {
    OneLog one;
    if (!one.open(directory)) return 1;
    auto at = one.log->log_start_offset();
    std::int64_t batches = 0;
    bool failed = false;
    while (!failed && at < one.log->log_end_offset()) {
        const auto before = at;
        one.log->read({.from = at,
                       .upper_bound = one.log->log_end_offset(),
                       .max_bytes = 1 << 20,
                       .min_one_message = true},
                      [&](const Result<LogRead>& result) {
                          failed = !result || result->records.empty();
                          if (failed) return;
                          const auto bytes = result->records.flatten();
                          records::BatchCursor cursor(bytes);
                          for (auto next = cursor.next(); next && *next; next = cursor.next()) ++batches;
                          at = result->next_offset;
                      });
        one.settle();
        failed = failed || at <= before;
    }
    fmt::print("start={} end={} epoch={} producers={} batches={} failed={}\n",
               one.log->log_start_offset().value(), one.log->log_end_offset().value(),
               one.log->latest_epoch().value(), one.log->active_producers().size(), batches, failed);
    return failed ? 1 : 0;
}

}  // namespace
}  // namespace gregor::storage

int main(int count, char** arguments) {
    const std::string_view command = count == 3 ? arguments[1] : "";
    if (command == "write" || command == "crash")
        return gregor::storage::write(arguments[2], command == "write");
    if (command == "clean") return gregor::storage::clean(arguments[2]);
    if (command == "read") return gregor::storage::read(arguments[2]);
    std::fputs("usage: log_directory write|crash|clean|read DIR\n", stderr);
    return 2;
}
