#include "sim/log_workload.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <utility>

#include "io/disk_error.h"
#include "records/builder.h"
#include "sim/committed_view.h"
#include "sim/faults.h"
#include "sim/ledger.h"
#include "sim/log_producer.h"
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
    config.delete_retention_ms = 5'000;  // markers go, too
    config.verify_transactions = true;
    config.mark_bytes = 8 * 1024;  // several in a segment
    return config;
}

struct LogStage {
    World& world;
    Ledger ledger;
    std::vector<LogProducer> producers;    // by identity - 1
    Offset recovery_point;                 // as the checkpoint has it
    std::optional<storage::LogMark> mark;  // as the directory's own state has it
    bool was_clean = false;                // the process ended in order
    bool winding_down = false;
    bool idle = false;  // everything is answered
};

// The process: loads, checks what it finds, then serves the producers.
class LogServer final : public Program, public storage::LogObserver, public storage::DirObserver {
public:
    LogServer(Machine& machine, LogStage& stage)
        : machine_(machine), stage_(stage), ports_(machine.ports().front()), prng_(ports_.random.next()) {
        for (auto& producer : stage_.producers) producer.on_restart(prng_);
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
    // Closes when what is under way has ended.
    bool stop() override { return is_stopping_ = true; }

private:
    class Load;
    class Clean;
    // An answer that waits until its records are durable, and then some.
    struct Expected {
        std::size_t producer = 0;
        Offset end;
        Offset base;
        bool is_marker = false;
    };
    enum class Seen : std::uint8_t { all, committed };

    void load();
    void on_loaded(Result<storage::LoadedLog> loaded);
    void read_on(Offset from, Seen seen);
    void on_read(Result<storage::LogRead> read, Offset from, Seen seen);
    void read_committed_somewhere();
    std::optional<std::vector<std::byte>> bytes_of(const storage::LogRead& read);
    void check_records(Bytes records, CommittedView* view);
    void check_shown(const RecordName& name, bool shown);
    Offset last_stable_offset() const;
    void schedule();
    void work();
    void checkpoint();
    bool let_go();
    void on_let_go(const Status& closed);
    void close();
    void append(std::size_t producer, const LogProducer::Batch& batch);
    void append_marker(std::size_t producer, const LogProducer::Marker& marker);
    void on_refused(const char* what, const Error& why);
    void send_again();
    storage::VerificationGuard verify(const LogProducer& producer, const LogProducer::Batch& batch);
    void answer();
    void retain();
    void start_cleaning();
    void on_cleaner_step(std::unique_ptr<storage::Cleaner> cleaner, Result<bool> done);
    Slice encode(const LogProducer& producer, const LogProducer::Batch& batch) const;
    void on_written(Offset) override {}
    void on_durable(Offset durable_end) override {
        log_->on_high_watermark(durable_end);
        if (prng_.chance(3, 4)) answer();
    }
    void on_taken_back(Offset end) override;
    void on_directory_lacks_room(const std::string&) override {
        ports_.executor.call_at(ports_.clock.now() + Duration::millis(100),
                                [writer = writer_] { writer->try_again(); });
    }
    void on_failed(const Error& why) override { stop_at("the log failed", why); }
    void on_directory_offline(const std::string&, const Error& why) override {
        stop_at("the directory failed", why);
    }
    void stop_at(const std::string& what, const Error& why);

    Machine& machine_;
    LogStage& stage_;
    io::ShardPorts ports_;
    Prng prng_;
    records::Decompressor decompressor_;
    storage::TailCache tail_{64 * 1024};
    storage::Trash trash_{ports_.clock, ports_.executor, ports_.disk};
    bool is_cleaning_ = false;
    bool must_send_again_ = false;
    bool is_let_go_ = false;  // closed, and being loaded again
    bool is_sound_ = false;   // in order
    // What this process remembers of it.
    storage::ProducerState known_producers_;
    Offset known_recovery_point_;
    std::optional<storage::LogMark> known_mark_;
    std::size_t under_way_ = 0;  // reads and retention
    bool is_stopping_ = false;
    bool is_closing_ = false;
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
        const bool is_let_go = server_.is_let_go_;
        auto& stage = server_.stage_;
        storage::LoadRequest request;
        request.directory = k_directory;
        request.create = !is_let_go;
        request.topic_id = Uuid{1, 2};
        request.now_ms = server_.ports_.clock.wall_clock_ms();
        request.recovery_point = is_let_go ? server_.known_recovery_point_ : stage.recovery_point;
        request.mark = is_let_go ? server_.known_mark_ : stage.mark;
        request.clean = is_let_go ? server_.is_sound_ : std::exchange(stage.was_clean, false);
        request.config = config();
        return storage::load_log(files, request);
    }

    LogServer& server_;
    Result<storage::LoadedLog> loaded_ = fail(ErrorCode::unknown_server_error);
};

// Nobody goes on with a disk that failed: the process ends, and the next one finds what it left.
void LogServer::stop_at(const std::string& what, const Error& why) {
    if (!is_of_a_failing_disk(why)) return stage_.world.fail(what + ": " + why.detail);
    REACHED("sim_log_stopped_by_its_disk");
    machine_.crash(CrashKind::kill);
}

void LogServer::load() { ports_.disk.submit(io::DiskLane{}, std::make_unique<Load>(*this)); }

void LogServer::on_loaded(Result<storage::LoadedLog> loaded) {
    if (!loaded && io::is_passing(loaded.error())) {  // no room: the next one who asks tries again
        ports_.executor.call_at(ports_.clock.now() + Duration::millis(100), [this] { load(); });
        return;
    }
    if (!loaded) return stop_at("loading the log failed", loaded.error());
    if (std::exchange(is_let_go_, false)) loaded->producers.adopt_windows(known_producers_);
    if (!writer_) writer_ = make_ref<storage::DirWriter>("/data", ports_.executor, ports_.disk, *this);
    log_ = std::make_unique<storage::Log>(
        *std::move(loaded), config(), storage::LogPorts{writer_, tail_, ports_.disk, decompressor_}, *this);
    log_->assign_leader_epoch(k_epoch);
    log_->on_high_watermark(log_->durable_end());
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
    read_on(log_->log_start_offset(), Seen::all);
}

// ---------------------------------------------------------------- reading

Offset LogServer::last_stable_offset() const {
    return std::min(log_->durable_end(), log_->first_unstable_offset().value_or(log_->durable_end()));
}

// Everything that survived, from the start, a piece at a time; then once more what of it is committed.
void LogServer::read_on(Offset from, Seen seen) {
    const auto end = seen == Seen::all ? log_->durable_end() : last_stable_offset();
    if (from >= end && seen == Seen::all) {
        stage_.ledger.check_complete(k_partition, end);
        return read_on(log_->log_start_offset(), Seen::committed);
    }
    if (from >= end) return schedule();
    log_->read({.from = from,
                .upper_bound = end,
                .max_bytes = static_cast<std::size_t>(prng_.between(1, 100'000)),
                .min_one_message = true,
                .file_range_bytes_min = static_cast<std::size_t>(prng_.between(1, 100'000)),
                .with_aborted = seen == Seen::committed},
               [this, from, seen](Result<storage::LogRead> read) { on_read(std::move(read), from, seen); });
}

void LogServer::on_read(Result<storage::LogRead> read, Offset from, Seen seen) {
    if (!read && io::is_passing(read.error())) {
        ports_.executor.call_at(ports_.clock.now() + Duration::millis(100),
                                [this, from, seen] { read_on(from, seen); });
        return;
    }
    if (!read) return stop_at("reading the log failed", read.error());
    const auto bytes = bytes_of(*read);
    if (!bytes) return;
    CommittedView view(read->aborted);
    check_records(*bytes, seen == Seen::committed ? &view : nullptr);
    // Compaction may have emptied what is left below an open transaction: a consumer waits there.
    const bool is_emptied = seen == Seen::committed && bytes->empty() && read->next_offset == from;
    read_on(is_emptied ? last_stable_offset() : read->next_offset, seen);
}

// While others write, roll, clean and take out what is old.
void LogServer::read_committed_somewhere() {
    const auto end = last_stable_offset();
    if (log_->log_start_offset() >= end) return;
    const Offset from{prng_.between(log_->log_start_offset().value(), end.value() - 1)};
    ++under_way_;
    log_->read({.from = from,
                .upper_bound = end,
                .max_bytes = static_cast<std::size_t>(prng_.between(1, 50'000)),
                .min_one_message = true,
                .with_aborted = true},
               [this](Result<storage::LogRead> read) {
                   --under_way_;
                   // Retention was faster, or no handle was left.
                   const bool is_gone = !read && (read.error().code == ErrorCode::offset_out_of_range ||
                                                  io::is_passing(read.error()));
                   if (is_gone) return;
                   if (!read) return stop_at("a read failed", read.error());
                   CommittedView view(read->aborted);
                   if (const auto bytes = bytes_of(*read)) check_records(*bytes, &view);
               });
}

std::optional<std::vector<std::byte>> LogServer::bytes_of(const storage::LogRead& read) {
    std::vector<std::byte> bytes;
    for (const auto& element : read.records.elements()) {
        if (const auto* slice = std::get_if<Slice>(&element)) {
            bytes.insert(bytes.end(), slice->data(), slice->data() + slice->size());
            continue;
        }
        const auto& range = std::get<FileRange>(element);
        const auto had = bytes.size();
        bytes.resize(had + range.size);
        const auto got =
            dynamic_cast<io::File&>(*range.source).read_at(range.position, std::span(bytes).subspan(had));
        if (got && *got == range.size) continue;
        stage_.world.fail("a range of the log cannot be read");
        return std::nullopt;
    }
    return bytes;
}

void LogServer::check_records(Bytes bytes, CommittedView* view) {
    records::BatchCursor batches(bytes);
    for (auto batch = batches.next_v2(); batch && *batch; batch = batches.next_v2()) {
        if (!(*batch)->verify()) return stage_.world.fail("a batch of the log has a wrong checksum");
        const bool shown = view != nullptr && view->shows(**batch);
        if ((*batch)->is_control()) continue;
        records::RecordCursor cursor(**batch);
        records::RecordView record;
        while (cursor.next(record)) {
            const auto name = record.value ? parse_value(as_text(*record.value), k_partition) : std::nullopt;
            if (!name) return stage_.world.fail("the log holds a record that nobody sent");
            stage_.ledger.read(k_partition, record.offset(**batch), *name);
            if (view != nullptr) check_shown(*name, shown);
        }
    }
}

void LogServer::check_shown(const RecordName& name, bool shown) {
    const auto& producer = stage_.producers[name.producer - 1];
    if (shown ? producer.is_committed(name.number) : producer.is_aborted(name.number)) return;
    stage_.world.fail(
        fmt::format("record {}.{} is {} who read what is committed", name.producer, name.number,
                    shown ? "not committed and shown to those" : "not aborted and hidden from those"));
}

// ---------------------------------------------------------------- appending

void LogServer::schedule() {
    const auto pause = Duration::micros(prng_.between(100, 100'000));
    ports_.executor.call_at(ports_.clock.now() + pause, [this] {
        work();
        if (!is_let_go_) schedule();
    });
}

void LogServer::work() {
    if (std::exchange(must_send_again_, false)) send_again();
    if (is_stopping_) return close();
    if (prng_.chance(1, 15) && let_go()) return;
    if (prng_.chance(1, 100)) retain();
    if (prng_.chance(1, 50)) start_cleaning();
    if (prng_.chance(1, 10)) read_committed_somewhere();
    if (prng_.chance(1, 10)) checkpoint();
    if (prng_.chance(1, 2)) answer();
    const auto index = prng_.below(stage_.producers.size());
    auto& producer = stage_.producers[index];
    producer.plan(prng_, stage_.winding_down);
    if (must_send_again_) return;
    while (const auto batch = must_send_again_ ? std::nullopt : producer.next_batch()) append(index, *batch);
    if (const auto marker = must_send_again_ ? std::nullopt : producer.next_marker())
        append_marker(index, *marker);
    stage_.idle = std::ranges::all_of(stage_.producers, &LogProducer::is_idle);
    if (stage_.idle && log_->first_unstable_offset()) stage_.world.fail("a transaction hangs");
}

// As a partition that nobody uses: closed, then loaded again by the same process. Some producers have not
// heard what became of their batches, and send them again.
bool LogServer::let_go() {
    if (is_cleaning_ || under_way_ > 0 || !log_->is_at_rest()) return false;
    REACHED("sim_log_let_go");
    is_let_go_ = true;
    if (prng_.chance(1, 2)) must_send_again_ = true;
    log_->close([this](const Status& closed) { on_let_go(closed); }, storage::Log::Closing::in_background);
    return true;
}

// The log is calling: it goes in a turn of its own.
void LogServer::on_let_go(const Status& closed) {
    if (!closed && !io::is_passing(closed.error()))
        return stop_at("letting the log go failed", closed.error());
    is_sound_ = closed.has_value();
    if (prng_.chance(1, 2)) checkpoint();
    ports_.executor.post([this] {
        known_producers_ = log_->producers();
        known_recovery_point_ = log_->recovery_point();
        known_mark_ = log_->mark();
        log_.reset();
        load();
    });
}

// The files of marks and of recovery points take their names one after the other.
void LogServer::checkpoint() {
    if (!prng_.chance(1, 8)) stage_.recovery_point = log_->recovery_point();
    if (!prng_.chance(1, 8)) stage_.mark = log_->mark();
}

void LogServer::close() {
    if (is_cleaning_ || under_way_ > 0 || std::exchange(is_closing_, true)) return;
    log_->close([this](const Status& closed) {
        if (!closed && !io::is_passing(closed.error()))
            return stop_at("closing the log failed", closed.error());
        checkpoint();
        stage_.was_clean = closed.has_value();
        machine_.exit();
    });
}

// ---------------------------------------------------------------- retention and compaction

void LogServer::retain() {
    if (is_cleaning_) return;
    ++under_way_;
    log_->enforce_retention({.high_watermark = log_->durable_end(), .now_ms = ports_.clock.wall_clock_ms()},
                            [this](Result<storage::RetiredFiles> files) {
                                --under_way_;
                                if (!files && io::is_passing(files.error())) return;
                                if (!files) return stop_at("retention failed", files.error());
                                trash_.add(std::move(*files), Duration::millis(prng_.between(0, 2'000)));
                            });
}

class LogServer::Clean final : public io::DiskJob {
public:
    Clean(LogServer& server, std::unique_ptr<storage::Cleaner> cleaner, bool discards = false)
        : server_(server), cleaner_(std::move(cleaner)), discards_(discards) {}
    // As the broker does. Nobody learns of a discard that does not succeed.
    void run(io::FileSystem& files) override {
        if (!discards_) done_ = cleaner_->step(files, 100'000);
        if ((discards_ || !done_) && server_.prng_.chance(3, 4)) cleaner_->discard(files);
    }
    void complete() override {
        if (!discards_) return server_.on_cleaner_step(std::move(cleaner_), std::move(done_));
        server_.is_cleaning_ = false;
    }

private:
    LogServer& server_;
    std::unique_ptr<storage::Cleaner> cleaner_;
    bool discards_;
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
    if (!done && !is_overtaken && !io::is_passing(done.error()))
        return stop_at("cleaning failed", done.error());
    if (!done) {
        is_cleaning_ = false;
        return;
    }
    if (!*done) {
        ports_.disk.submit(writer_->background_lane(), std::make_unique<Clean>(*this, std::move(cleaner)));
        return;
    }
    auto cleaned = cleaner->take_result();
    if (!log_->can_finish_cleaning(cleaned)) {  // retention came first
        ports_.disk.submit({}, std::make_unique<Clean>(*this, std::move(cleaner), true));
        return;
    }
    log_->finish_cleaning(std::move(cleaned), [this](Result<storage::RetiredFiles> files) {
        if (!files) return stop_at("the swap failed", files.error());
        is_cleaning_ = false;
        trash_.add(std::move(*files), Duration::millis(prng_.between(0, 2'000)));
    });
}

// The disk is full, or no handle is left: whoever has no answer sends again.
void LogServer::on_taken_back(Offset end) {
    if (end < stage_.ledger.safe_end(k_partition))
        return stage_.world.fail(fmt::format("taken back to {}, but {} was acked", end.value(),
                                             stage_.ledger.safe_end(k_partition).value()));
    waiting_.clear();
    must_send_again_ = true;
}

void LogServer::on_refused(const char* what, const Error& why) {
    const bool is_passing = why.code == ErrorCode::kafka_storage_error && !is_of_a_failing_disk(why);
    if (!is_passing) return stop_at(fmt::format("{} was refused", what), why);
    must_send_again_ = true;
}

void LogServer::send_again() {
    waiting_.clear();
    for (auto& producer : stage_.producers) producer.on_restart(prng_);
}

void LogServer::append(std::size_t index, const LogProducer::Batch& batch) {
    const auto& producer = stage_.producers[index];
    const auto guard = verify(producer, batch);
    const auto info = log_->append({.records = encode(producer, batch),
                                    .leader_epoch = k_epoch,
                                    .now_ms = ports_.clock.wall_clock_ms(),
                                    .verification = guard});
    if (!info) return on_refused("an append", info.error().error);
    if (info->last_offset - info->base_offset + 1 != static_cast<std::int64_t>(batch.count)) {
        return stage_.world.fail("an append was given the wrong number of offsets");
    }
    waiting_.push_back({index, info->last_offset + 1, info->base_offset});
}

storage::VerificationGuard LogServer::verify(const LogProducer& producer, const LogProducer::Batch& batch) {
    if (!producer.is_transactional()) return {};
    const auto guard = log_->start_verification(
        {.producer_id = ProducerId{producer.identity()},
         .epoch = producer.epoch(),
         .first_sequence = producer.sequence_of(batch),
         .supports_epoch_bump = producer.version() == storage::TransactionVersion::tv2,
         .now_ms = ports_.clock.wall_clock_ms()});
    if (!guard) stage_.world.fail("a producer was not verified: " + guard.error().detail);
    return guard.value_or(storage::VerificationGuard{});
}

void LogServer::append_marker(std::size_t index, const LogProducer::Marker& marker) {
    const auto& producer = stage_.producers[index];
    const auto info = log_->append(
        {.records = records::build_end_transaction_marker(
             {.timestamp = ports_.clock.wall_clock_ms(),
              .producer_id = ProducerId{producer.identity()},
              .producer_epoch = marker.epoch},
             {.type = marker.commits ? records::ControlType::commit : records::ControlType::abort}),
         .origin = records::AppendOrigin::coordinator,
         .leader_epoch = k_epoch,
         .now_ms = ports_.clock.wall_clock_ms(),
         .transaction_version = producer.version()});
    if (!info) return on_refused("a marker", info.error().error);
    waiting_.push_back({index, info->last_offset + 1, info->base_offset, true});
}

Slice LogServer::encode(const LogProducer& producer, const LogProducer::Batch& batch) const {
    const auto identity = producer.identity();
    records::BatchBuilder builder({.producer_id = ProducerId{identity},
                                   .producer_epoch = producer.epoch(),
                                   .base_sequence = producer.sequence_of(batch),
                                   .transactional = producer.is_transactional()});
    for (std::uint32_t i = 0; i < batch.count; ++i) {
        const auto value = make_value({identity, batch.first + i}, k_partition, (batch.first * 31 + i) % 300);
        const auto key = fmt::format("{}.{}", identity, batch.first + i);
        builder.append(
            {.timestamp = ports_.clock.wall_clock_ms(), .key = as_bytes(key), .value = as_bytes(value)});
    }
    return builder.build();
}

// Tells producers what is durable. An answer may be under way for a while: a crash loses it.
void LogServer::answer() {
    for (auto at = waiting_.begin(); at != waiting_.end();) {
        if (at->end > log_->durable_end()) {
            ++at;
            continue;
        }
        auto& producer = stage_.producers[at->producer];
        if (at->is_marker)
            producer.on_marker_safe(stage_.ledger, k_partition);
        else
            producer.on_batch_safe(stage_.ledger, k_partition, at->base);
        at = waiting_.erase(at);
    }
}

}  // namespace

RunReport run_log_workload(const WorldOptions& options, const RunGoals& goals) {
    World world(options);
    LogStage stage{.world = world, .ledger = Ledger(world)};
    for (const auto transactions :
         {Transactions::none, Transactions::none, Transactions::tv0, Transactions::tv0, Transactions::tv2})
        stage.producers.emplace_back(stage.ledger.new_producer(), transactions);
    auto& machine = world.add_machine(std::make_unique<Machine>(
        world, MachineOptions{.host = "log"},
        [&stage](Machine& its_machine) { return std::make_unique<LogServer>(its_machine, stage); }));
    Faults faults(world, {&machine}, {}, {.disks_fail = true, .rooms_lack = true});
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
