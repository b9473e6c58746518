// Log::enforce_retention: a job looks which segments may go, then a task in the writer's queue renames their
// files. Removing them is left to the caller, after a delay for those who still read.
#include <algorithm>

#include "base/assert.h"
#include "base/fault.h"
#include "io/disk_error.h"
#include "storage/log.h"
#include "storage/names.h"
#include "storage/retention.h"

namespace gregor::storage {
namespace {

Result<std::int64_t> largest_timestamp(io::FileSystem& files, const std::string& directory,
                                       const Segment& segment) {
    auto largest = segment.max_timestamp;
    if (largest == k_unknown_timestamp && segment.time_entries > 0) {
        const auto path = segment_path(directory, segment.base, k_time_index_extension);
        const auto time = TRY(files.open(path, io::OpenMode::read));
        largest = TRY(read_time_entry(*time, segment.base, segment.time_entries - 1)).timestamp;
    }
    return largest < 0 ? segment.modified_ms : largest;
}

}  // namespace

class Log::RetentionJob final : public io::DiskJob {
public:
    struct Plan {
        Ref<DirWriter> writer;
        WriteClientId client;
        std::uint64_t layout = 0;
        std::string directory;
        std::vector<Segment> segments;
        RetentionRules rules;
    };
    RetentionJob(Plan plan, Completion<Result<RetiredFiles>> done)
        : plan_(std::move(plan)), done_(std::move(done)) {}

    void run(io::FileSystem& files) override {
        expired_ = count_expired(plan_.segments, plan_.rules, [&](const Segment& segment) {
            return largest_timestamp(files, plan_.directory, segment);
        });
    }
    void complete() override {
        auto* log = static_cast<Log*>(plan_.writer->find(plan_.client));
        if (log != nullptr) --log->jobs_;
        const bool is_stale = log == nullptr || log->closed_ || log->truncating_ || log->failed_ ||
                              log->swapping_ || log->layout_ != plan_.layout;
        if (is_stale) return done_(RetiredFiles{});  // the next round looks again
        if (!expired_) return done_(std::unexpected(expired_.error()));
        // The active segment only if nothing was appended to it meanwhile.
        const bool has_grown = log->log_end_ != plan_.rules.log_end;
        auto count = *expired_;
        if (has_grown && count == plan_.segments.size()) --count;
        log->retire_oldest(count, plan_.rules.now_ms, std::move(done_));
    }

private:
    Plan plan_;
    Completion<Result<RetiredFiles>> done_;
    Result<std::size_t> expired_;
};

// Kafka's way of deleting a segment: its files are renamed, and unlinked later.
class Log::RetireTask final : public FileTask {
public:
    RetireTask(std::string directory, std::vector<Offset> bases, Completion<Result<RetiredFiles>> done)
        : directory_(std::move(directory)), bases_(std::move(bases)), done_(std::move(done)) {}

    NoRoom on_no_room() const override { return NoRoom::retry; }
    Status run(io::FileSystem& files) override {
        for (const auto base : bases_) {
            for (const auto* extension : {k_log_extension, k_index_extension, k_time_index_extension,
                                          k_txn_index_extension, k_snapshot_extension})
                TRY_STATUS(retire(files, segment_path(directory_, base, extension)));
            FAULT_POINT("segment_renamed_to_deleted");
        }
        return files.sync_directory(directory_);
    }
    void complete(WriteClient*, const Status& outcome) override {
        if (!outcome) return done_(std::unexpected(outcome.error()));
        done_(std::move(retired_));
    }

private:
    Status retire(io::FileSystem& files, const std::string& path) {
        auto to = path + k_deleted_suffix;
        auto renamed = files.rename(path, to);
        if (!renamed && io::is_disk_failure(renamed.error(), io::DiskFailure::not_found)) return {};
        if (renamed) retired_.push_back(std::move(to));
        return renamed;
    }

    std::string directory_;
    std::vector<Offset> bases_;
    Completion<Result<RetiredFiles>> done_;
    RetiredFiles retired_;
};

void Log::enforce_retention(const RetentionRequest& request, Completion<Result<RetiredFiles>> done) {
    ASSERT(!closed_);
    const bool is_empty = segments_.size() == 1 && segments_.front().size == 0;
    if (is_empty || truncating_ || swapping_ || failed_) return done(RetiredFiles{});
    RetentionJob::Plan plan{.writer = ports_.writer,
                            .client = client_,
                            .layout = layout_,
                            .directory = directory_,
                            .segments = segments_,
                            .rules = {.log_start = log_start_,
                                      .log_end = log_end_,
                                      .high_watermark = request.high_watermark,
                                      .now_ms = request.now_ms,
                                      .config = config_}};
    ++jobs_;
    ports_.disk.submit({}, std::make_unique<RetentionJob>(std::move(plan), std::move(done)));
}

// The oldest segment is the first to go, whichever rule it is.
std::int64_t Log::upkeep_due_ms(std::int64_t now_ms) const {
    const auto& oldest = segments_.front();
    if (segments_.size() == 1 && oldest.size == 0) return k_forever;
    if (segments_.size() > 1 && segments_[1].base <= log_start_) return now_ms;
    auto due = cleaning_due_ms(now_ms);
    if (!config_.cleanup_delete) return due;
    if (config_.retention_bytes >= 0 && size_bytes() - oldest.size >= config_.retention_bytes) return now_ms;
    if (config_.retention_ms < 0) return due;
    const auto newest_ms = oldest.max_timestamp >= 0 ? oldest.max_timestamp : oldest.modified_ms;
    return std::min(due, after(newest_ms, config_.retention_ms));
}

void Log::retire_oldest(std::size_t count, std::int64_t now_ms, Completion<Result<RetiredFiles>> done) {
    if (count == 0) return done(RetiredFiles{});
    if (count == segments_.size()) roll_to(log_end_, now_ms);  // an empty segment stays
    ASSERT(count < segments_.size());
    std::vector<Offset> bases;
    for (std::size_t i = 0; i < count; ++i) bases.push_back(segments_[i].base);
    raise_log_start_offset(segments_[count].base);
    segments_.erase(segments_.begin(), segments_.begin() + static_cast<std::ptrdiff_t>(count));
    std::erase_if(unsynced_segments_, [&](Offset base) { return base < segments_.front().base; });
    ++layout_;
    ports_.writer->queue(client_,
                         std::make_unique<RetireTask>(directory_, std::move(bases), std::move(done)));
}

}  // namespace gregor::storage
