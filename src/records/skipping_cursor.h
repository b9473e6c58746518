// Walks the records of a compressed batch through a fixed window, skipping keys, values and headers.
// Private to validation: Kafka's leader reads a batch that it will not rewrite in this way, and its laxity is
// kept, because producers depend on the answers: a record's own length is not compared with its fields.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "base/result.h"
#include "records/compression.h"

namespace gregor::records {

struct SkippedRecord {
    std::int64_t timestamp_delta = 0;
    std::int32_t offset_delta = 0;
    bool has_key = false;
};

class SkippingCursor {
public:
    // The decompressor has been started on the records section.
    SkippingCursor(Decompressor& decompressor, std::int32_t count, std::size_t inflated_bytes_max)
        : decompressor_(decompressor), bytes_left_(inflated_bytes_max), left_(count) {}

    bool next(SkippedRecord& record);  // false at the end and on an error
    const std::optional<Error>& error() const { return error_; }

private:
    bool refill();
    bool at_end() { return begin_ == end_ && !refill(); }
    std::int8_t read_byte();
    template <class Signed, class Raw>
    bool read_zigzag(Signed& value);
    bool skip(std::int32_t size);
    bool skip_headers();
    bool read_record(SkippedRecord& record);
    bool refuse(const char* detail);

    Decompressor& decompressor_;
    std::size_t bytes_left_;
    std::int32_t left_;
    std::optional<Error> error_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    std::array<std::byte, std::size_t{16} << 10U> window_;
};

}  // namespace gregor::records
