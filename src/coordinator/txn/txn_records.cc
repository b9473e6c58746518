#include "coordinator/txn/txn_records.h"

#include <fmt/format.h>

#include <utility>

#include "base/assert.h"
#include "gen/txn/transaction_log.h"
#include "protocol/reader.h"
#include "protocol/writer.h"

namespace gregor::coordinator {
namespace {

using protocol::Reader;
using protocol::Writer;

template <class Message>
OwnedBytes encode(std::int16_t prefix, const Message& message, std::int16_t version) {
    Writer writer;
    writer.i16(prefix);
    message.encode(writer, version);
    ASSERT_MSG(!writer.failed(), writer.why());
    return writer.take().flatten();
}

OwnedBytes encode_key(const std::string& transactional_id) {
    msg::TransactionLogKey key;
    key.transactional_id = transactional_id;
    return encode(msg::TransactionLogKey::k_api_key, key, 0);
}

void put_partitions(const Transaction& transaction, msg::TransactionLogValue& value) {
    if (transaction.state == TransactionState::empty) {
        value.transaction_partitions = std::nullopt;
        return;
    }
    value.transaction_partitions = decltype(value.transaction_partitions)::value_type{};
    auto& topics = *value.transaction_partitions;
    for (const auto& [topic, partition] : transaction.partitions) {
        if (topics.empty() || topics.back().topic != topic) topics.emplace_back().topic = topic;
        topics.back().partition_ids.push_back(partition);
    }
}

std::optional<TransactionState> state_of(std::int8_t number) {
    if (number < static_cast<std::int8_t>(TransactionState::empty) ||
        number > static_cast<std::int8_t>(TransactionState::complete_abort))
        return std::nullopt;
    return static_cast<TransactionState>(number);
}

TransactionVersion version_of(std::int16_t number) {
    if (number >= 2) return TransactionVersion::tv2;
    return number == 1 ? TransactionVersion::tv1 : TransactionVersion::tv0;
}

Result<Transaction> parse_value(Bytes bytes) {
    Reader reader(bytes);
    const auto version = reader.i16();
    if (version < msg::TransactionLogValue::k_min_version ||
        version > msg::TransactionLogValue::k_max_version)
        return fail(ErrorCode::unsupported_version,
                    fmt::format("TransactionLogValue: value version {} is unknown; it was written by a newer "
                                "broker",
                                version));
    msg::TransactionLogValue value;
    value.decode(reader, version);
    if (reader.failed())
        return fail(ErrorCode::corrupt_message, fmt::format("TransactionLogValue: {}", reader.why()));
    const auto state = state_of(value.transaction_status);
    if (!state)
        return fail(
            ErrorCode::corrupt_message,
            fmt::format("TransactionLogValue: {} is no state of a transaction", value.transaction_status));
    Transaction transaction;
    transaction.producer = {.id = ProducerId{value.producer_id}, .epoch = value.producer_epoch};
    transaction.previous_id = ProducerId{value.previous_producer_id};
    transaction.next_id = ProducerId{value.next_producer_id};
    transaction.timeout_ms = value.transaction_timeout_ms;
    transaction.state = *state;
    transaction.start_ms = value.transaction_start_timestamp_ms;
    transaction.last_update_ms = value.transaction_last_update_timestamp_ms;
    transaction.version = version_of(value.client_transaction_version);
    if (!value.transaction_partitions) return transaction;
    for (const auto& topic : *value.transaction_partitions)
        for (const auto partition : topic.partition_ids)
            transaction.partitions.insert({.topic = std::string(topic.topic), .partition = partition});
    return transaction;
}

}  // namespace

Result<std::optional<TransactionRecord>> parse_transaction(const RecordView& record) {
    Reader reader(record.key);
    const auto type = reader.i16();
    if (reader.failed()) return fail(ErrorCode::corrupt_message, "a key without a type");
    if (type != msg::TransactionLogKey::k_api_key) return std::nullopt;
    msg::TransactionLogKey key;
    key.decode(reader, 0);
    if (reader.failed())
        return fail(ErrorCode::corrupt_message, fmt::format("TransactionLogKey: {}", reader.why()));
    TransactionRecord parsed{.transactional_id = std::string(key.transactional_id), .value = {}};
    if (record.value) parsed.value = TRY(parse_value(*record.value));
    return parsed;
}

CoordinatorRecord transaction_record(const std::string& transactional_id, const Transaction& transaction,
                                     TransactionVersion finalised) {
    const std::int16_t version = finalised == TransactionVersion::tv0 ? 0 : 1;
    msg::TransactionLogValue value;
    value.producer_id = transaction.producer.id.value();
    value.producer_epoch = transaction.producer.epoch;
    value.transaction_timeout_ms = transaction.timeout_ms;
    value.transaction_status = static_cast<std::int8_t>(transaction.state);
    value.transaction_last_update_timestamp_ms = transaction.last_update_ms;
    value.transaction_start_timestamp_ms = transaction.start_ms;
    put_partitions(transaction, value);
    if (version > 0) {
        value.previous_producer_id = transaction.previous_id.value();
        value.next_producer_id = transaction.next_id.value();
        value.client_transaction_version = static_cast<std::int16_t>(transaction.version);
    }
    return {.key = encode_key(transactional_id), .value = encode(version, value, version)};
}

CoordinatorRecord transaction_tombstone(const std::string& transactional_id) {
    return {.key = encode_key(transactional_id), .value = {}};
}

}  // namespace gregor::coordinator
