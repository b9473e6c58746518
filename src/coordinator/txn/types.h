// What travels between handlers and transaction coordinators: owned values, because a transactional id may
// live on another shard than the connection. Handlers turn them from and into messages.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error_code.h"
#include "base/ids.h"
#include "coordinator/transaction_types.h"

namespace gregor::coordinator {

// The settings of the transaction coordinator, with Kafka's names and defaults.
struct TxnConfig {
    std::int32_t timeout_ms_max = 900'000;            // transaction.max.timeout.ms
    std::int64_t id_expiration_ms = 604'800'000;      // transactional.id.expiration.ms
    std::int64_t abort_interval_ms = 10'000;          // transaction.abort.timed.out...cleanup.interval.ms
    std::int64_t expiration_interval_ms = 3'600'000;  // transaction.remove.expired...cleanup.interval.ms
};

// A producer id and which of its owners is meant.
struct ProducerIdentity {
    ProducerId id = k_no_producer_id;
    std::int16_t epoch = -1;
    friend bool operator==(const ProducerIdentity&, const ProducerIdentity&) = default;
};

// By name: a transaction outlives a topic's deletion, and Kafka's records hold names.
struct TxnPartition {
    std::string topic;
    std::int32_t partition = 0;
    friend auto operator<=>(const TxnPartition&, const TxnPartition&) = default;
};

struct InitProducerRequest {
    std::string transactional_id;
    std::int32_t timeout_ms = 0;
    std::optional<ProducerIdentity> expected;  // a producer that goes on after an error (KIP-360)
};

struct InitProducerResult {
    ErrorCode error = ErrorCode::none;
    ProducerIdentity producer = {};
};

struct AddPartitionsRequest {
    std::string transactional_id;
    ProducerIdentity producer;
    std::vector<TxnPartition> partitions;
    bool verify_only = false;  // KIP-890: only ask whether they are part of the transaction
    TransactionVersion version = TransactionVersion::tv0;
};

// In the order of the request's partitions.
struct AddPartitionsResult {
    std::vector<ErrorCode> errors;
};

struct EndTransactionRequest {
    std::string transactional_id;
    ProducerIdentity producer;
    bool commits = false;
    TransactionVersion version = TransactionVersion::tv0;
};

struct EndTransactionResult {
    ErrorCode error = ErrorCode::none;
    ProducerIdentity producer = {};  // for the next transaction; version 2 only
};

struct DescribeTransactionRequest {
    std::string transactional_id;
};

struct DescribedTransaction {
    ErrorCode error = ErrorCode::none;
    std::string_view state = {};  // a literal
    std::int32_t timeout_ms = 0;
    std::int64_t start_ms = 0;
    ProducerIdentity producer = {};
    std::vector<TxnPartition> partitions = {};  // sorted
};

struct ListedTransaction {
    std::string transactional_id;
    ProducerId producer_id;
    std::string_view state;  // a literal
    std::int64_t start_ms = -1;
};

}  // namespace gregor::coordinator
