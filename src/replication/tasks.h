// What can be asked of partitions, as plain values that may cross shards: requests in, outcomes out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/error_code.h"
#include "base/ids.h"
#include "base/time.h"
#include "storage/log.h"

namespace gregor::replication {

// Where the leader is, for the answers that tell clients (Produce v10+, Fetch v16+: KIP-951).
struct LeaderHint {
    BrokerId leader = k_no_broker;
    LeaderEpoch leader_epoch = k_no_leader_epoch;
};

// ---------------------------------------------------------------- append

enum class Acks : std::int8_t { all = -1, none = 0, leader = 1 };

struct PartitionAppend {
    TopicPartitionId partition;
    Slice records;                              // one record set, offsets not assigned yet; patched in place
    storage::VerificationGuard verification{};  // of a transactional batch, from start_verification
};

struct AppendOptions {
    Acks acks = Acks::all;
    Instant deadline = Instant::never();  // for acks=all: REQUEST_TIMED_OUT when the high watermark is late
    records::AppendOrigin origin = records::AppendOrigin::client;
    LeaderEpoch required_epoch =
        k_no_leader_epoch;  // -1: any; otherwise the append is refused under another one
    storage::TransactionVersion transaction_version = storage::TransactionVersion::tv0;  // of markers
};

// The end of a transaction in one partition, as its coordinator writes it: an append of origin coordinator.
struct TransactionMarker {
    TopicPartitionId partition;
    ProducerId producer_id;
    std::int16_t producer_epoch = 0;
    std::int32_t coordinator_epoch = 0;
    bool commits = false;
};
PartitionAppend marker_append(const TransactionMarker& marker, std::int64_t now_ms);

// A transactional batch that is about to be verified.
struct VerificationStart {
    TopicPartitionId partition;
    ProducerId producer_id;
    std::int16_t producer_epoch = 0;
    std::int32_t first_sequence = 0;
    bool supports_epoch_bump = false;  // the client speaks transaction version 2
};

struct VerificationOutcome {
    ErrorCode error = ErrorCode::none;
    storage::VerificationGuard guard{};  // 0: no need to ask, the transaction is open here
};

struct AppendOutcome {
    ErrorCode error = ErrorCode::none;
    std::string message;  // for a human; empty when there is none
    Offset base_offset = k_no_offset;
    Offset last_offset = k_no_offset;
    std::int64_t log_append_time_ms = -1;
    Offset log_start_offset = k_no_offset;
    std::vector<records::RecordError> record_errors;
    LeaderHint leader;
};

// ---------------------------------------------------------------- fetch

enum class Isolation : std::uint8_t {
    read_uncommitted,
    read_committed,
    log_end
};  // log_end: followers and debug

struct PartitionFetch {
    TopicPartitionId partition;
    Offset fetch_offset;
    std::int32_t max_bytes = 0;
    LeaderEpoch current_leader_epoch = k_no_leader_epoch;  // -1: not checked
    LeaderEpoch last_fetched_epoch = k_no_leader_epoch;    // -1: divergence not checked (KIP-595)
};

struct FetchOptions {
    Isolation isolation = Isolation::read_uncommitted;
    std::int32_t max_bytes =
        0;  // over all partitions; the first batch of the first one with data always comes whole
    std::int32_t min_bytes = 0;
    Instant deadline;  // wait until then for min_bytes; a deadline in the past answers at once
    std::size_t file_range_bytes_min = SIZE_MAX;  // see storage::ReadRequest
};

struct FetchOutcome {
    ErrorCode error = ErrorCode::none;
    BufferChain records;
    Offset high_watermark = k_no_offset;
    Offset last_stable_offset = k_no_offset;
    Offset log_start_offset = k_no_offset;
    std::optional<storage::EpochEnd> diverging_epoch;
    std::vector<storage::AbortedTxn> aborted_transactions;  // read_committed only
    LeaderHint leader;
    Offset read_limit = k_no_offset;  // the end that this reader saw: what a waiting fetch must get beyond
};

// ---------------------------------------------------------------- directories

// Into another log directory of this node; an index in LogDirs.
struct ReplicaMove {
    TopicPartitionId partition;
    std::size_t directory = 0;
};

// Where a partition lives, by the directory's id, as the controller is told.
struct DirectoryAssignment {
    TopicPartitionId partition;
    Uuid directory;
};

// ---------------------------------------------------------------- look-ups

struct OffsetLookup {
    TopicPartitionId partition;
    LeaderEpoch current_leader_epoch = k_no_leader_epoch;
    std::int64_t timestamp = 0;  // milliseconds, or one of the special values of ListOffsets, already checked
    Isolation isolation = Isolation::read_uncommitted;
};

struct OffsetLookupOutcome {
    ErrorCode error = ErrorCode::none;
    std::int64_t timestamp = -1;
    Offset offset = k_no_offset;
    LeaderEpoch leader_epoch = k_no_leader_epoch;
    LeaderHint leader;
};

struct RecordDeletion {
    TopicPartitionId partition;
    Offset before;  // -1: everything that is committed
};

struct RecordDeletionOutcome {
    ErrorCode error = ErrorCode::none;
    Offset low_watermark = k_no_offset;  // smallest log start offset of the live replicas
};

struct EpochLookup {
    TopicPartitionId partition;
    LeaderEpoch current_leader_epoch = k_no_leader_epoch;
    LeaderEpoch leader_epoch;
};

struct EpochLookupOutcome {
    ErrorCode error = ErrorCode::none;
    storage::EpochEnd end;
};

struct ProducersLookup {
    TopicPartitionId partition;
};

struct ProducersOutcome {
    ErrorCode error = ErrorCode::none;
    std::vector<storage::ActiveProducer> producers;
};

}  // namespace gregor::replication
