#include "coordinator/batch_codec.h"

#include <utility>

#include "base/assert.h"
#include "records/builder.h"
#include "records/compression.h"
#include "records/control.h"
#include "records/record.h"

namespace gregor::coordinator {
namespace {

// What a batch of the log may grow to when decompressed; a coordinator never wrote more than one topic's
// max.message.bytes of it.
constexpr records::DecompressionLimits k_limits{.bytes_max = std::size_t{128} << 20U, .ratio_max = 0};

std::optional<Bytes> value_of(const CoordinatorRecord& record) {
    return record.value ? std::optional<Bytes>(Bytes(*record.value)) : std::nullopt;
}

Status apply_control(const records::BatchView& batch, records::RecordCursor cursor, StateMachine& machine) {
    records::RecordView record;
    if (!cursor.next(record)) return cursor.status();
    const auto type = TRY(records::parse_control_key(record.key));
    if (type == records::ControlType::commit || type == records::ControlType::abort)
        machine.apply_marker(batch.producer_id(), type == records::ControlType::commit);
    return {};
}

Status apply_records(const records::BatchView& batch, records::RecordCursor cursor, StateMachine& machine) {
    const auto producer_id = batch.is_transactional() ? batch.producer_id() : k_no_producer_id;
    records::RecordView record;
    while (cursor.next(record)) {
        if (!record.key) continue;  // not a coordinator's
        TRY_STATUS(machine.apply({.key = *record.key, .value = record.value, .producer_id = producer_id}));
    }
    return cursor.status();
}

Status apply_v2(const records::BatchView& batch, StateMachine& machine) {
    Slice decompressed;
    auto section = batch.records();
    if (batch.is_compressed()) {
        const auto codec = batch.codec();
        if (!codec) return fail(ErrorCode::corrupt_message, "unknown compression");
        records::Decompressor decompressor;
        decompressed = TRY(decompressor.decompress(*codec, section, k_limits));
        section = decompressed.bytes();
    }
    const records::RecordCursor cursor(section, batch.records_count());
    return batch.is_control() ? apply_control(batch, cursor, machine) : apply_records(batch, cursor, machine);
}

Slice build(std::span<const CoordinatorRecord> records, const records::BatchOptions& options,
            std::int64_t timestamp_ms) {
    ASSERT(!records.empty());
    records::BatchBuilder builder(options);
    for (const auto& record : records)
        builder.append(
            {.timestamp = timestamp_ms, .key = Bytes(record.key), .value = value_of(record), .headers = {}});
    return builder.build();
}

}  // namespace

std::size_t encoded_size_max(const CoordinatorRecord& record) {
    return k_record_overhead_max + record.key.size() + (record.value ? record.value->size() : 0);
}

// Sequences mean nothing here: every batch begins at 0, as Kafka's do, also those of no producer.
Slice encode_batch(std::span<const CoordinatorRecord> records, std::int64_t timestamp_ms) {
    records::BatchOptions options;
    options.base_sequence = 0;
    return build(records, options, timestamp_ms);
}

Slice encode_transactional_batch(std::span<const CoordinatorRecord> records, const TransactionStamp& stamp,
                                 std::int64_t timestamp_ms) {
    records::BatchOptions options;
    options.producer_id = stamp.producer_id;
    options.producer_epoch = stamp.epoch;
    options.base_sequence = 0;
    options.transactional = true;
    return build(records, options, timestamp_ms);
}

Slice encode_marker(const TransactionEnd& end, std::int64_t timestamp_ms) {
    const auto type = end.commits ? records::ControlType::commit : records::ControlType::abort;
    return records::build_end_transaction_marker(
        {.timestamp = timestamp_ms, .producer_id = end.producer_id, .producer_epoch = end.epoch},
        {.type = type, .coordinator_epoch = end.coordinator_epoch});
}

Status apply_batch(const Slice& batch, StateMachine& machine) {
    records::BatchCursor cursor(batch.bytes());
    for (;;) {
        const auto next = TRY(cursor.next_v2());
        if (!next) return {};
        TRY_STATUS(apply_v2(*next, machine));
    }
}

}  // namespace gregor::coordinator
