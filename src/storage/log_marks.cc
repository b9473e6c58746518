// Marks: every so many bytes, a point of the active segment below which everything is fsynced, index entries
// included, and where a producer snapshot lies. A load after a kill reads what comes behind it alone.
#include <array>

#include "base/assert.h"
#include "base/fault.h"
#include "io/disk_error.h"
#include "storage/log.h"
#include "storage/producer_loading.h"
#include "storage/segment_recovery.h"
#include "storage/segment_sync.h"

namespace gregor::storage {
namespace {

// The checkpoint may name a mark that many others have followed since.
constexpr std::size_t k_mark_snapshots_max = 16;

}  // namespace

// Behind the writer's back: an fsync of so much must not delay anybody's batch.
class Log::MarkJob final : public io::DiskJob {
public:
    MarkJob(Ref<DirWriter> writer, WriteClientId client, std::uint64_t round, std::string stem, LogMark mark,
            std::string snapshot)
        : writer_(std::move(writer)),
          client_(client),
          round_(round),
          stem_(std::move(stem)),
          mark_(mark),
          snapshot_(std::move(snapshot)) {}
    void run(io::FileSystem& files) override { status_ = settle(files); }
    void complete() override {
        if (!status_ && io::is_disk_failure(status_.error(), io::DiskFailure::broken))
            return writer_->take_offline(status_.error());
        if (auto* client = writer_->find(client_))
            static_cast<Log*>(client)->on_marked(round_, status_ ? std::optional(mark_) : std::nullopt);
    }

private:
    Status settle(io::FileSystem& files) {
        TRY_STATUS(sync_closed_segment(files, stem_));
        FAULT_POINT("mark_segment_synced");
        const auto snapshot = TRY(files.open(snapshot_, io::OpenMode::read_write));
        TRY_STATUS(snapshot->sync_data());
        TRY_STATUS(files.sync_directory(parent_path(stem_)));
        const auto index = TRY(files.open(stem_ + k_index_extension, io::OpenMode::read));
        // It may have been cut meanwhile, with what a full disk refused: no mark then, and no broken disk
        // either.
        const auto position = last_index_position(*index, mark_);
        if (!position) return fail(ErrorCode::corrupt_message, position.error().detail);
        mark_.last_index_position = *position;
        return {};
    }

    Ref<DirWriter> writer_;
    WriteClientId client_;
    std::uint64_t round_;
    std::string stem_;
    LogMark mark_;
    std::string snapshot_;
    Status status_;
};

class Log::MarkTask final : public FileTask {
public:
    struct Plan {
        std::string directory;
        Ref<SegmentFiles> segment;
        IndexWrite tail;
        std::vector<std::byte> snapshot;
        std::optional<Offset> outdated;  // a snapshot that nobody needs any more
        std::uint64_t round = 0;
        LogMark mark;
    };
    explicit MarkTask(Plan plan) : plan_(std::move(plan)) {}

    // The snapshot is written in the log's turn: later its folder may be another topic's.
    Status run(io::FileSystem& files) override {
        TRY_STATUS(write_index_tail(*plan_.segment, files, plan_.tail));
        TRY_STATUS(write_snapshot(files, plan_.directory, plan_.mark.end, plan_.snapshot, false));
        if (!plan_.outdated) return {};
        return remove_if_there(files, segment_path(plan_.directory, *plan_.outdated, k_snapshot_extension));
    }
    void complete(WriteClient* client, const Status& outcome) override {
        if (client == nullptr) return;
        auto& log = *static_cast<Log*>(client);
        if (!outcome) return log.on_marked(plan_.round, std::nullopt);
        log.on_index_written(plan_.mark.base, plan_.segment, plan_.tail);
        auto snapshot = segment_path(plan_.directory, plan_.mark.end, k_snapshot_extension);
        log.ports_.disk.submit(
            log.ports_.writer->background_lane(),
            std::make_unique<MarkJob>(log.ports_.writer, log.client_, plan_.round, plan_.segment->stem,
                                      plan_.mark, std::move(snapshot)));
    }

private:
    Plan plan_;
};

// The active segment with everything that is queued.
LogMark Log::mark_of_end() const {
    const auto& segment = segments_.back();
    return {.topic_id = topic_id_,
            .base = segment.base,
            .end = segment.size == 0 ? segment.base : log_end_,
            .position = segment.size,
            .index_entries = segment.index_entries + index_tail_.index_count(),
            .time_entries = segment.time_entries + index_tail_.time_count(),
            .txn_entries = segment.txn_entries,
            .max = active_.rule.max()};
}

std::optional<LogMark> Log::mark() const {
    const bool says_something = mark_ && mark_->base == segments_.back().base && mark_->position > 0;
    return says_something ? mark_ : std::nullopt;
}

bool Log::is_mark_due() const {
    const bool has_grown = segments_.back().size - marked_bytes_ >= config_.mark_bytes;
    return config_.mark_bytes > 0 && !marking_ && log_end_ > last_mark_end_ && (has_grown || is_mark_wanted_);
}

void Log::make_wanted_mark() {
    const bool may_mark = !closed_ && !failed_ && !truncating_;
    if (is_mark_wanted_ && may_mark && segments_.back().size > 0 && is_mark_due()) start_mark();
}

void Log::start_mark() {
    const auto& segment = segments_.back();
    marking_ = true;
    is_mark_wanted_ = false;
    marked_bytes_ = segment.size;
    last_mark_end_ = log_end_;
    mark_snapshots_.push_back(log_end_);
    MarkTask::Plan plan{.directory = directory_,
                        .segment = files_,
                        .tail = {},
                        .snapshot = producers_.encode_snapshot(),
                        .outdated = {},
                        .round = mark_round_,
                        .mark = mark_of_end()};
    plan.tail = index_tail_.take(segment.base, segment.index_entries, segment.time_entries);
    if (mark_snapshots_.size() > k_mark_snapshots_max) {
        const auto oldest = mark_snapshots_.front();
        mark_snapshots_.pop_front();
        if (find_segment(oldest) == nullptr) plan.outdated = oldest;
    }
    ports_.writer->queue(client_, std::make_unique<MarkTask>(std::move(plan)));
}

void Log::on_marked(std::uint64_t round, const std::optional<LogMark>& mark) {
    if (round != mark_round_) return;  // of a log that was cut since
    marking_ = false;
    if (!mark || truncating_ || failed_ || ports_.writer->offline()) return;
    REACHED("log_marked");
    mark_ = mark;
    if (unsynced_segments_.empty()) recovery_point_ = std::max(recovery_point_, mark->end);
    observer_->on_marked();
}

}  // namespace gregor::storage
