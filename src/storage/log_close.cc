// How a log becomes durable on request, and how it ends.
#include <algorithm>
#include <optional>
#include <utility>

#include "base/assert.h"
#include "base/fault.h"
#include "io/disk_error.h"
#include "storage/checkpoint.h"
#include "storage/log.h"
#include "storage/names.h"
#include "storage/producer_loading.h"
#include "storage/segment_sync.h"

namespace gregor::storage {

struct Log::FlushPlan {
    std::string directory;
    Ref<SegmentFiles> segment;
    Offset base;
    IndexWrite tail;
    Offset end;
    std::vector<Offset> unsynced;  // closed segments that nobody fsynced yet
    bool close = false;
    bool sync = true;                 // or somebody else does, behind a close
    bool is_settled = false;          // close, and nothing has changed
    std::vector<std::byte> snapshot;  // with close
    std::optional<SmallFile> epochs;  // with close, unless they are in their file since they changed
    LogMark mark{};                   // with close
};

// Everything that was appended, and the indexes that speak of it. The last one of a log leaves behind what
// the next load believes in, unless it finds that there already.
class Log::FlushTask final : public FileTask {
public:
    FlushTask(FlushPlan plan, Completion<Status> done) : plan_(std::move(plan)), done_(std::move(done)) {}

    bool is_last() const override { return plan_.close; }
    Status run(io::FileSystem& files) override {
        if (plan_.is_settled) {
            plan_.segment->close();
            return {};
        }
        TRY_STATUS(write_index_tail(*plan_.segment, files, plan_.tail));
        if (plan_.sync) TRY_STATUS(sync_segments(files));
        if (!plan_.close) return {};
        const auto index = TRY(plan_.segment->open_index(files));
        plan_.mark.last_index_position = TRY(last_index_position(*index, plan_.mark));
        plan_.segment->close();
        if (!plan_.sync && PLANTED_BUG("idle_log_without_snapshot")) return {};
        TRY_STATUS(write_snapshot(files, plan_.directory, plan_.end, plan_.snapshot, plan_.sync));
        if (!plan_.sync) return {};
        if (plan_.epochs) return write_files_atomically(files, {*plan_.epochs});
        return files.sync_directory(plan_.directory);
    }
    void complete(WriteClient* client, const Status& outcome) override;

private:
    Status sync_segments(io::FileSystem& files) {
        for (const auto base : plan_.unsynced)
            TRY_STATUS(sync_closed_segment(files, segment_path(plan_.directory, base, "")));
        return sync_segment(*plan_.segment, files);
    }

    FlushPlan plan_;
    Completion<Status> done_;
};

// What a close that holds nobody up has left to do: its fsyncs, behind the writer's back.
class Log::CloseJob final : public io::DiskJob {
public:
    CloseJob(Log& log, FlushPlan plan, Completion<Status> done)
        : writer_(log.ports_.writer), client_(log.client_), plan_(std::move(plan)), done_(std::move(done)) {}
    void run(io::FileSystem& files) override { status_ = sync(files); }
    void complete() override {
        if (!status_ && io::is_disk_failure(status_.error(), io::DiskFailure::broken))
            writer_->take_offline(status_.error());
        auto* client = writer_->find(client_);
        if (client != nullptr && status_) static_cast<Log*>(client)->on_closed(plan_);
        done_(status_);
    }

private:
    Status sync(io::FileSystem& files) const {
        for (const auto base : plan_.unsynced)
            TRY_STATUS(sync_closed_segment(files, segment_path(plan_.directory, base, "")));
        TRY_STATUS(sync_closed_segment(files, plan_.segment->stem));
        FAULT_POINT("idle_log_synced");
        if (PLANTED_BUG("idle_log_without_snapshot")) return {};
        const auto snapshot = segment_path(plan_.directory, plan_.end, k_snapshot_extension);
        TRY_STATUS(TRY(files.open(snapshot, io::OpenMode::read_write))->sync_data());
        return files.sync_directory(plan_.directory);
    }

    Ref<DirWriter> writer_;
    WriteClientId client_;
    FlushPlan plan_;
    Completion<Status> done_;
    Status status_;
};

void Log::FlushTask::complete(WriteClient* client, const Status& outcome) {
    auto* log = static_cast<Log*>(client);
    if (log == nullptr || !outcome) return done_(outcome);
    log->on_index_written(plan_.base, plan_.segment, plan_.tail);
    if (plan_.close && !plan_.sync && !plan_.is_settled) {
        auto job = std::make_unique<CloseJob>(*log, std::move(plan_), std::move(done_));
        return log->ports_.disk.submit(log->ports_.writer->background_lane(), std::move(job));
    }
    if (plan_.close)
        log->on_closed(plan_);
    else if (!log->truncating_)
        log->on_flushed(plan_.unsynced, plan_.end);
    done_(outcome);
}

void Log::on_closed(const FlushPlan& plan) {
    on_flushed(plan.unsynced, plan.end);
    if (!plan.is_settled) mark_ = plan.mark;
}

void Log::on_flushed(const std::vector<Offset>& segments, Offset end) {
    std::erase_if(unsynced_segments_,
                  [&](Offset base) { return std::ranges::find(segments, base) != segments.end(); });
    recovery_point_ = std::max(recovery_point_, end);
}

void Log::flush(Completion<Status> done) {
    const auto& segment = segments_.back();
    FlushPlan plan{.directory = directory_,
                   .segment = files_,
                   .base = segment.base,
                   .tail = index_tail_.take(segment.base, segment.index_entries, segment.time_entries),
                   .end = log_end_,
                   .unsynced = unsynced_segments_};
    ports_.writer->queue(client_, std::make_unique<FlushTask>(std::move(plan), std::move(done)));
}

void Log::close(Completion<Status> done, Closing how) {
    ASSERT(!closed_);
    closed_ = true;
    syncs_when_closed_ = how == Closing::now;
    if (truncating_)
        close_when_cut_ = std::move(done);
    else
        queue_close(std::move(done));
}

void Log::on_cut(const Status& outcome) {
    if (!close_when_cut_) return;
    auto done = std::move(*std::exchange(close_when_cut_, std::nullopt));
    if (!outcome) return done(outcome);
    queue_close(std::move(done));
}

void Log::queue_close(Completion<Status> done) {
    const auto& segment = segments_.back();
    if (const auto closing = active_.rule.closing_entry(); closing && !is_settled())
        index_tail_.add_closing(*closing);
    const auto mark = mark_of_end();
    FlushPlan plan{.directory = directory_,
                   .segment = files_,
                   .base = segment.base,
                   .tail = index_tail_.take(segment.base, segment.index_entries, segment.time_entries),
                   .end = log_end_,
                   .unsynced = unsynced_segments_,
                   .close = true,
                   .sync = syncs_when_closed_,
                   .is_settled = is_settled(),
                   .snapshot = producers_.encode_snapshot(),
                   .epochs = {},
                   .mark = mark};
    if (config_.epochs_are_derived) plan.epochs = epochs_file(directory_, epochs_.entries());
    ports_.writer->queue(client_, std::make_unique<FlushTask>(std::move(plan), std::move(done)));
}

bool Log::is_at_rest() const {
    const bool is_busy = closed_ || failed_ || truncating_ || swapping_ || marking_ || jobs_ > 0;
    return !is_busy && pending_.empty() && unsynced_segments_.empty() &&
           !producers_.first_unstable_offset() && verifications_.size() == 0;
}

}  // namespace gregor::storage
