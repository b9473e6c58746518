#include "records/builder.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "records/varint.h"

namespace gregor::records {

// What the two kinds of records to append have in common: headers are either given or already encoded.
struct BatchBuilder::Entry {
    std::int64_t timestamp = k_no_timestamp;
    std::optional<Bytes> key;
    std::optional<Bytes> value;
    std::int32_t headers_count = 0;
    Bytes encoded_headers;
    std::span<const NewHeader> headers;
};

namespace {

void append_bytes(std::vector<std::byte>& out, Bytes bytes) {
    out.insert(out.end(), bytes.begin(), bytes.end());
}

std::int32_t length_of(const std::optional<Bytes>& field) {
    return field ? static_cast<std::int32_t>(field->size()) : -1;
}

std::size_t nullable_size(const std::optional<Bytes>& field) {
    return zigzag_size(length_of(field)) + (field ? field->size() : 0);
}

void append_nullable(std::vector<std::byte>& out, const std::optional<Bytes>& field) {
    append_varint(out, length_of(field));
    if (field) append_bytes(out, *field);
}

std::size_t headers_size(std::span<const NewHeader> headers) {
    std::size_t size = 0;
    for (const auto& header : headers)
        size += nullable_size(as_bytes(header.key)) + nullable_size(header.value);
    return size;
}

void append_headers(std::vector<std::byte>& out, std::span<const NewHeader> headers) {
    for (const auto& header : headers) {
        append_nullable(out, as_bytes(header.key));
        append_nullable(out, header.value);
    }
}

std::uint16_t attributes_of(const BatchOptions& options) {
    auto attributes = static_cast<unsigned>(options.compression.codec);
    if (options.timestamp_type == TimestampType::log_append_time) attributes |= 0x08U;
    if (options.transactional) attributes |= 0x10U;
    if (options.control) attributes |= 0x20U;
    if (options.delete_horizon_ms) attributes |= 0x40U;
    return static_cast<std::uint16_t>(attributes);
}

}  // namespace

void BatchBuilder::append(const NewRecord& record) { append_at(next_offset_, record); }

void BatchBuilder::append_at(Offset offset, const NewRecord& record) {
    append_entry(offset, {.timestamp = record.timestamp,
                          .key = record.key,
                          .value = record.value,
                          .headers_count = static_cast<std::int32_t>(record.headers.size()),
                          .encoded_headers = {},
                          .headers = record.headers});
}

void BatchBuilder::append_copy(const RecordView& record, std::int64_t timestamp) {
    append_copy_at(next_offset_, record, timestamp);
}

void BatchBuilder::append_copy_at(Offset offset, const RecordView& record, std::int64_t timestamp) {
    append_entry(offset, {.timestamp = timestamp,
                          .key = record.key,
                          .value = record.value,
                          .headers_count = record.headers_count,
                          .encoded_headers = record.header_bytes,
                          .headers = {}});
}

void BatchBuilder::append_control(ControlType type, std::int64_t timestamp, Bytes value) {
    ASSERT(options_.control);
    std::byte key[4] = {};
    store_be(key + 2, static_cast<std::int16_t>(type));
    append({.timestamp = timestamp, .key = Bytes(key), .value = value, .headers = {}});
}

void BatchBuilder::append_entry(Offset offset, const Entry& entry) {
    ASSERT(offset >= next_offset_);
    const auto offset_delta = offset - options_.base_offset;
    ASSERT(offset_delta <= std::numeric_limits<std::int32_t>::max());
    if (count_ == 0) base_timestamp_ = options_.delete_horizon_ms.value_or(entry.timestamp);
    const auto timestamp_delta = static_cast<std::int64_t>(static_cast<std::uint64_t>(entry.timestamp) -
                                                           static_cast<std::uint64_t>(base_timestamp_));
    const auto delta = static_cast<std::int32_t>(offset_delta);
    const auto body = 1 + zigzag_size(timestamp_delta) + zigzag_size(delta) + nullable_size(entry.key) +
                      nullable_size(entry.value) + zigzag_size(entry.headers_count) +
                      entry.encoded_headers.size() + headers_size(entry.headers);
    append_varint(records_, static_cast<std::int32_t>(body));
    const auto start = records_.size();
    records_.push_back(std::byte{0});
    append_varlong(records_, timestamp_delta);
    append_varint(records_, delta);
    append_nullable(records_, entry.key);
    append_nullable(records_, entry.value);
    append_varint(records_, entry.headers_count);
    append_bytes(records_, entry.encoded_headers);
    append_headers(records_, entry.headers);
    ASSERT(records_.size() - start == body);

    ++count_;
    max_timestamp_ = std::max(max_timestamp_, entry.timestamp);
    next_offset_ = offset + 1;
}

void BatchBuilder::override_last_offset(Offset offset) {
    ASSERT(offset + 1 >= next_offset_);
    last_offset_ = offset;
}

Slice BatchBuilder::build() {
    ASSERT(count_ > 0);
    const bool compressed = options_.compression.codec != Codec::none;
    const auto squeezed = compressed ? compress(records_, options_.compression) : Slice();
    const auto payload = compressed ? squeezed.bytes() : Bytes(records_);
    auto buffer = Buffer::allocate(k_batch_overhead + payload.size());
    const auto out = buffer->writable();
    auto* const at = out.data();
    const auto last_offset = last_offset_.value_or(next_offset_ - 1);
    const bool append_time = options_.timestamp_type == TimestampType::log_append_time;

    store_be(at + layout::k_base_offset, options_.base_offset.value());
    store_be(at + layout::k_batch_length, static_cast<std::int32_t>(out.size() - k_log_overhead));
    store_be(at + layout::k_partition_leader_epoch, options_.partition_leader_epoch.value());
    store_be(at + layout::k_magic, k_magic_v2);
    store_be(at + layout::k_attributes, attributes_of(options_));
    store_be(at + layout::k_last_offset_delta, static_cast<std::int32_t>(last_offset - options_.base_offset));
    store_be(at + layout::k_base_timestamp, base_timestamp_);
    store_be(at + layout::k_max_timestamp, append_time ? options_.log_append_time_ms : max_timestamp_);
    store_be(at + layout::k_producer_id, options_.producer_id.value());
    store_be(at + layout::k_producer_epoch, options_.producer_epoch);
    store_be(at + layout::k_base_sequence, options_.base_sequence);
    store_be(at + layout::k_records_count, count_);
    std::memcpy(at + layout::k_records, payload.data(), payload.size());
    MutableBatch(out).update_crc();
    return Slice(std::move(buffer));
}

Slice build_empty_batch(const BatchView& batch) {
    constexpr std::uint16_t k_kept_attributes = 0x38;  // timestamp type, transactional, control
    auto buffer = Buffer::allocate(k_batch_overhead);
    const auto out = buffer->writable();
    std::memcpy(out.data(), batch.bytes().data(), k_batch_overhead);
    store_be(out.data() + layout::k_batch_length,
             static_cast<std::int32_t>(k_batch_overhead - k_log_overhead));
    store_be(out.data() + layout::k_attributes,
             static_cast<std::uint16_t>(batch.attributes() & k_kept_attributes));
    store_be(out.data() + layout::k_base_timestamp, k_no_timestamp);
    store_be(out.data() + layout::k_records_count, std::int32_t{0});
    MutableBatch(out).update_crc();
    return Slice(std::move(buffer));
}

std::size_t record_size_max(const NewRecord& record) {
    constexpr std::size_t k_varint_max = 5;
    constexpr std::size_t k_varlong_max = 10;
    return k_varint_max + 1 + k_varlong_max + k_varint_max + nullable_size(record.key) +
           nullable_size(record.value) + k_varint_max + headers_size(record.headers);
}

Slice build_end_transaction_marker(const MarkerOptions& options, const EndTransactionMarker& marker) {
    ASSERT(marker.type == ControlType::abort || marker.type == ControlType::commit);
    std::byte value[6] = {};
    store_be(value + 2, marker.coordinator_epoch);
    BatchBuilder builder({.base_offset = options.base_offset,
                          .partition_leader_epoch = options.partition_leader_epoch,
                          .producer_id = options.producer_id,
                          .producer_epoch = options.producer_epoch,
                          .transactional = true,
                          .control = true});
    builder.append_control(marker.type, options.timestamp, value);
    return builder.build();
}

}  // namespace gregor::records
