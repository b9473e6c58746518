// Records of format v2, read in place from an uncompressed (or decompressed) records section.
//
//   record     = length:varint                ; bytes after this field
//                attributes:int8              ; unused, 0
//                timestamp_delta:varlong      ; from base_timestamp, may be negative
//                offset_delta:varint          ; from base_offset
//                key:nullable value:nullable
//                headers_count:varint header*
//   header     = key_length:varint key value:nullable       ; key UTF-8, never null
//   nullable   = length:varint bytes          ; -1 null; Kafka reads every negative length as null
//
// Varints are zig-zag, at most 5 bytes (varlong 10), not necessarily minimal.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "records/batch.h"

namespace gregor::records {

struct HeaderView {
    std::string_view key;  // not checked to be UTF-8
    std::optional<Bytes> value;
};

// The headers of one record, parsed when asked for. RecordCursor has checked their framing.
class HeaderCursor {
public:
    HeaderCursor() = default;
    HeaderCursor(Bytes bytes, std::int32_t count) : rest_(bytes), left_(count) {}
    std::int32_t left() const { return left_; }
    std::optional<HeaderView> next();

private:
    Bytes rest_;
    std::int32_t left_ = 0;
};

// One record: views into the records section.
struct RecordView {
    std::int64_t timestamp_delta = 0;
    std::int32_t offset_delta = 0;
    std::int8_t attributes = 0;
    std::optional<Bytes> key;
    std::optional<Bytes> value;
    Bytes header_bytes;
    std::int32_t headers_count = 0;
    std::size_t size = 0;  // with its length field

    HeaderCursor headers() const { return {header_bytes, headers_count}; }
    Offset offset(const BatchView& batch) const;
    std::int64_t timestamp(const BatchView& batch) const;  // the batch's when LogAppendTime
    std::int32_t sequence(const BatchView& batch) const;   // -1 without one
};

// What can be wrong with a records section; ok until something is.
enum class RecordFault : std::uint8_t {
    ok,
    negative_count,
    length_varint,   // longer than 5 bytes; Kafka answers it with an unexpected exception
    premature_end,   // fewer bytes than the records say
    bad_structure,   // a field inside a record that cannot be
    bytes_left_over  // behind the last record
};
Status to_status(RecordFault fault);

// Walks `count` records. Allocates nothing; the fault sticks.
class RecordCursor {
public:
    // `records` is batch.records() for an uncompressed batch, else what decompress() made of it.
    RecordCursor(Bytes records, std::int32_t count);
    explicit RecordCursor(const BatchView& uncompressed)
        : RecordCursor(uncompressed.records(), uncompressed.records_count()) {}

    bool next(RecordView& record);  // false at the end and on a fault
    RecordFault fault() const { return fault_; }
    Status status() const { return to_status(fault_); }

private:
    const std::byte* at_;
    const std::byte* end_;
    std::int32_t left_;
    RecordFault fault_ = RecordFault::ok;
};

}  // namespace gregor::records
