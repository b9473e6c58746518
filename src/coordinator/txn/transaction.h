// What is known of one transactional id, and the rules by which it changes. Pure.
//
//   Empty ──add──> Ongoing ──end──> PrepareCommit ──markers written──> CompleteCommit ──add──> Ongoing ...
//                     │ └───────end, fence, timeout──> PrepareAbort ──> CompleteAbort
//                     └ InitProducerId makes Empty of Complete*; version 2 may abort what never began
#pragma once

#include <cstdint>
#include <set>
#include <string_view>

#include "base/result.h"
#include "coordinator/txn/types.h"

namespace gregor::coordinator {

// The numbers are those of Kafka's records.
enum class TransactionState : std::int8_t {
    empty = 0,
    ongoing = 1,
    prepare_commit = 2,
    prepare_abort = 3,
    complete_commit = 4,
    complete_abort = 5,
};
std::string_view state_name(TransactionState state);

struct Transaction {
    ProducerIdentity producer;
    ProducerId previous_id = k_no_producer_id;  // of the transition before
    ProducerId next_id = k_no_producer_id;      // while it ends: whoever comes after an exhausted epoch
    std::int16_t last_epoch = -1;               // as its client knew it; in memory only, as with Kafka
    std::int32_t timeout_ms = 0;
    TransactionState state = TransactionState::empty;
    std::set<TxnPartition> partitions;
    std::int64_t start_ms = -1;
    std::int64_t last_update_ms = -1;
    TransactionVersion version = TransactionVersion::tv0;  // of the client that began or ended it

    // The decision is in the log, its markers are on their way. Nothing else is allowed meanwhile.
    bool is_ending() const {
        return state == TransactionState::prepare_commit || state == TransactionState::prepare_abort;
    }
    // The last epoch is kept for fencing: clients never get it.
    bool is_exhausted() const;
    bool has_timed_out(std::int64_t now_ms) const;
    bool is_expired(std::int64_t now_ms, std::int64_t expiration_ms) const;
};

// ---------------------------------------------------------------- may it?

// none: initialise. concurrent_transactions while it ends; producer_fenced for a producer of the past. An
// ongoing one is to be fenced first.
ErrorCode check_init(const Transaction& current, const InitProducerRequest& request);
ErrorCode check_add(const Transaction& current, const AddPartitionsRequest& request);
// Of verify-only questions: whether the producer is the current one; then each partition is looked up.
ErrorCode check_verify(const Transaction& current, const AddPartitionsRequest& request);

struct EndVerdict {
    ErrorCode error = ErrorCode::none;
    bool begins = false;  // otherwise it has ended already, or may not
};
EndVerdict check_end(const Transaction& current, const EndTransactionRequest& request);

// ---------------------------------------------------------------- what becomes of it

// InitProducerId on what neither runs nor ends. `fresh_id` is for an exhausted epoch. producer_fenced.
Result<Transaction> initialised(const Transaction& current, const InitProducerRequest& request,
                                ProducerId fresh_id, std::int64_t now_ms);
bool wants_fresh_id(const Transaction& current, const InitProducerRequest& request);

Transaction extended(const Transaction& current, const AddPartitionsRequest& request, std::int64_t now_ms);

struct Ending {
    bool commits = false;
    bool fences = false;  // the coordinator's own wish: another producer came, or time is up
    TransactionVersion version = TransactionVersion::tv0;
    ProducerId fresh_id = k_no_producer_id;  // for an exhausted epoch
};
Transaction prepared(const Transaction& current, const Ending& ending, std::int64_t now_ms);
Transaction completed(const Transaction& current, std::int64_t now_ms);

}  // namespace gregor::coordinator
