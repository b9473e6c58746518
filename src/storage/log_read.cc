// Log::read: from memory in the same turn, else by a job that owns what it needs.
#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"
#include "base/fault.h"
#include "io/sendable_file.h"
#include "records/batch.h"
#include "storage/log.h"
#include "storage/names.h"
#include "storage/segment_scanner.h"

namespace gregor::storage {

// What finding a batch reads at a time: headers lie apart, the payloads between them are not wanted.
constexpr std::size_t k_header_window = std::size_t{4} << 10;

// Reads whole batches of one segment, the first that holds the offset or comes after it.
class Log::ReadJob final : public io::DiskJob {
public:
    struct Plan {
        Ref<DirWriter> writer;  // knows whether the log still lives
        WriteClientId client;
        std::uint64_t layout = 0;
        std::string directory;
        std::vector<Segment> segments;   // the one that may hold `from`, and those behind it
        std::optional<IndexEntry> hint;  // into the first of them
        ReadRequest request;
        std::deque<AbortedTxn> recent_aborted;
    };
    ReadJob(Plan plan, Completion<Result<LogRead>> done) : plan_(std::move(plan)), done_(std::move(done)) {}

    void run(io::FileSystem& files) override { result_ = read(files); }
    // Segments that went or were replaced under the job may have shown it anything.
    void complete() override {
        auto* log = static_cast<Log*>(plan_.writer->find(plan_.client));
        if (log != nullptr) --log->jobs_;
        if (log == nullptr || log->closed_) return done_(std::move(result_));
        const bool met_a_cut = log->truncating_ && !log->failed_ && !result_;
        if (log->layout_ == plan_.layout && !met_a_cut) return done_(std::move(result_));
        REACHED("read_again_after_segments_changed");
        if (met_a_cut) return log->waiting_reads_.push_back({plan_.request, std::move(done_)});
        log->read(plan_.request, std::move(done_));
    }

private:
    Result<LogRead> read(io::FileSystem& files) const {
        auto found = TRY(read_records(files));
        if (!plan_.request.with_aborted || found.next_offset == plan_.request.from) return found;
        AbortedCollector collector(plan_.request.from, found.next_offset);
        for (const auto& segment : plan_.segments) {
            if (collector.is_done()) break;
            TRY_STATUS(collector.add_file(files, plan_.directory, segment));
        }
        for (const auto& entry : plan_.recent_aborted) collector.add(entry);
        found.aborted = collector.take();
        return found;
    }

    Result<LogRead> read_records(io::FileSystem& files) const {
        for (const auto& segment : plan_.segments) {
            if (segment.base >= plan_.request.upper_bound) break;
            if (segment.written == 0) continue;  // not written yet, or compacted away
            auto found = TRY(read_segment(files, segment));
            if (found) return std::move(*found);
        }
        return LogRead{.records = {}, .next_offset = plan_.request.from, .aborted = {}};
    }

    // Null when there is nothing in it.
    Result<Ref<io::File>> open_index(io::FileSystem& files, const Segment& segment) const {
        if (segment.index_entries == 0) return Ref<io::File>();
        return files.open(segment_path(plan_.directory, segment.base, k_index_extension), io::OpenMode::read);
    }

    Result<std::int64_t> start_position(io::FileSystem& files, const Segment& segment) const {
        const auto from = plan_.request.from;
        if (from <= segment.base) return std::int64_t{0};
        if (plan_.hint && &segment == &plan_.segments.front()) return std::int64_t{plan_.hint->position};
        const auto index = TRY(open_index(files, segment));
        if (!index) return std::int64_t{0};
        return TRY(lookup_offset(*index, segment.base, segment.index_entries, from)).position;
    }

    // nullopt: no batch in here ends at or after `from`.
    Result<std::optional<LogRead>> read_segment(io::FileSystem& files, const Segment& segment) const {
        const auto log =
            TRY(files.open(segment_path(plan_.directory, segment.base, k_log_extension), io::OpenMode::read));
        SegmentScanner scanner(*log, TRY(start_position(files, segment)), segment.written, k_header_window);
        bool found = false;
        while (!found && TRY(scanner.next())) found = scanner.batch().last >= plan_.request.from;
        if (!found && scanner.stopped_early())
            return fail(ErrorCode::corrupt_message, describe_damage(segment, plan_.request.from));
        if (!found) return std::nullopt;
        const auto& first = scanner.batch();
        const auto& request = plan_.request;
        const auto first_size = static_cast<std::size_t>(first.size);
        const LogRead nothing{.records = {}, .next_offset = request.from, .aborted = {}};
        if (first.last >= request.upper_bound) return nothing;
        if (first_size > request.max_bytes && !request.min_one_message) return nothing;
        const auto left = static_cast<std::size_t>(segment.written - first.position);
        const auto size = std::min(std::max(first_size, request.max_bytes), left);
        auto* sendable = dynamic_cast<io::SendableFile*>(log.get());
        if (sendable == nullptr || size < request.file_range_bytes_min)
            return TRY(read_batches(*log, segment, first, size));
        return TRY(find_range(files, *sendable, segment, first, size));
    }

    // Where a walk over the headers must begin to find the last batch that ends within `limit`: the last one
    // in the index that surely is below it and below the upper bound, or the first one of the range.
    Result<std::int64_t> near_end(io::FileSystem& files, const Segment& segment, std::int64_t first,
                                  std::int64_t limit) const {
        const auto index = TRY(open_index(files, segment));
        if (!index) return first;
        auto entry = TRY(lookup_position(*index, segment.base, segment.index_entries, limit));
        if (entry.offset >= plan_.request.upper_bound)
            entry = TRY(
                lookup_offset(*index, segment.base, segment.index_entries, plan_.request.upper_bound - 1));
        return std::max<std::int64_t>(first, entry.position);
    }

    // Whole batches as a range of the file: their headers near both ends are read, their payloads not.
    Result<LogRead> find_range(io::FileSystem& files, io::SendableFile& log, const Segment& segment,
                               const ScannedBatch& first, std::size_t size) const {
        REACHED("read_as_file_range");
        const auto limit = first.position + static_cast<std::int64_t>(size);
        auto end = TRY(near_end(files, segment, first.position, limit));
        LogRead read{.records = {}, .next_offset = first.last + 1, .aborted = {}};
        SegmentScanner scanner(log, end, segment.written, k_header_window);
        while (TRY(scanner.next())) {
            const auto& batch = scanner.batch();
            if (batch.last >= plan_.request.upper_bound || batch.end() > limit) {
                if (end > first.position) read.next_offset = batch.base;
                break;
            }
            end = batch.end();
            read.next_offset = batch.last + 1;
        }
        if (end == first.position || (scanner.stopped_early() && end < limit))
            return read_batches(log, segment, first, size);  // it says what is wrong
        const auto found = static_cast<std::size_t>(end - first.position);
        TRY_STATUS(log.make_resident(first.position, found));
        read.records.append(
            FileRange{.source = Ref<RangeSource>(&log), .position = first.position, .size = found});
        return read;
    }

    Result<LogRead> read_batches(io::File& log, const Segment& segment, const ScannedBatch& first,
                                 std::size_t size) const {
        LogRead read{.records = {}, .next_offset = plan_.request.from, .aborted = {}};
        const auto& request = plan_.request;
        auto buffer = Buffer::allocate(size);
        const auto got = TRY(log.read_at(first.position, buffer->writable()));
        std::size_t end = 0;
        records::BatchCursor cursor(buffer->bytes().first(got));
        while (const auto batch = TRY(cursor.next())) {
            const auto last = last_offset(*batch);
            if (last >= request.upper_bound) break;
            if (!is_intact(*batch)) {
                if (end == 0) return fail(ErrorCode::corrupt_message, describe_damage(segment, first.base));
                break;
            }
            read.next_offset = last + 1;
            end = cursor.position();
        }
        if (end > 0) read.records.append(Slice(std::move(buffer), 0, end));
        return read;
    }

    static Offset last_offset(const records::BatchFrame& frame) {
        if (frame.magic == records::k_magic_v2) return records::BatchView(frame.bytes).last_offset();
        return Offset{records::load_be<std::int64_t>(frame.bytes.data())};
    }
    // Bits rot below the durable point too; nothing damaged is ever served.
    static bool is_intact(const records::BatchFrame& frame) {
        return frame.magic != records::k_magic_v2 || records::BatchView(frame.bytes).verify().has_value();
    }
    std::string describe_damage(const Segment& segment, Offset at) const {
        return fmt::format("{}/{}.log holds no intact batch at offset {}", plan_.directory,
                           segment_stem(segment.base), at.value());
    }

    Plan plan_;
    Completion<Result<LogRead>> done_;
    Result<LogRead> result_;
};

const Segment& Log::floor_segment(Offset offset) const {
    const auto above = std::ranges::upper_bound(segments_, offset, {}, &Segment::base);
    return above == segments_.begin() ? *above : *(above - 1);
}

std::vector<Segment> Log::segments_from(Offset offset) const {
    const auto first = &floor_segment(offset) - segments_.data();
    return {segments_.begin() + first, segments_.end()};
}

// Of records in memory: the markers that end their transactions are all remembered.
void Log::collect_aborted(const ReadRequest& request, LogRead& read) const {
    AbortedCollector collector(request.from, read.next_offset);
    for (const auto& entry : recent_aborted_) collector.add(entry);
    read.aborted = collector.take();
}

void Log::read(const ReadRequest& request, Completion<Result<LogRead>> done) {
    ASSERT(!closed_);
    if (request.from < log_start_ || request.from > log_end_)
        return done(fail(ErrorCode::offset_out_of_range,
                         fmt::format("offset {} is not in {}..{}", request.from.value(), log_start_.value(),
                                     log_end_.value())));
    tail_.note_reader();
    if (request.from >= request.upper_bound || request.from == log_end_)
        return done(LogRead{.records = {}, .next_offset = request.from, .aborted = {}});
    if (failed_) return done(fail(ErrorCode::kafka_storage_error, "the log cannot be read now"));
    if (tail_.holds(request.from)) {
        auto found =
            tail_.read(request.from, request.upper_bound, request.max_bytes, request.min_one_message);
        LogRead read{.records = std::move(found.records), .next_offset = found.next_offset, .aborted = {}};
        if (request.with_aborted) collect_aborted(request, read);
        return done(std::move(read));
    }
    // A cut of what a full disk refused may wait for room itself, and what is kept stays where it is.
    const bool may_move = truncating_ && !(cuts_lost_writes_ && request.upper_bound <= log_end_);
    if (swapping_ || may_move) return waiting_reads_.push_back({request, std::move(done)});
    REACHED("read_from_disk");
    ReadJob::Plan plan{.writer = ports_.writer,
                       .client = client_,
                       .layout = layout_,
                       .directory = directory_,
                       .segments = segments_from(request.from),
                       .hint = std::nullopt,
                       .request = request,
                       .recent_aborted = {}};
    if (request.with_aborted) plan.recent_aborted = recent_aborted_;
    if (plan.segments.front().base == segments_.back().base) plan.hint = index_tail_.find(request.from);
    ++jobs_;
    ports_.disk.submit({}, std::make_unique<ReadJob>(std::move(plan), std::move(done)));
}

}  // namespace gregor::storage
