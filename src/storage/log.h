// One partition's log on this node: the facade over segments, indexes, leader epochs and producer state.
//
// Lives on one shard and is called only there. Everything it does to files is queued at its DirWriter, in
// order; everything it reads from files is a DiskJob of its own. An append is three events: assigned (append
// returned: offsets are given, the records are readable in memory), written (the kernel has them), durable
// (fsynced; with Durability::page_cache the same moment as written). Partition state; outlived by its ports.
//
//      log_start <= local_log_start <= durable_end <= written_end <= log_end
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/completion.h"
#include "base/ids.h"
#include "base/result.h"
#include "io/ports.h"
#include "records/validate.h"
#include "storage/cleaner.h"
#include "storage/dir_writer.h"
#include "storage/epoch_cache.h"
#include "storage/index_tail.h"
#include "storage/log_config.h"
#include "storage/log_mark.h"
#include "storage/names.h"
#include "storage/producer_state.h"
#include "storage/segment.h"
#include "storage/tail_cache.h"
#include "storage/txn_index.h"
#include "storage/verification.h"

namespace gregor::storage {

struct LoadedLog;

struct AppendRequest {
    Slice records;  // whole batches, one behind the other; patched in place, so the caller shares it with
                    // nobody
    records::AppendOrigin origin = records::AppendOrigin::client;
    LeaderEpoch leader_epoch;  // stamped into every batch; unused for replication, whose batches carry theirs
    std::int64_t now_ms = 0;   // wall clock
    VerificationGuard verification{};  // of a transactional batch whose transaction is not open here yet
    TransactionVersion transaction_version = TransactionVersion::tv0;  // of a marker
};

struct AppendInfo {
    Offset base_offset;
    Offset last_offset;
    std::int64_t log_append_time_ms =
        -1;  // only with TimestampType::log_append_time (or a duplicate: of then)
    Offset log_start_offset;
    bool duplicate =
        false;  // already in the log: nothing was appended; wait for last_offset as for an append
};

// With INVALID_RECORD and INVALID_TIMESTAMP the records are listed that caused it.
using AppendRefused = records::ValidationError;

struct ReadRequest {
    Offset from;
    Offset upper_bound;  // exclusive: high watermark, last stable offset or log end; the reader's limit
    std::size_t max_bytes = 0;
    bool min_one_message = false;  // the first batch even when it is larger than max_bytes
    // From so many bytes on, what only the disk has may come as a range of its file, for a socket that can
    // send one. Nobody looks at its checksums but the client, as with Kafka.
    std::size_t file_range_bytes_min = SIZE_MAX;
    bool with_aborted = false;  // read_committed: tell which transactions to leave out
};

// Whole batches. The first may begin before the offset asked for; clients skip.
struct LogRead {
    BufferChain records;
    Offset next_offset;  // one past the last record in `records`; ReadRequest::from when there is none
    std::vector<AbortedTxn> aborted;  // by marker; asked for only
};

// ListOffsets' special timestamps; anything >= 0 is a search.
inline constexpr std::int64_t k_latest_timestamp = -1;
inline constexpr std::int64_t k_earliest_timestamp = -2;
inline constexpr std::int64_t k_max_timestamp = -3;
inline constexpr std::int64_t k_earliest_local_timestamp = -4;

struct TimestampOffset {
    std::int64_t timestamp = -1;
    Offset offset = k_no_offset;
    LeaderEpoch leader_epoch = k_no_leader_epoch;
};

struct RetentionRequest {
    Offset high_watermark;    // nothing above is taken out
    std::int64_t now_ms = 0;  // wall clock
};
using RetiredFiles = std::vector<std::string>;  // paths

struct CleaningRequest {
    Offset high_watermark;    // nothing above, and no open transaction, is cleaned
    std::int64_t now_ms = 0;  // wall clock
};

struct Cleanability {
    std::int64_t clean_bytes = 0;
    std::int64_t cleanable_bytes = 0;
    bool is_overdue = false;  // max.compaction.lag.ms has passed for some of it
    bool is_worth_it = false;
    double ratio() const;
};

// What DescribeProducers lists.
struct ActiveProducer {
    ProducerId producer_id;
    std::int16_t epoch = -1;
    std::int32_t last_sequence = -1;
    std::int64_t last_timestamp = -1;
    std::int32_t coordinator_epoch = -1;
    Offset current_txn_first_offset = k_no_offset;
};

// Told in a turn of its own, never from inside a call of Log; must not destroy the log from inside.
class LogObserver {
public:
    virtual ~LogObserver() = default;
    virtual void on_written(Offset written_end) = 0;
    virtual void on_durable(Offset durable_end) = 0;
    // The directory is offline: nothing after durable_end() is safe, every later append is refused.
    virtual void on_failed(const Error& why) = 0;
    // The disk had no room: appends from here on are taken back, as if they had never been.
    virtual void on_taken_back(Offset /*end*/) {}
    virtual void on_marked() {}  // mark() has moved: sooner or later a load is glad to know it
};

struct LogPorts {
    Ref<DirWriter> writer;
    TailCache& tail;
    io::Disk& disk;
    records::Decompressor& decompressor;  // the shard's
};

class Log final : private WriteClient {
public:
    Log(LoadedLog loaded, LogConfig config, LogPorts ports, LogObserver& observer);
    ~Log() override;
    Log(const Log&) = delete;
    Log& operator=(const Log&) = delete;

    using Appended = std::expected<AppendInfo, AppendRefused>;
    Appended append(AppendRequest request);

    Offset log_start_offset() const { return log_start_; }  // first offset a reader may ask for
    Offset local_log_start_offset() const {
        return log_start_;
    }  // first offset in local files (tiered storage makes them differ)
    Offset first_segment_base() const { return segments_.front().base; }
    Offset log_end_offset() const { return log_end_; }  // next to assign
    Offset written_end() const { return written_end_; }
    Offset durable_end() const { return durable_end_; }
    Offset recovery_point() const {
        return recovery_point_;
    }  // for the checkpoint: everything below is fsynced, indexes included
    // Below which a load need not look, for the directory's state; nullopt: it begins with the active
    // segment.
    std::optional<LogMark> mark() const;
    // The load had to look at much: the next one need not, once this is marked. The next append does it, or
    // a close.
    bool is_mark_wanted() const { return is_mark_wanted_; }
    void make_wanted_mark();
    // First offset of the earliest transaction that is open, or whose marker is not below the high watermark
    // yet; nullopt when there is none. Never below the log's start.
    std::optional<Offset> first_unstable_offset() const;
    void on_high_watermark(Offset high_watermark) { producers_.on_high_watermark(high_watermark); }
    // A transactional producer is about to be verified by its coordinator: the guard that its append has to
    // show. No guard when its transaction is open here already. invalid_producer_epoch.
    Result<VerificationGuard> start_verification(const VerificationRequest& request);
    // What append would answer to a coordinator's batch of this producer, and to a marker.
    Status check_transactional(ProducerId id, std::int16_t epoch, VerificationGuard guard) const;
    Status check_marker(const ProducerMarker& marker, TransactionVersion version) const {
        return producers_.check_marker(marker, version);
    }
    std::int64_t size_bytes() const;
    Uuid topic_id() const { return topic_id_; }
    const std::string& directory() const { return directory_; }
    const LogConfig& config() const { return config_; }
    void update_config(const LogConfig& config);
    std::vector<ActiveProducer> active_producers() const;

    // offset_out_of_range below the start or above the end. Answers in this turn when memory has the records.
    void read(const ReadRequest& request, Completion<Result<LogRead>> done);
    // How much a read of [from, to) would find; nullopt when memory does not know.
    std::optional<std::size_t> bytes_between(Offset from, Offset to) const {
        return tail_.bytes_between(from, to);
    }
    // A search never looks at or above `upper_bound`: a hit there is "none" (-1, -1). Special timestamps
    // except k_latest_timestamp (the caller's own bound) too.
    void offset_for_timestamp(std::int64_t timestamp, Offset upper_bound,
                              Completion<Result<TimestampOffset>> done);

    // Called when this node becomes leader, before any append of that epoch. Until there is one nobody has to
    // find the epoch in its file: the next leader begins another one at the same offset.
    void assign_leader_epoch(LeaderEpoch epoch);
    LeaderEpoch latest_epoch() const { return epochs_.latest(); }  // -1 when the log knows none
    LeaderEpoch epoch_of(Offset offset) const { return epochs_.epoch_of(offset); }
    EpochEnd end_offset_for(LeaderEpoch epoch) const {
        return epochs_.end_offset_for(epoch, log_end_);
    }  // KIP-101/320; -1/-1 when undefined
    const std::vector<EpochStart>& epochs() const { return epochs_.entries(); }

    // DeleteRecords and followers: readers see nothing below `offset`; files follow with retention.
    void raise_log_start_offset(Offset offset);
    // Followers and raft. The offsets above tell the new truth at once; until `done`, nothing may be
    // appended.
    void truncate_to(Offset offset, Completion<Status> done);
    void truncate_fully_and_start_at(Offset offset, Completion<Status> done);

    // Takes out the oldest segments that lie below the log's start, exceed retention.bytes or are older than
    // retention.ms, as far as they are committed. Completes with the files that are now named *.deleted; the
    // caller removes them file.delete.delay.ms later, when nobody can be reading them any more.
    void enforce_retention(const RetentionRequest& request, Completion<Result<RetiredFiles>> done);

    // How much a cleaning pass would find to do; what is not cleanable may be looked at again later.
    Cleanability cleanability(const CleaningRequest& request) const;
    // For a Cleaner; the log must be cleanable. Nothing changes until finish_cleaning.
    CleaningPlan plan_cleaning(const CleaningRequest& request, const CleaningLimits& limits) const;
    // Puts the cleaned segments into the place of their sources, by Kafka's protocol of renames; then the
    // sources' files are named *.deleted, and clean_end() is the pass's end. A log that has changed meanwhile
    // cannot: the caller discards what the pass wrote.
    using CleaningDone = Completion<Result<RetiredFiles>>;
    // False: segments went since, and a pass that was planned then may miss their files.
    bool is_laid_out_as(std::uint64_t layout) const { return layout_ == layout; }
    bool can_finish_cleaning(const Cleaned& cleaned) const;
    void finish_cleaning(Cleaned cleaned, CleaningDone done);
    // First offset that no cleaning pass has seen; in cleaner-offset-checkpoint.
    Offset clean_end() const { return std::max(clean_end_, log_start_); }
    // As the checkpoint told it; beyond the log it means nothing.
    void set_clean_end(Offset offset) { clean_end_ = offset <= log_end_ ? offset : Offset{0}; }
    bool was_cleaned() const { return clean_end_ > Offset{0}; }

    void roll(std::int64_t now_ms);       // closes the active segment and opens another, unless it is empty
    void flush(Completion<Status> done);  // everything appended so far, and its indexes
    // Flush and snapshot, so that Kafka may call the directory clean. The log takes no more calls. In the
    // background nobody else who writes to the directory waits for its fsyncs.
    enum class Closing : std::uint8_t { now, in_background };
    void close(Completion<Status> done, Closing how = Closing::now);
    // Nothing is under way, and nobody's transaction is open or about to be: it may be closed, and loaded
    // again when somebody wants it.
    bool is_at_rest() const;
    // Closing it takes nothing but closing its files.
    bool is_settled() const { return !has_changed_ && (was_settled_ || producers_.entries().empty()); }
    // The wall clock at which retention or compaction may find something to do although nothing is appended;
    // k_forever: never.
    std::int64_t upkeep_due_ms(std::int64_t now_ms) const;
    const ProducerState& producers() const { return producers_; }
    // Renames the directory to "<name>.<unique_hex>-delete", durably, then removes it in the background. The
    // log takes no more calls.
    void remove(const std::string& unique_hex, Completion<Status> done);
    void expire_producers(std::int64_t now_ms);

    void check_invariants() const;

private:
    class IndexTask;
    class BackgroundSync;
    class RollTask;
    class FlushTask;
    class EpochTask;
    class TruncateTask;
    class RemoveTask;
    class ReadJob;
    class TimestampJob;
    class RetentionJob;
    class RetireTask;
    class AbortTask;
    class SwapTask;
    class MarkTask;
    class MarkJob;
    class CloseJob;
    struct FlushPlan;

    // What a write in flight means once it is done.
    struct Pending {
        std::uint64_t ticket = 0;
        Offset end;
        Offset segment_base;
        std::int64_t segment_size = 0;
    };
    struct Prepared {
        Slice bytes;
        records::ValidatedBatch validated;
    };

    void on_done(std::uint64_t ticket) override;
    void on_failed(const Error& why) override;
    void on_taken_back() override;

    Appended append_as_leader(AppendRequest& request);
    Appended append_as_follower(AppendRequest& request);
    std::expected<Prepared, AppendRefused> prepare(const AppendRequest& request, Slice bytes);
    Status check_producer(const records::BatchView& batch, const AppendRequest& request) const;
    Status check_transaction(const records::BatchView& batch, const AppendRequest& request) const;
    std::optional<AppendInfo> find_duplicate(const AppendRequest& request) const;
    Result<std::vector<Slice>> stamp(const AppendRequest& request, std::vector<Prepared> prepared) const;
    records::ValidationRules rules(const AppendRequest& request) const;
    AppendInfo add_batches(const std::vector<Slice>& batches, std::int64_t now_ms);
    void add_batch(const Slice& bytes);
    void note_producer(const records::BatchView& batch);
    void note_aborted(const AbortedTxn& aborted);
    void collect_aborted(const ReadRequest& request, LogRead& read) const;

    bool must_roll(std::int64_t set_bytes, std::int64_t set_max_timestamp, Offset set_last,
                   std::int64_t now_ms) const;
    std::int64_t roll_jitter_ms() const;
    void roll_to(Offset base, std::int64_t now_ms);
    void adopt(LoadedLog loaded);
    enum class Truncation : std::uint8_t { to_end, fully, of_lost_writes };
    void start_truncation(Offset end, Truncation kind, Completion<Status> done);
    std::size_t count_cleanable(const CleaningRequest& request) const;
    void take_cleaned(const Cleaned& cleaned);
    void resume_reads();
    void retire_oldest(std::size_t count, std::int64_t now_ms, Completion<Result<RetiredFiles>> done);
    void queue_epochs();
    LogMark mark_of_end() const;
    bool is_mark_due() const;
    void start_mark();
    void on_marked(std::uint64_t round, const std::optional<LogMark>& mark);
    void flush_index_tail();
    void on_segment_synced(Offset base, Offset end);
    void on_flushed(const std::vector<Offset>& segments, Offset end);
    void queue_close(Completion<Status> done);
    void on_closed(const FlushPlan& plan);
    std::int64_t cleaning_due_ms(std::int64_t now_ms) const;
    void on_cut(const Status& outcome);
    void on_index_written(Offset base, const Ref<SegmentFiles>& files, const IndexWrite& write);
    Segment* find_segment(Offset base);
    const Segment& floor_segment(Offset offset) const;
    std::vector<Segment> segments_from(Offset offset) const;

    std::string directory_;
    Uuid topic_id_;
    LogConfig config_;
    LogPorts ports_;
    LogObserver* observer_;
    WriteClientId client_;

    std::vector<Segment> segments_;
    ActiveSegment active_;
    IndexTail index_tail_;
    Ref<SegmentFiles> files_;  // of the active segment
    EpochCache epochs_;
    ProducerState producers_;
    Verifications verifications_;
    // The aborted transactions whose records may be in memory, and those not written yet; by marker.
    std::deque<AbortedTxn> recent_aborted_;
    TailCache::Tail tail_;

    Offset log_start_;
    Offset log_end_;
    Offset written_end_;
    Offset durable_end_;
    Offset recovery_point_;
    Offset clean_end_;
    Offset unsynced_end_;                    // behind the last write that nobody will fsync with its answer
    std::vector<Offset> unsynced_segments_;  // closed, their fsync under way in the background
    std::deque<Pending> pending_;
    std::optional<LogMark> mark_;
    bool marking_ = false;  // the next one is under way
    bool is_mark_wanted_ = false;
    std::int64_t marked_bytes_ = 0;  // of the active segment, below the last one or the next
    // Of all that were ever begun. A truncation may have made some void that the directory's state still
    // names: where one of those ended no snapshot may lie before everything is fsynced again.
    Offset last_mark_end_;
    std::uint64_t mark_round_ = 0;       // counts the times that marks under way became void
    std::deque<Offset> mark_snapshots_;  // oldest first
    bool has_changed_ = false;           // since the load: closing it takes more than closing its files
    bool epochs_wait_ = false;           // for an append, to be written
    bool was_settled_ = false;           // the load found all that a close leaves behind
    std::optional<Error> failed_;
    // Counts the times that segments went or were replaced: what a job read meanwhile is read again.
    std::uint64_t layout_ = 0;
    // While cleaned segments take their names, or a log is cut, jobs that would read the old files wait here.
    struct WaitingRead {
        ReadRequest request;
        Completion<Result<LogRead>> done;
    };
    struct WaitingLookup {
        std::int64_t timestamp = 0;
        Offset upper_bound;
        Completion<Result<TimestampOffset>> done;
    };
    bool swapping_ = false;
    std::vector<WaitingRead> waiting_reads_;
    std::vector<WaitingLookup> waiting_lookups_;
    bool truncating_ = false;
    bool cuts_lost_writes_ = false;  // that truncation: nobody knows of what goes
    bool closed_ = false;
    bool syncs_when_closed_ = true;
    std::size_t jobs_ = 0;  // of readers, look-ups and retention that may come back to it
    std::optional<Completion<Status>> close_when_cut_;  // it was asked for during a truncation
};

}  // namespace gregor::storage
