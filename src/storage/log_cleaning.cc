// Compaction as the log sees it: what may be cleaned, and the swap of segments that a Cleaner has written.
#include <algorithm>
#include <array>
#include <ranges>
#include <utility>

#include "base/assert.h"
#include "base/fault.h"
#include "io/disk_error.h"
#include "storage/log.h"
#include "storage/names.h"

namespace gregor::storage {
namespace {

constexpr std::array k_segment_extensions{k_log_extension, k_index_extension, k_time_index_extension,
                                          k_txn_index_extension};

// When the newest record of a closed segment was written, as far as memory knows.
std::int64_t age_of(const Segment& segment) {
    return segment.max_timestamp >= 0 ? segment.max_timestamp : segment.modified_ms;
}

Status rename_if_there(io::FileSystem& files, const std::string& from, const std::string& to) {
    auto renamed = files.rename(from, to);
    if (!renamed && io::is_disk_failure(renamed.error(), io::DiskFailure::not_found)) return {};
    return renamed;
}

}  // namespace

double Cleanability::ratio() const {
    const auto all = clean_bytes + cleanable_bytes;
    return all == 0 ? 0 : static_cast<double>(cleanable_bytes) / static_cast<double>(all);
}

// Closed segments from the first on, without open transactions, old enough for min.compaction.lag.ms.
std::size_t Log::count_cleanable(const CleaningRequest& request) const {
    const auto stable = std::min(request.high_watermark, first_unstable_offset().value_or(log_end_));
    std::size_t count = 0;
    while (count + 1 < segments_.size() && segments_[count + 1].base <= stable) {
        const auto& segment = segments_[count];
        const bool is_dirty = segments_[count + 1].base > clean_end();
        const bool is_young = config_.min_compaction_lag_ms > 0 &&
                              age_of(segment) > request.now_ms - config_.min_compaction_lag_ms;
        if (is_dirty && is_young) return count;
        ++count;
    }
    return count;
}

// What is dirty becomes old enough to be cleaned, and then too old not to be.
std::int64_t Log::cleaning_due_ms(std::int64_t now_ms) const {
    auto due = k_forever;
    if (!config_.cleanup_compact) return due;
    for (std::size_t i = 0; i + 1 < segments_.size(); ++i) {
        if (segments_[i + 1].base <= clean_end()) continue;
        const auto written_ms = age_of(segments_[i]);
        const auto ripe_ms = after(written_ms, config_.min_compaction_lag_ms);
        if (ripe_ms > now_ms) due = std::min(due, ripe_ms);
        due = std::min(due, after(written_ms, config_.max_compaction_lag_ms));
    }
    return due;
}

Cleanability Log::cleanability(const CleaningRequest& request) const {
    Cleanability found;
    if (!config_.cleanup_compact || closed_ || truncating_ || swapping_ || failed_) return found;
    const auto cleanable = count_cleanable(request);
    for (std::size_t i = 0; i + 1 < segments_.size(); ++i) {
        const auto& segment = segments_[i];
        if (segments_[i + 1].base <= clean_end()) {
            found.clean_bytes += segment.size;
        } else if (i < cleanable) {
            found.cleanable_bytes += segment.size;
            found.is_overdue |= config_.max_compaction_lag_ms != k_forever &&
                                request.now_ms - age_of(segment) > config_.max_compaction_lag_ms;
        }
    }
    found.is_worth_it =
        found.cleanable_bytes > 0 && (found.is_overdue || found.ratio() > config_.min_cleanable_dirty_ratio);
    return found;
}

CleaningPlan Log::plan_cleaning(const CleaningRequest& request, const CleaningLimits& limits) const {
    CleaningPlan plan{.directory = directory_,
                      .segments = segments_,
                      .cleanable = count_cleanable(request),
                      .first_dirty = clean_end(),
                      .producers = {},
                      .config = config_,
                      .limits = limits,
                      .now_ms = request.now_ms,
                      .layout = layout_};
    for (const auto& [id, entry] : producers_.entries()) {
        const auto last = entry.batch_count == 0 ? std::nullopt : std::optional(entry.last_offset());
        plan.producers[id] = {.data_offset = last, .epoch = entry.epoch};
    }
    return plan;
}

// Kafka's swap: once every new file is named *.swap, what a crash left is finished by the next load; before,
// it is dropped.
class Log::SwapTask final : public FileTask {
public:
    SwapTask(std::string directory, Cleaned cleaned, CleaningDone done)
        : directory_(std::move(directory)), cleaned_(std::move(cleaned)), done_(std::move(done)) {}

    NoRoom on_no_room() const override { return is_swapped_ ? NoRoom::retry : NoRoom::fatal; }
    Status run(io::FileSystem& files) override {
        if (!is_swapped_) TRY_STATUS(swap(files));
        is_swapped_ = true;
        return files.sync_directory(directory_);
    }
    void complete(WriteClient* client, const Status& outcome) override {
        auto* log = static_cast<Log*>(client);
        if (log != nullptr && outcome) log->take_cleaned(cleaned_);
        if (log != nullptr) log->swapping_ = false;
        if (log != nullptr) log->resume_reads();
        if (!outcome) return done_(std::unexpected(outcome.error()));
        done_(std::move(retired_));
    }

private:
    Status swap(io::FileSystem& files) {
        if (PLANTED_BUG("sources_retired_before_the_swap")) TRY_STATUS(retire_sources(files));
        for (const auto& group : std::views::reverse(cleaned_.groups)) {
            TRY_STATUS(rename_all(files, group.segment.base, k_cleaned_suffix, k_swap_suffix));
            FAULT_POINT("cleaned_segment_named_swap");
        }
        TRY_STATUS(retire_sources(files));
        FAULT_POINT("cleaned_sources_retired");
        for (const auto& group : cleaned_.groups) {
            TRY_STATUS(rename_all(files, group.segment.base, k_swap_suffix, ""));
            FAULT_POINT("cleaned_segment_swapped");
        }
        return {};
    }
    Status rename_all(io::FileSystem& files, Offset base, const char* from, const char* to) const {
        for (const auto* extension : k_segment_extensions) {
            const auto path = segment_path(directory_, base, extension);
            TRY_STATUS(rename_if_there(files, path + from, path + to));
        }
        return {};
    }
    Status retire_sources(io::FileSystem& files) {
        for (const auto& group : cleaned_.groups)
            for (const auto base : group.sources) TRY_STATUS(retire(files, base, base != group.segment.base));
        FAULT_POINT("cleaned_source_retired");
        return {};
    }
    // The snapshot of a base that stays is still right: it tells of producers, not of records.
    Status retire(io::FileSystem& files, Offset base, bool with_snapshot) {
        std::vector<const char*> extensions(k_segment_extensions.begin(), k_segment_extensions.end());
        if (with_snapshot) extensions.push_back(k_snapshot_extension);
        for (const auto* extension : extensions) {
            const auto path = segment_path(directory_, base, extension);
            const auto to = path + k_deleted_suffix;
            auto renamed = files.rename(path, to);
            if (!renamed && io::is_disk_failure(renamed.error(), io::DiskFailure::not_found)) continue;
            TRY_STATUS(renamed);
            retired_.push_back(to);
        }
        return {};
    }

    std::string directory_;
    Cleaned cleaned_;
    CleaningDone done_;
    RetiredFiles retired_;
    bool is_swapped_ = false;  // but for the fsync
};

bool Log::can_finish_cleaning(const Cleaned& cleaned) const {
    return !closed_ && !truncating_ && !swapping_ && !failed_ && layout_ == cleaned.layout;
}

void Log::finish_cleaning(Cleaned cleaned, CleaningDone done) {
    ASSERT(can_finish_cleaning(cleaned));
    swapping_ = true;
    ++layout_;  // whoever reads now reads again
    ports_.writer->queue(client_,
                         std::make_unique<SwapTask>(directory_, std::move(cleaned), std::move(done)));
}

void Log::take_cleaned(const Cleaned& cleaned) {
    for (const auto& group : cleaned.groups) {
        const auto is_source = [&](const Segment& segment) {
            return std::ranges::binary_search(group.sources, segment.base);
        };
        const auto first = std::ranges::find_if(segments_, is_source);
        ASSERT(first != segments_.end());
        *first = group.segment;
        segments_.erase(std::remove_if(first + 1, segments_.end(), is_source), segments_.end());
        std::erase_if(unsynced_segments_,
                      [&](Offset base) { return std::ranges::binary_search(group.sources, base); });
    }
    clean_end_ = std::max(clean_end_, cleaned.end);
    tail_.drop_below(cleaned.end);
    ++layout_;
    check_invariants();
}

// Whoever waited for files to take their places.
void Log::resume_reads() {
    if (swapping_ || (truncating_ && !failed_)) return;
    auto reads = std::exchange(waiting_reads_, {});
    auto lookups = std::exchange(waiting_lookups_, {});
    auto is_over = failed_;
    if (closed_ && !is_over) is_over = Error{ErrorCode::kafka_storage_error, "the log is closed"};
    for (auto& [request, done] : reads) {
        if (is_over)
            done(std::unexpected(*is_over));
        else
            read(request, std::move(done));
    }
    for (auto& [timestamp, bound, done] : lookups) {
        if (is_over)
            done(std::unexpected(*is_over));
        else
            offset_for_timestamp(timestamp, bound, std::move(done));
    }
}

}  // namespace gregor::storage
