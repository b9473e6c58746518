// The rules that a produced record set must meet, in Kafka's order and with Kafka's error codes.
//
//   only_batch       the Produce request's: exactly one batch, magic 2              (ProduceRequest)
//   check_appendable the log's: base offset, size, checksum                         (UnifiedLog)
//   validate_batch   the leader's: header, records, timestamps, keys, codec         (LogValidator)
//   stamp_batch      or rewrite_batch: assign offsets in place, or build the batch anew
//
// An uncompressed batch costs one pass of CRC and one loop over its records' framing; nothing is allocated
// unless records are refused. A compressed one streams through a fixed window, whatever its inflated size.
#pragma once

#include <cstdint>
#include <expected>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "records/batch.h"
#include "records/compression.h"

namespace gregor::records {

enum class AppendOrigin : std::uint8_t { client, coordinator, replication, raft_leader };

// Of the topic, and of this moment.
struct ValidationRules {
    AppendOrigin origin = AppendOrigin::client;
    TimestampType timestamp_type = TimestampType::create_time;
    std::int64_t timestamp_before_max_ms = std::numeric_limits<std::int64_t>::max();
    std::int64_t timestamp_after_max_ms = 3'600'000;
    bool compacted = false;               // cleanup.policy contains compact: every record needs a key
    std::optional<Codec> target_codec{};  // compression.type; nullopt keeps the producer's
    std::optional<int> target_level{};    // compression.<codec>.level; nullopt is Kafka's default
    std::int64_t now_ms = 0;              // wall clock: the append time
    std::size_t inflated_bytes_max = std::size_t{1}
                                     << 30U;  // of a compressed batch; MESSAGE_TOO_LARGE beyond
};

// One refused record; `code` is INVALID_RECORD or INVALID_TIMESTAMP.
struct RecordError {
    std::int32_t batch_index = 0;
    ErrorCode code = ErrorCode::invalid_record;
    std::string message;
};
inline constexpr std::size_t k_record_errors_max = 1'000;  // further ones are counted only

// Why a batch was refused. `record_errors` is empty when the batch as a whole was.
struct ValidationError {
    Error error;
    std::vector<RecordError> record_errors;
};

struct ValidatedBatch {
    bool rewrite = false;            // offsets or codec need a new batch: rewrite_batch()
    std::int32_t records_count = 0;  // offsets it will take
    Codec codec = Codec::none;       // it will be stored with
    TimestampType timestamp_type = TimestampType::create_time;
    std::int64_t max_timestamp = k_no_timestamp;  // it will carry; the append time with LogAppendTime
};

// INVALID_RECORD for none, several, or another magic; CORRUPT_MESSAGE for broken framing.
Result<BatchView> only_batch(Bytes record_set);

// Base offset 0 from clients (INVALID_RECORD), at most `batch_bytes_max` (MESSAGE_TOO_LARGE), checksum
// (CORRUPT_MESSAGE), a known codec (UNKNOWN_SERVER_ERROR, as Kafka).
Status check_appendable(const BatchView& batch, AppendOrigin origin, std::size_t batch_bytes_max);

// For every origin but replication, whose batches are appended as they are. Reads, never writes.
std::expected<ValidatedBatch, ValidationError> validate_batch(const BatchView& batch,
                                                              const ValidationRules& rules,
                                                              Decompressor& decompressor);

// Patches a batch that needs no rewrite: its offsets end at `first_offset + records_count - 1`, its epoch,
// and the timestamp fields where they differ (only then the checksum is computed again).
void stamp_batch(MutableBatch batch, const ValidatedBatch& validated, Offset first_offset, LeaderEpoch epoch);

// Builds the batch anew with consecutive offsets, the target codec, and the producer fields it had. The
// caller checks the new size against max.message.bytes again.
Result<Slice> rewrite_batch(const BatchView& batch, const ValidatedBatch& validated,
                            const ValidationRules& rules, Offset first_offset, LeaderEpoch epoch,
                            Decompressor& decompressor);

}  // namespace gregor::records
