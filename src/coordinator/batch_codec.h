// Between coordinator records and the record batches of the log.
#pragma once

#include <cstdint>
#include <span>

#include "base/bytes.h"
#include "base/result.h"
#include "coordinator/state_machine.h"
#include "coordinator/transaction_types.h"

namespace gregor::coordinator {

// What a batch adds to its records, and at most to each of them.
inline constexpr std::size_t k_batch_overhead = 61;
inline constexpr std::size_t k_record_overhead_max = 31;

std::size_t encoded_size_max(const CoordinatorRecord& record);

// One uncompressed v2 batch, CreateTime, all records with `timestamp_ms`.
Slice encode_batch(std::span<const CoordinatorRecord> records, std::int64_t timestamp_ms);

// The same of an open transaction.
Slice encode_transactional_batch(std::span<const CoordinatorRecord> records, const TransactionStamp& stamp,
                                 std::int64_t timestamp_ms);
Slice encode_marker(const TransactionEnd& end, std::int64_t timestamp_ms);

// Applies one batch of the log: its records in order, or its transaction marker. Other control batches say
// nothing to a coordinator. Fails on damaged bytes and when the machine refuses a record.
Status apply_batch(const Slice& batch, StateMachine& machine);

}  // namespace gregor::coordinator
