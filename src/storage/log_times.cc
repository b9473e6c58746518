// Log::offset_for_timestamp: ListOffsets' searches, on a worker.
#include <algorithm>

#include "base/assert.h"
#include "records/compression.h"
#include "records/opened_batch.h"
#include "records/record.h"
#include "storage/log.h"
#include "storage/names.h"
#include "storage/segment_scanner.h"

namespace gregor::storage {

class Log::TimestampJob final : public io::DiskJob {
public:
    struct Plan {
        Ref<DirWriter> writer;
        WriteClientId client;
        std::uint64_t layout = 0;
        std::string directory;
        std::vector<Segment> segments;
        std::int64_t timestamp = 0;  // or k_max_timestamp
        Offset log_start;
        Offset upper_bound;
    };
    TimestampJob(Plan plan, Completion<Result<TimestampOffset>> done)
        : plan_(std::move(plan)), done_(std::move(done)) {}

    void run(io::FileSystem& files) override {
        result_ = plan_.timestamp == k_max_timestamp ? find_max(files) : find(files);
    }
    void complete() override {
        auto* log = static_cast<Log*>(plan_.writer->find(plan_.client));
        if (log != nullptr) --log->jobs_;
        if (log != nullptr && !log->closed_ && log->layout_ != plan_.layout)
            return log->offset_for_timestamp(plan_.timestamp, plan_.upper_bound, std::move(done_));
        if (result_ && result_->offset >= plan_.upper_bound) result_ = TimestampOffset{};
        done_(std::move(result_));
    }

private:
    Result<Ref<io::File>> open(io::FileSystem& files, const Segment& segment, const char* extension) const {
        return files.open(segment_path(plan_.directory, segment.base, extension), io::OpenMode::read);
    }

    Result<std::int64_t> largest_timestamp(io::FileSystem& files, const Segment& segment) const {
        if (segment.max_timestamp != k_unknown_timestamp) return segment.max_timestamp;
        if (segment.time_entries == 0) return std::int64_t{-1};
        const auto time = TRY(open(files, segment, k_time_index_extension));
        return TRY(read_time_entry(*time, segment.base, segment.time_entries - 1)).timestamp;
    }

    Result<TimestampOffset> find(io::FileSystem& files) const {
        for (const auto& segment : plan_.segments) {
            if (segment.written == 0) continue;
            auto largest = TRY(largest_timestamp(files, segment));
            if (largest < 0) largest = segment.modified_ms;
            if (largest >= plan_.timestamp) return search(files, segment, plan_.timestamp);
        }
        return TimestampOffset{};
    }

    Result<TimestampOffset> find_max(io::FileSystem& files) const {
        const Segment* best = nullptr;
        std::int64_t largest = -1;
        for (const auto& segment : plan_.segments) {
            if (segment.written == 0) continue;
            const auto here = TRY(largest_timestamp(files, segment));
            if (here <= largest) continue;
            largest = here;
            best = &segment;
        }
        if (best == nullptr) return TimestampOffset{};
        return search(files, *best, largest);
    }

    // The first record at or after `timestamp` in this segment, and not below the log's start.
    Result<TimestampOffset> search(io::FileSystem& files, const Segment& segment,
                                   std::int64_t timestamp) const {
        auto from = plan_.log_start;
        if (segment.time_entries > 0) {
            const auto time = TRY(open(files, segment, k_time_index_extension));
            from =
                std::max(from, TRY(lookup_time(*time, segment.base, segment.time_entries, timestamp)).offset);
        }
        std::int64_t position = 0;
        if (segment.index_entries > 0) {
            const auto index = TRY(open(files, segment, k_index_extension));
            position = TRY(lookup_offset(*index, segment.base, segment.index_entries, from)).position;
        }
        const auto log = TRY(open(files, segment, k_log_extension));
        SegmentScanner scanner(*log, position, segment.written);
        while (TRY(scanner.next())) {
            const auto& batch = scanner.batch();
            if (batch.max_timestamp < timestamp || batch.last < plan_.log_start) continue;
            const auto found = TRY(search_batch(scanner, timestamp));
            if (found.offset != k_no_offset) return found;
        }
        return TimestampOffset{};
    }

    Result<TimestampOffset> search_batch(SegmentScanner& scanner, std::int64_t timestamp) const {
        const auto bytes = TRY(scanner.whole(static_cast<std::size_t>(scanner.batch().size)));
        if (!bytes || scanner.batch().magic != records::k_magic_v2) return TimestampOffset{};
        const records::BatchView batch(*bytes);
        records::Decompressor decompressor;
        auto opened = TRY(records::open_batch(batch, decompressor));
        records::RecordView record;
        TimestampOffset found;
        // Kafka reads a compressed batch whole before it looks at a record, but for the largest timestamp.
        const bool is_read_whole = batch.is_compressed() && plan_.timestamp != k_max_timestamp;
        while ((found.offset == k_no_offset || is_read_whole) && opened.cursor.next(record)) {
            const auto offset = record.offset(batch);
            if (found.offset != k_no_offset || record.timestamp(batch) < timestamp ||
                offset < plan_.log_start)
                continue;
            found = {record.timestamp(batch), offset, batch.partition_leader_epoch()};
        }
        TRY_STATUS(opened.cursor.status());
        return found;
    }

    Plan plan_;
    Completion<Result<TimestampOffset>> done_;
    Result<TimestampOffset> result_;
};

void Log::offset_for_timestamp(std::int64_t timestamp, Offset upper_bound,
                               Completion<Result<TimestampOffset>> done) {
    ASSERT(!closed_);
    if (timestamp == k_latest_timestamp) return done(TimestampOffset{-1, upper_bound, latest_epoch()});
    if (timestamp == k_earliest_timestamp || timestamp == k_earliest_local_timestamp)
        return done(TimestampOffset{-1, log_start_, epoch_of(log_start_)});
    if (timestamp < 0 && timestamp != k_max_timestamp)
        return done(fail(ErrorCode::unsupported_version, "no such special timestamp"));
    if (failed_) return done(fail(ErrorCode::kafka_storage_error, "the log cannot be read now"));
    if (swapping_ || truncating_)
        return waiting_lookups_.push_back({timestamp, upper_bound, std::move(done)});
    TimestampJob::Plan plan{.writer = ports_.writer,
                            .client = client_,
                            .layout = layout_,
                            .directory = directory_,
                            .segments = segments_from(log_start_),
                            .timestamp = timestamp,
                            .log_start = log_start_,
                            .upper_bound = upper_bound};
    ++jobs_;
    ports_.disk.submit({}, std::make_unique<TimestampJob>(std::move(plan), std::move(done)));
}

}  // namespace gregor::storage
