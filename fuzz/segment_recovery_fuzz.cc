// Any bytes as the files of a partition directory: loading never crashes, takes memory in proportion to the
// bytes present, and what it loaded can be read, appended to and loaded again.
//
//   input = (kind:uint8 size:uint16 bytes)*      kind: which file, and with its high bits the recovery point
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>

#include "base/log.h"
#include "records/builder.h"
#include "storage/dir_writer.h"
#include "storage/log.h"
#include "storage/recovery.h"
#include "storage/tail_cache.h"
#include "storage/testing/memory_files.h"

namespace gregor::storage {
namespace {

constexpr const char* k_names[] = {
    "00000000000000000000.log",      "00000000000000000000.index",    "00000000000000000000.timeindex",
    "00000000000000000004.log",      "00000000000000000004.index",    "00000000000000000004.timeindex",
    "00000000000000000004.snapshot", "00000000000000000008.snapshot", "leader-epoch-checkpoint",
    "00000000000000000000.log.swap", "00000000000000000002.txnindex", "00000000000000000000.index.cleaned"};
constexpr std::size_t k_piece_header = 3;

void require(bool holds) {
    if (!holds) std::abort();
}

struct Observer final : LogObserver, DirObserver {
    void on_written(Offset) override {}
    void on_durable(Offset) override {}
    void on_failed(const Error&) override {}
    void on_directory_offline(const std::string&, const Error&) override {}
};

// The files named by the input; returns the flags of the load.
std::uint8_t lay_out(Bytes input, testing::MemoryFiles& files) {
    std::uint8_t flags = 0;
    while (input.size() >= k_piece_header) {
        const auto kind = std::to_integer<std::uint8_t>(input[0]);
        const auto size =
            std::to_integer<std::size_t>(input[1]) << 8U | std::to_integer<std::size_t>(input[2]);
        input = input.subspan(k_piece_header);
        const auto bytes = input.first(std::min(size, input.size()));
        input = input.subspan(bytes.size());
        flags = static_cast<std::uint8_t>(flags ^ kind);
        files.put(std::string("/d/t-0/") + k_names[kind % std::size(k_names)],
                  std::vector<std::byte>(bytes.begin(), bytes.end()));
    }
    return flags;
}

struct World {
    testing::MemoryFiles files;
    testing::ManualDisk disk{files};
    testing::ManualExecutor executor;
    Observer observer;
    TailCache tail{0};
    records::Decompressor decompressor;
    Ref<DirWriter> writer = make_ref<DirWriter>("/d", executor, disk, observer);

    void settle() {
        while (executor.run_one() || disk.run_one()) {
        }
    }
    void exercise(Log& log) {
        log.check_invariants();
        log.read({.from = log.log_start_offset(),
                  .upper_bound = log.log_end_offset(),
                  .max_bytes = 1 << 16,
                  .min_one_message = true},
                 [](const Result<LogRead>&) {});
        log.offset_for_timestamp(1, log.log_end_offset(), [](const Result<TimestampOffset>&) {});
        settle();
        records::BatchBuilder builder({});
        builder.append({.timestamp = 5});
        const auto end = log.log_end_offset();
        if (log.append({.records = builder.build(), .leader_epoch = LeaderEpoch{0}, .now_ms = 5})) {
            settle();
            require(log.durable_end() == end + 1);
        }
    }
};

void load_and_go_on(Bytes input) {
    World world;
    require(world.files.make_directories("/d/t-0").has_value());
    const auto flags = lay_out(input, world.files);
    LoadRequest request{.directory = "/d/t-0",
                        .create = true,
                        .clean = (flags & 0x80U) != 0,
                        .recovery_point = Offset{(flags & 0x40U) != 0 ? 4 : 0},
                        .log_start_offset = Offset{(flags & 0x20U) != 0 ? 2 : 0},
                        .topic_id = Uuid{1, 2},
                        .now_ms = 1000};
    auto loaded = load_log(world.files, request);
    if (!loaded) return;
    auto end = loaded->log_end_offset;
    {
        Log log(std::move(*loaded), request.config,
                {world.writer, world.tail, world.disk, world.decompressor}, world.observer);
        world.exercise(log);
        end = log.durable_end();
    }
    // What a recovery kept and an append made durable, the next recovery finds.
    const bool all_was_verified = !request.clean && request.recovery_point == Offset{0};
    request.clean = false;
    const auto again = load_log(world.files, request);
    if (all_was_verified) require(again && again->log_end_offset == end);
}

}  // namespace
}  // namespace gregor::storage

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    gregor::set_log_level(gregor::LogLevel::error);
    gregor::storage::load_and_go_on(std::as_bytes(std::span(data, size)));
    return 0;
}
