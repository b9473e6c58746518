// The records of __transaction_state, in Kafka's schema. docs/formats/transaction-state.md shows the bytes.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "coordinator/state_machine.h"
#include "coordinator/txn/transaction.h"

namespace gregor::coordinator {

struct TransactionRecord {
    std::string transactional_id;
    std::optional<Transaction> value;  // nothing: a tombstone
};

// Nothing for keys of a type that is not known. A damaged record or an unknown value version is an error.
Result<std::optional<TransactionRecord>> parse_transaction(const RecordView& record);

// `finalised` is the cluster's transaction.version: from 1 on the record holds what version 2 needs.
CoordinatorRecord transaction_record(const std::string& transactional_id, const Transaction& transaction,
                                     TransactionVersion finalised);
CoordinatorRecord transaction_tombstone(const std::string& transactional_id);

}  // namespace gregor::coordinator
