// What a log does to its files besides appending to them, each as a task in the writer's queue: it runs on a
// worker on what it owns and comes back to the log, if that still lives, on its shard.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/assert.h"
#include "base/fault.h"
#include "base/prng.h"
#include "io/disk_error.h"
#include "storage/checkpoint.h"
#include "storage/log.h"
#include "storage/names.h"
#include "storage/producer_loading.h"
#include "storage/recovery.h"
#include "storage/segment_recovery.h"
#include "storage/segment_sync.h"

namespace gregor::storage {
namespace {

class RemoveDirectory final : public io::DiskJob {
public:
    explicit RemoveDirectory(std::string directory) : directory_(std::move(directory)) {}
    void run(io::FileSystem& files) override { (void)remove_directory(files, directory_); }
    void complete() override {}

private:
    std::string directory_;
};

}  // namespace

Status remove_directory(io::FileSystem& files, const std::string& directory) {
    const auto entries = TRY(files.list(directory));
    for (const auto& entry : entries) TRY_STATUS(files.remove(join_path(directory, entry.name)));
    FAULT_POINT("directory_emptied");
    return files.remove(directory);
}

// ---------------------------------------------------------------- the index tail

class Log::IndexTask final : public FileTask {
public:
    IndexTask(Ref<SegmentFiles> segment, Offset base, IndexWrite write)
        : segment_(std::move(segment)), base_(base), write_(std::move(write)) {}
    Status run(io::FileSystem& files) override { return write_index_tail(*segment_, files, write_); }
    void complete(WriteClient* client, const Status& outcome) override {
        if (client != nullptr && outcome)
            static_cast<Log*>(client)->on_index_written(base_, segment_, write_);
    }

private:
    Ref<SegmentFiles> segment_;
    Offset base_;
    IndexWrite write_;
};

// `files` tells whether the tail is still that segment's: after a roll or a truncation it is not.
void Log::on_index_written(Offset base, const Ref<SegmentFiles>& files, const IndexWrite& write) {
    if (!(files == files_) || truncating_) return;
    ASSERT(segments_.back().base == base);
    index_tail_.forget(write);
    segments_.back().index_entries += write.index_count();
    segments_.back().time_entries += write.time_count();
}

void Log::flush_index_tail() {
    const auto& segment = segments_.back();
    auto write = index_tail_.take(segment.base, segment.index_entries, segment.time_entries);
    if (write.index.empty() && write.time.empty()) return;
    ports_.writer->queue(client_, std::make_unique<IndexTask>(files_, segment.base, std::move(write)));
}

// ---------------------------------------------------------------- roll

// Fsyncs a closed segment behind the writer's back: with the page cache as durability a roll must not wait
// for a gigabyte to reach the disk.
class Log::BackgroundSync final : public io::DiskJob {
public:
    BackgroundSync(Ref<DirWriter> writer, WriteClientId client, const std::string& stem, Offset base,
                   Offset end)
        : writer_(std::move(writer)), client_(client), stem_(stem), base_(base), end_(end) {}
    void run(io::FileSystem& files) override { status_ = sync_closed_segment(files, stem_); }
    void complete() override {
        if (!status_ && io::is_passing(status_.error())) return;  // the next flush does it
        if (!status_) return writer_->take_offline(status_.error());
        if (auto* client = writer_->find(client_)) static_cast<Log*>(client)->on_segment_synced(base_, end_);
    }

private:
    Ref<DirWriter> writer_;
    WriteClientId client_;
    std::string stem_;
    Offset base_;
    Offset end_;
    Status status_;
};

void Log::on_segment_synced(Offset base, Offset end) {
    // Gone after a truncation, or flushed meanwhile. They come in order, so the first is the one.
    if (truncating_ || std::erase(unsynced_segments_, base) == 0) return;
    if (unsynced_segments_.empty() || unsynced_segments_.front() > base)
        recovery_point_ = std::max(recovery_point_, end);
}

class Log::RollTask final : public FileTask {
public:
    struct Plan {
        std::string directory;
        Ref<SegmentFiles> closed;
        Offset closed_base;
        IndexWrite tail;
        std::int64_t index_entries = 0;  // in all, with the tail
        std::int64_t time_entries = 0;
        Offset next_base;
        std::vector<std::byte> snapshot;
        bool sync = true;
    };
    explicit RollTask(Plan plan) : plan_(std::move(plan)) {}

    Status run(io::FileSystem& files) override {
        TRY_STATUS(write_index_tail(*plan_.closed, files, plan_.tail));
        if (plan_.sync) TRY_STATUS(sync_segment(*plan_.closed, files));
        FAULT_POINT("roll_closed_segment");
        plan_.closed->close();
        TRY_STATUS(write_snapshot(files, plan_.directory, plan_.next_base, plan_.snapshot, plan_.sync));
        TRY_STATUS(create_segment(files, plan_.directory, plan_.next_base));
        return files.sync_directory(plan_.directory);
    }
    void complete(WriteClient* client, const Status& outcome) override {
        if (client == nullptr || !outcome) return;
        auto& log = *static_cast<Log*>(client);
        if (auto* segment = log.find_segment(plan_.closed_base); segment != nullptr && !log.truncating_) {
            segment->index_entries = plan_.index_entries;
            segment->time_entries = plan_.time_entries;
        }
        if (plan_.sync) return;
        log.ports_.disk.submit(
            log.ports_.writer->background_lane(),
            std::make_unique<BackgroundSync>(log.ports_.writer, log.client_, plan_.closed->stem,
                                             plan_.closed_base, plan_.next_base));
    }

private:
    Plan plan_;
};

void Log::roll(std::int64_t now_ms) {
    if (segments_.back().size > 0 && !failed_ && !truncating_) roll_to(log_end_, now_ms);
}

void Log::roll_to(Offset base, std::int64_t now_ms) {
    auto& closed = segments_.back();
    ASSERT(base > closed.base);
    if (const auto closing = active_.rule.closing_entry()) index_tail_.add_closing(*closing);
    // The time index keeps a slot for the closing entry; both indexes end with what is queued now.
    RollTask::Plan plan{.directory = directory_,
                        .closed = files_,
                        .closed_base = closed.base,
                        .tail = index_tail_.take(closed.base, closed.index_entries, closed.time_entries),
                        .index_entries = closed.index_entries + index_tail_.index_count(),
                        .time_entries = closed.time_entries + index_tail_.time_count(),
                        .next_base = base,
                        .snapshot = producers_.encode_snapshot(),
                        .sync = unsynced_end_ <= closed.base};
    if (!plan.sync) unsynced_segments_.push_back(closed.base);
    ports_.writer->queue(client_, std::make_unique<RollTask>(std::move(plan)));
    index_tail_.clear();
    marked_bytes_ = 0;
    has_changed_ = true;
    segments_.push_back({.base = base, .modified_ms = now_ms, .max_timestamp = -1});
    active_ = {.rule = IndexRule(config_.index_interval_bytes), .created_ms = now_ms};
    files_ = ports_.writer->files_of(segment_path(directory_, base, ""));
}

// Drawn once per segment, from what identifies it: no two partitions roll at the same moment.
std::int64_t Log::roll_jitter_ms() const {
    const auto bound = std::min(config_.segment_jitter_ms, config_.segment_ms);
    if (bound <= 0) return 0;
    std::uint64_t seed =
        topic_id_.high() ^ topic_id_.low() ^ static_cast<std::uint64_t>(segments_.back().base.value());
    for (const char letter : directory_) seed = seed * 31 + static_cast<unsigned char>(letter);
    return static_cast<std::int64_t>(Prng(seed).below(static_cast<std::uint64_t>(bound)));
}

// ---------------------------------------------------------------- aborted transactions

// In its place before the marker itself, so that whoever finds the marker durable finds the entry.
class Log::AbortTask final : public FileTask {
public:
    AbortTask(std::string directory, Offset base, std::int64_t number, const AbortedTxn& entry)
        : directory_(std::move(directory)), base_(base), number_(number), entry_(entry) {}
    Status run(io::FileSystem& files) override {
        if (PLANTED_BUG("aborted_transaction_not_indexed")) return {};
        return append_txn_index(files, directory_, base_, number_, entry_);
    }
    void complete(WriteClient*, const Status&) override {}

private:
    std::string directory_;
    Offset base_;
    std::int64_t number_;
    AbortedTxn entry_;
};

void Log::note_aborted(const AbortedTxn& aborted) {
    const auto in_memory = std::min(tail_.begin(), written_end_);
    while (!recent_aborted_.empty() && recent_aborted_.front().last_offset < in_memory)
        recent_aborted_.pop_front();
    recent_aborted_.push_back(aborted);
    auto& segment = segments_.back();
    ports_.writer->queue(
        client_, std::make_unique<AbortTask>(directory_, segment.base, segment.txn_entries++, aborted));
}

// ---------------------------------------------------------------- leader epochs

class Log::EpochTask final : public FileTask {
public:
    explicit EpochTask(SmallFile file) : file_(std::move(file)) {}
    Status run(io::FileSystem& files) override { return write_files_atomically(files, {file_}); }
    void complete(WriteClient*, const Status&) override {}

private:
    SmallFile file_;
};

void Log::queue_epochs() {
    epochs_wait_ = false;
    if (failed_ || config_.epochs_are_derived) return;
    ports_.writer->queue(client_, std::make_unique<EpochTask>(epochs_file(directory_, epochs_.entries())));
}

// ---------------------------------------------------------------- truncate

class Log::TruncateTask final : public FileTask {
public:
    TruncateTask(Ref<SegmentFiles> open, LoadRequest request, Completion<Status> done)
        : open_(std::move(open)), request_(std::move(request)), done_(std::move(done)) {}

    NoRoom on_no_room() const override { return NoRoom::retry; }
    Status run(io::FileSystem& files) override {
        open_->close();
        loaded_ = load_log(files, request_);
        return loaded_ ? Status{} : Status(std::unexpected(loaded_.error()));
    }
    void complete(WriteClient* client, const Status& outcome) override {
        if (client != nullptr && outcome) {
            auto& log = *static_cast<Log*>(client);
            // Reading them again synced nothing but what was cut.
            const auto recovery_point =
                log.unsynced_end_ <= log.recovery_point_ ? loaded_->recovery_point : log.recovery_point_;
            loaded_->recovery_point = std::min(loaded_->recovery_point, recovery_point);
            const auto unsynced = log.unsynced_segments_;
            const auto unsynced_end = std::min(log.unsynced_end_, loaded_->log_end_offset);
            log.truncating_ = false;
            log.adopt(std::move(*loaded_));
            log.unsynced_end_ = unsynced_end;
            for (const auto base : unsynced)
                if (log.find_segment(base) != nullptr) log.unsynced_segments_.push_back(base);
        }
        done_(outcome);
        if (client == nullptr) return;
        static_cast<Log*>(client)->resume_reads();
        static_cast<Log*>(client)->on_cut(outcome);
    }

private:
    Ref<SegmentFiles> open_;
    LoadRequest request_;
    Completion<Status> done_;
    Result<LoadedLog> loaded_ = std::unexpected(Error{});
};

void Log::truncate_to(Offset offset, Completion<Status> done) {
    if (offset >= log_end_) {
        if (epochs_.truncate_from_end(log_end_)) queue_epochs();
        return done(Status{});
    }
    start_truncation(offset, Truncation::to_end, std::move(done));
}

void Log::truncate_fully_and_start_at(Offset offset, Completion<Status> done) {
    start_truncation(offset, Truncation::fully, std::move(done));
}

// The files are cut and then read again as after a clean stop: one way to know a directory, not two.
void Log::start_truncation(Offset end, Truncation kind, Completion<Status> done) {
    ASSERT(!truncating_ && !closed_);
    if (failed_) return done(std::unexpected(*failed_));
    const bool fully = kind == Truncation::fully;
    const auto mark = kind == Truncation::of_lost_writes ? mark_ : std::nullopt;
    if (kind != Truncation::of_lost_writes) flush_index_tail();
    truncating_ = true;
    cuts_lost_writes_ = kind == Truncation::of_lost_writes;
    has_changed_ = true;
    mark_.reset();
    pending_.clear();
    log_end_ = end;
    written_end_ = durable_end_ = std::min(written_end_, end);
    log_start_ = fully ? end : std::min(log_start_, end);
    recovery_point_ = std::min(recovery_point_, end);
    clean_end_ = std::min(clean_end_, end);
    tail_.truncate_to(fully ? Offset{0} : end);
    while (!recent_aborted_.empty() && recent_aborted_.back().last_offset >= log_end_)
        recent_aborted_.pop_back();
    epochs_.truncate_from_end(fully ? Offset{0} : end);
    LoadRequest request{.directory = directory_,
                        .clean = true,
                        .recovery_point = recovery_point_,
                        .log_start_offset = log_start_,
                        .mark = mark,
                        .topic_id = topic_id_.is_zero() ? std::nullopt : std::optional(topic_id_),
                        .truncate_to = end,
                        .truncate_fully = fully,
                        .now_ms = active_.created_ms,
                        .config = config_};
    ports_.writer->queue(client_,
                         std::make_unique<TruncateTask>(files_, std::move(request), std::move(done)));
}

// ---------------------------------------------------------------- remove

class Log::RemoveTask final : public FileTask {
public:
    RemoveTask(Ref<SegmentFiles> open, std::string from, std::string to, io::Disk& disk,
               Completion<Status> done)
        : open_(std::move(open)),
          from_(std::move(from)),
          to_(std::move(to)),
          disk_(&disk),
          done_(std::move(done)) {}

    NoRoom on_no_room() const override { return NoRoom::retry; }
    Status run(io::FileSystem& files) override {
        open_->close();
        if (!renamed_) TRY_STATUS(files.rename(from_, to_));
        renamed_ = true;
        FAULT_POINT("directory_renamed");
        return files.sync_directory(parent_path(to_));
    }
    void complete(WriteClient*, const Status& outcome) override {
        if (outcome) disk_->submit({}, std::make_unique<RemoveDirectory>(to_));
        done_(outcome);
    }

private:
    Ref<SegmentFiles> open_;
    std::string from_;
    std::string to_;
    io::Disk* disk_;
    Completion<Status> done_;
    bool renamed_ = false;
};

void Log::remove(const std::string& unique_hex, Completion<Status> done) {
    ASSERT(!closed_);
    closed_ = true;
    const auto name = parse_directory_name(last_component(directory_));
    ASSERT(name.has_value());
    auto to = join_path(parent_path(directory_),
                        suffixed_directory_name(name->partition, unique_hex, DirectoryKind::to_delete));
    ports_.writer->queue(client_, std::make_unique<RemoveTask>(files_, directory_, std::move(to), ports_.disk,
                                                               std::move(done)));
}

}  // namespace gregor::storage
