#include "sim/log_workload.h"

#include <fmt/format.h>

#include <deque>

#include "io/disk_error.h"
#include "records/builder.h"
#include "sim/faults.h"
#include "sim/ledger.h"
#include "sim/machine.h"
#include "storage/dir_writer.h"
#include "storage/log.h"
#include "storage/recovery.h"
#include "storage/trash.h"

namespace gregor::sim {
namespace {

constexpr TopicPartition k_partition{0, 0};
constexpr LeaderEpoch k_epoch{0};
const std::string k_directory = "/data/t0-0";

storage::LogConfig config() {
    storage::LogConfig config;
    config.segment_bytes = 64 * 1024;  // roll often
    config.index_interval_bytes = 1'024;
    config.retention_bytes = 512 * 1024;
    config.cleanup_compact = true;  // every key once: cleaning rewrites nothing away, but swaps all the files
    config.min_cleanable_dirty_ratio = 0.3;
    return config;
}

// Producers outlive the machine: they send again what was not answered.
struct LogProducer {
    struct Batch {
        std::uint32_t first = 0;
        std::uint32_t count = 0;
    };
    std::uint32_t identity = 0;
    std::deque<Batch> unanswered;
    std::size_t sent = 0;  // of unanswered, in this life of the log
    std::uint32_t next = 0;
};

struct LogStage {
    World& world;
    Ledger ledger;
    std::vector<LogProducer> producers;
    bool winding_down = false;
    bool idle = false;  // everything is answered
};

// The process: loads, checks what it finds, then serves the producers.
class LogServer final : public Program, public storage::LogObserver, public storage::DirObserver {
public:
    LogServer(Machine& machine, LogStage& stage)
        : stage_(stage), ports_(machine.ports().front()), prng_(ports_.random.next()) {
        for (auto& producer : stage_.producers) producer.sent = 0;
        load();
    }
    ~LogServer() override {
        if (writer_) writer_->stop();
    }
    void check_invariants() const override {
        if (!log_) return;
        log_->check_invariants();
        stage_.ledger.deleted(k_partition, log_->log_start_offset());
    }

private:
    class Load;
    class Clean;
    struct Expected {
        std::size_t producer = 0;
        Offset end;
        Offset base;
    };

    void load();
    void on_loaded(Result<storage::LoadedLog> loaded);
    void read_on(Offset from);
    void on_read(Result<storage::LogRead> read);
    void check_records(Bytes records);
    void schedule();
    void work();
    void append(std::size_t producer);
    void retain();
    void start_cleaning();
    void on_cleaner_step(std::unique_ptr<storage::Cleaner> cleaner, Result<bool> done);
    Slice encode(const LogProducer& producer, const LogProducer::Batch& batch) const;
    void on_written(Offset) override {}
    void on_durable(Offset durable_end) override;
    void on_failed(const Error& why) override { stage_.world.fail("the log failed: " + why.detail); }
    void on_directory_offline(const std::string&, const Error& why) override {
        stage_.world.fail("the directory failed: " + why.detail);
    }

    LogStage& stage_;
    io::ShardPorts ports_;
    Prng prng_;
    records::Decompressor decompressor_;
    storage::TailCache tail_{64 * 1024};
    storage::Trash trash_{ports_.clock, ports_.executor, ports_.disk};
    bool is_cleaning_ = false;
    Ref<storage::DirWriter> writer_;
    std::unique_ptr<storage::Log> log_;
    std::deque<Expected> waiting_;
};

class LogServer::Load final : public io::DiskJob {
public:
    explicit Load(LogServer& server) : server_(server) {}
    void run(io::FileSystem& files) override { loaded_ = load(files); }
    void complete() override { server_.on_loaded(std::move(loaded_)); }

private:
    Result<storage::LoadedLog> load(io::FileSystem& files) {
        TRY_STATUS(files.make_directories("/data"));
        TRY_STATUS(files.sync_directory("/"));
        storage::LoadRequest request;
        request.directory = k_directory;
        request.create = true;
        request.topic_id = Uuid{1, 2};
        request.now_ms = server_.ports_.clock.wall_clock_ms();
        request.config = config();
        return storage::load_log(files, request);
    }

    LogServer& server_;
    Result<storage::LoadedLog> loaded_ = fail(ErrorCode::unknown_server_error);
};

void LogServer::load() { ports_.disk.submit(io::DiskLane{}, std::make_unique<Load>(*this)); }

void LogServer::on_loaded(Result<storage::LoadedLog> loaded) {
    if (!loaded) return stage_.world.fail("loading the log failed: " + loaded.error().detail);
    writer_ = make_ref<storage::DirWriter>("/data", ports_.executor, ports_.disk, *this);
    log_ = std::make_unique<storage::Log>(
        *std::move(loaded), config(), storage::LogPorts{writer_, tail_, ports_.disk, decompressor_}, *this);
    log_->assign_leader_epoch(k_epoch);
    if (log_->log_start_offset() > stage_.ledger.deleted_below(k_partition)) {
        return stage_.world.fail(fmt::format("the log starts at {}, but nothing above {} was taken out",
                                             log_->log_start_offset().value(),
                                             stage_.ledger.deleted_below(k_partition).value()));
    }
    if (log_->durable_end() < stage_.ledger.safe_end(k_partition)) {
        return stage_.world.fail(fmt::format("the log ends at {}, but {} was acked",
                                             log_->durable_end().value(),
                                             stage_.ledger.safe_end(k_partition).value()));
    }
    read_on(log_->log_start_offset());
}

// Everything that survived, from the start, a piece at a time.
void LogServer::read_on(Offset from) {
    if (from >= log_->durable_end()) {
        stage_.ledger.check_complete(k_partition, log_->durable_end());
        return schedule();
    }
    log_->read({.from = from,
                .upper_bound = log_->durable_end(),
                .max_bytes = static_cast<std::size_t>(prng_.between(1, 100'000)),
                .min_one_message = true,
                .file_range_bytes_min = static_cast<std::size_t>(prng_.between(1, 100'000))},
               [this](Result<storage::LogRead> read) { on_read(std::move(read)); });
}

void LogServer::on_read(Result<storage::LogRead> read) {
    if (!read) return stage_.world.fail("reading the log failed: " + read.error().detail);
    std::vector<std::byte> bytes;
    for (const auto& element : read->records.elements()) {
        if (const auto* slice = std::get_if<Slice>(&element)) {
            bytes.insert(bytes.end(), slice->data(), slice->data() + slice->size());
            continue;
        }
        const auto& range = std::get<FileRange>(element);
        const auto had = bytes.size();
        bytes.resize(had + range.size);
        const auto got =
            dynamic_cast<io::File&>(*range.source).read_at(range.position, std::span(bytes).subspan(had));
        if (!got || *got != range.size) return stage_.world.fail("a range of the log cannot be read");
    }
    check_records(bytes);
    read_on(read->next_offset);
}

void LogServer::check_records(Bytes bytes) {
    records::BatchCursor batches(bytes);
    for (auto batch = batches.next_v2(); batch && *batch; batch = batches.next_v2()) {
        if (!(*batch)->verify()) return stage_.world.fail("a batch of the log has a wrong checksum");
        records::RecordCursor cursor(**batch);
        records::RecordView record;
        while (cursor.next(record)) {
            const auto name = record.value ? parse_value(as_text(*record.value), k_partition) : std::nullopt;
            if (!name) return stage_.world.fail("the log holds a record that nobody sent");
            stage_.ledger.read(k_partition, record.offset(**batch), *name);
        }
    }
}

// ---------------------------------------------------------------- appending

void LogServer::schedule() {
    const auto pause = Duration::micros(prng_.between(100, 100'000));
    ports_.executor.call_at(ports_.clock.now() + pause, [this] {
        work();
        schedule();
    });
}

void LogServer::work() {
    constexpr std::size_t k_unanswered_max = 5;
    if (prng_.chance(1, 100)) retain();
    if (prng_.chance(1, 50)) start_cleaning();
    const auto index = prng_.below(stage_.producers.size());
    auto& producer = stage_.producers[index];
    if (!stage_.winding_down && producer.unanswered.size() < k_unanswered_max) {
        const auto count = static_cast<std::uint32_t>(1 + prng_.below(20));
        producer.unanswered.push_back({producer.next, count});
        producer.next += count;
    }
    while (producer.sent < producer.unanswered.size()) append(index);
    stage_.idle = std::ranges::all_of(stage_.producers,
                                      [](const LogProducer& each) { return each.unanswered.empty(); });
}

// ---------------------------------------------------------------- retention and compaction

void LogServer::retain() {
    if (is_cleaning_) return;
    log_->enforce_retention({.high_watermark = log_->durable_end(), .now_ms = ports_.clock.wall_clock_ms()},
                            [this](Result<storage::RetiredFiles> files) {
                                if (!files)
                                    return stage_.world.fail("retention failed: " + files.error().detail);
                                trash_.add(std::move(*files), Duration::millis(prng_.between(0, 2'000)));
                            });
}

class LogServer::Clean final : public io::DiskJob {
public:
    Clean(LogServer& server, std::unique_ptr<storage::Cleaner> cleaner)
        : server_(server), cleaner_(std::move(cleaner)) {}
    void run(io::FileSystem& files) override { done_ = cleaner_->step(files, 100'000); }
    void complete() override { server_.on_cleaner_step(std::move(cleaner_), std::move(done_)); }

private:
    LogServer& server_;
    std::unique_ptr<storage::Cleaner> cleaner_;
    Result<bool> done_ = false;
};

void LogServer::start_cleaning() {
    const storage::CleaningRequest request{.high_watermark = log_->durable_end(),
                                           .now_ms = ports_.clock.wall_clock_ms()};
    if (is_cleaning_ || !log_->cleanability(request).is_worth_it) return;
    is_cleaning_ = true;
    const storage::CleaningLimits limits{.map_bytes_max = 64 * 1024,  // some passes do not get to the end
                                         .key = {prng_.next(), prng_.next()}};
    ports_.disk.submit(writer_->background_lane(),
                       std::make_unique<Clean>(
                           *this, std::make_unique<storage::Cleaner>(log_->plan_cleaning(request, limits))));
}

void LogServer::on_cleaner_step(std::unique_ptr<storage::Cleaner> cleaner, Result<bool> done) {
    const bool is_overtaken = !log_->is_laid_out_as(cleaner->layout());
    if (!done && !is_overtaken) return stage_.world.fail("cleaning failed: " + done.error().detail);
    if (!done) {
        is_cleaning_ = false;
        return;
    }
    if (!*done) {
        ports_.disk.submit(writer_->background_lane(), std::make_unique<Clean>(*this, std::move(cleaner)));
        return;
    }
    auto cleaned = cleaner->take_result();
    is_cleaning_ = log_->can_finish_cleaning(cleaned);
    if (!is_cleaning_) return;  // retention came first; the next load tidies up
    log_->finish_cleaning(std::move(cleaned), [this](Result<storage::RetiredFiles> files) {
        if (!files) return stage_.world.fail("the swap failed: " + files.error().detail);
        is_cleaning_ = false;
        trash_.add(std::move(*files), Duration::millis(prng_.between(0, 2'000)));
    });
}

void LogServer::append(std::size_t index) {
    auto& producer = stage_.producers[index];
    const auto& batch = producer.unanswered[producer.sent++];
    const auto info = log_->append({.records = encode(producer, batch),
                                    .leader_epoch = k_epoch,
                                    .now_ms = ports_.clock.wall_clock_ms()});
    if (!info) return stage_.world.fail("an append was refused: " + info.error().error.detail);
    if (info->last_offset - info->base_offset + 1 != static_cast<std::int64_t>(batch.count)) {
        return stage_.world.fail("an append was given the wrong number of offsets");
    }
    waiting_.push_back({index, info->last_offset + 1, info->base_offset});
    if (info->duplicate && waiting_.back().end <= log_->durable_end()) on_durable(log_->durable_end());
}

Slice LogServer::encode(const LogProducer& producer, const LogProducer::Batch& batch) const {
    records::BatchBuilder builder({.producer_id = ProducerId{producer.identity},
                                   .producer_epoch = 0,
                                   .base_sequence = static_cast<std::int32_t>(batch.first)});
    for (std::uint32_t i = 0; i < batch.count; ++i) {
        const auto value =
            make_value({producer.identity, batch.first + i}, k_partition, (batch.first * 31 + i) % 300);
        const auto key = fmt::format("{}.{}", producer.identity, batch.first + i);
        builder.append(
            {.timestamp = ports_.clock.wall_clock_ms(), .key = as_bytes(key), .value = as_bytes(value)});
    }
    return builder.build();
}

void LogServer::on_durable(Offset durable_end) {
    for (auto at = waiting_.begin(); at != waiting_.end();) {
        if (at->end > durable_end) {
            ++at;
            continue;
        }
        auto& producer = stage_.producers[at->producer];
        const auto batch = producer.unanswered.front();
        producer.unanswered.pop_front();
        --producer.sent;
        stage_.ledger.acked(k_partition, {producer.identity, batch.first}, batch.count, at->base);
        at = waiting_.erase(at);
    }
}

}  // namespace

RunReport run_log_workload(const WorldOptions& options, const RunGoals& goals) {
    World world(options);
    LogStage stage{world, Ledger(world), {}};
    for (int i = 0; i < 3; ++i) stage.producers.emplace_back().identity = stage.ledger.new_producer();
    auto& machine = world.add_machine(std::make_unique<Machine>(
        world, MachineOptions{.host = "log"},
        [&stage](Machine& its_machine) { return std::make_unique<LogServer>(its_machine, stage); }));
    Faults faults(world, {&machine}, {}, {});
    machine.start();
    const auto start = world.now();
    const auto is_done = [&] {
        return world.now() - start >= goals.simulated &&
               stage.ledger.acked_records() >= goals.acked_records && faults.count() >= goals.faults;
    };
    while (!world.failure() && !is_done() && world.now() - start < goals.gives_up_after) {
        world.run_until(world.now() + Duration::seconds(1));
    }
    if (!is_done()) world.fail("the goals of the seed were not reached");
    // The last word: no more faults, everything answered, one more power cut.
    faults.stop();
    stage.winding_down = true;
    stage.idle = false;
    for (int i = 0; i < 60 && !stage.idle; ++i) world.run_until(world.now() + Duration::seconds(1));
    if (!stage.idle) world.fail("some appends were never answered");
    machine.crash(CrashKind::power_cut);
    world.run_until(world.now() + Duration::seconds(10));
    return make_report(world, faults, stage.ledger, start);
}

}  // namespace gregor::sim
