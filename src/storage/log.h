// One partition's log on this node: the facade over segments, indexes, leader epochs and producer state.
//
// Lives on one shard and is called only there. Everything it does to files is queued at its DirWriter, in
// order; everything it reads from files is a DiskJob of its own. An append is three events: assigned (append
// returned: offsets are given, the records are readable in memory), written (the kernel has them), durable
// (fsynced; with Durability::page_cache the same moment as written). Partition state; outlived by its ports.
//
//      log_start <= local_log_start <= durable_end <= written_end <= log_end
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/completion.h"
#include "base/ids.h"
#include "base/result.h"
#include "io/ports.h"
#include "storage/log_config.h"

namespace gregor::storage {

class DirWriter;
class TailCache;
struct LoadedLog;

// Who appends decides which rules hold (Kafka's AppendOrigin).
enum class AppendOrigin : std::uint8_t { client, coordinator, raft_leader, replication };

struct AppendRequest {
    Slice records;  // whole batches, one behind the other; patched in place, so the caller shares it with
                    // nobody
    AppendOrigin origin = AppendOrigin::client;
    LeaderEpoch leader_epoch;  // stamped into every batch; unused for replication, whose batches carry theirs
    std::int64_t now_ms = 0;   // wall clock
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

struct RefusedRecord {
    std::int32_t batch_index = 0;
    std::string message;
};

struct AppendRefused {
    ErrorCode code = ErrorCode::unknown_server_error;
    std::string detail;
    std::vector<RefusedRecord> records;
};

struct ReadRequest {
    Offset from;
    Offset upper_bound;  // exclusive: high watermark, last stable offset or log end; the reader's limit
    std::size_t max_bytes = 0;
    bool min_one_message = false;  // the first batch even when it is larger than max_bytes
};

// Whole batches. The first may begin before the offset asked for; clients skip.
struct LogRead {
    BufferChain records;
    Offset next_offset;  // one past the last record in `records`; ReadRequest::from when there is none
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

struct EpochEnd {
    LeaderEpoch epoch = k_no_leader_epoch;
    Offset end_offset = k_no_offset;
};

struct EpochStart {
    LeaderEpoch epoch;
    Offset start;
    friend bool operator==(const EpochStart&, const EpochStart&) = default;
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
};

struct LogPorts {
    DirWriter& writer;
    TailCache& tail;
    io::Disk& disk;
};

class Log {
public:
    Log(LoadedLog loaded, LogConfig config, LogPorts ports, LogObserver& observer);
    ~Log();
    Log(const Log&) = delete;
    Log& operator=(const Log&) = delete;

    std::expected<AppendInfo, AppendRefused> append(AppendRequest request);

    Offset log_start_offset() const;        // first offset a reader may ask for
    Offset local_log_start_offset() const;  // first offset in local files (tiered storage makes them differ)
    Offset log_end_offset() const;          // next to assign
    Offset written_end() const;
    Offset durable_end() const;
    Offset recovery_point() const;  // for the checkpoint: everything below is fsynced, indexes included
    // First offset of the earliest open transaction; nullopt when none is open.
    std::optional<Offset> first_unstable_offset() const;
    std::int64_t size_bytes() const;
    Uuid topic_id() const;
    const std::string& directory() const;
    const LogConfig& config() const;
    void update_config(const LogConfig& config);
    std::vector<ActiveProducer> active_producers() const;

    // offset_out_of_range below the start or above the end. Answers in this turn when memory has the records.
    void read(const ReadRequest& request, Completion<Result<LogRead>> done);
    // A search never looks at or above `upper_bound`: a hit there is "none" (-1, -1). Special timestamps
    // except k_latest_timestamp (the caller's own bound) too.
    void offset_for_timestamp(std::int64_t timestamp, Offset upper_bound,
                              Completion<Result<TimestampOffset>> done);

    // Called when this node becomes leader, before any append of that epoch.
    void assign_leader_epoch(LeaderEpoch epoch);
    LeaderEpoch latest_epoch() const;  // -1 when the log knows none
    LeaderEpoch epoch_of(Offset offset) const;
    EpochEnd end_offset_for(LeaderEpoch epoch) const;  // KIP-101/320; -1/-1 when undefined
    const std::vector<EpochStart>& epochs() const;

    // DeleteRecords and followers: readers see nothing below `offset`; files follow with retention.
    void raise_log_start_offset(Offset offset);
    // Followers and raft. Both are queued; the offsets above tell the new truth at once.
    void truncate_to(Offset offset);
    void truncate_fully_and_start_at(Offset offset);

    void roll();                          // closes the active segment; the next append opens another
    void flush(Completion<Status> done);  // everything appended so far, and its indexes
    void close(Completion<Status> done);  // flush and snapshot, so that Kafka may call the directory clean
    // Renames the directory to "<name>.<unique_hex>-delete" and then removes it. The log takes no more calls.
    void remove(const std::string& unique_hex, Completion<Status> done);
    void expire_producers(std::int64_t now_ms);

    void check_invariants() const;

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace gregor::storage
