#include "records/skipping_cursor.h"

#include <algorithm>

#include "records/varint.h"

namespace gregor::records {

bool SkippingCursor::refuse(const char* detail) {
    if (!error_) error_ = Error{ErrorCode::invalid_record, detail};
    return false;
}

bool SkippingCursor::refill() {
    if (error_) return false;
    auto read = decompressor_.read(window_);
    if (!read) {
        error_ = std::move(read).error();
        return false;
    }
    if (*read > bytes_left_) {
        error_ = Error{ErrorCode::message_too_large, "inflated records are over the limit"};
        return false;
    }
    bytes_left_ -= *read;
    begin_ = 0;
    end_ = *read;
    return end_ > 0;
}

// -1 at the end: a varint then never ends, as in Kafka's reader.
std::int8_t SkippingCursor::read_byte() {
    return at_end() ? std::int8_t{-1} : static_cast<std::int8_t>(window_[begin_++]);
}

template <class Signed, class Raw>
bool SkippingCursor::read_zigzag(Signed& value) {
    Raw raw = 0;
    for (unsigned shift = 0; shift < sizeof(Raw) * 8; shift += 7) {
        const auto byte = static_cast<std::uint8_t>(read_byte());
        raw |= static_cast<Raw>(Raw{byte & 0x7fU} << shift);
        if ((byte & 0x80U) == 0) {
            value = unzigzag(raw);
            return true;
        }
    }
    return refuse("varint of a record never ends");
}

bool SkippingCursor::skip(std::int32_t size) {
    for (auto left = static_cast<std::size_t>(std::max(size, 0)); left > 0;) {
        if (at_end()) return refuse("records end inside a field");
        const auto step = std::min(left, end_ - begin_);
        begin_ += step;
        left -= step;
    }
    return true;
}

bool SkippingCursor::skip_headers() {
    std::int32_t count = 0;
    if (!read_zigzag<std::int32_t, std::uint32_t>(count)) return false;
    if (count < 0) return refuse("record with a negative number of headers");
    for (; count > 0; --count) {
        std::int32_t size = 0;
        if (!read_zigzag<std::int32_t, std::uint32_t>(size)) return false;
        if (size < 0) return refuse("record header without a key");
        if (!skip(size)) return false;
        if (!read_zigzag<std::int32_t, std::uint32_t>(size) || !skip(size)) return false;
    }
    return true;
}

bool SkippingCursor::read_record(SkippedRecord& record) {
    std::int32_t size = 0;
    if (!read_zigzag<std::int32_t, std::uint32_t>(size)) return false;  // of the record; see above
    read_byte();                                                        // attributes
    if (!read_zigzag<std::int64_t, std::uint64_t>(record.timestamp_delta)) return false;
    if (!read_zigzag<std::int32_t, std::uint32_t>(record.offset_delta)) return false;
    if (!read_zigzag<std::int32_t, std::uint32_t>(size) || !skip(size)) return false;
    record.has_key = size >= 0;
    if (!read_zigzag<std::int32_t, std::uint32_t>(size) || !skip(size)) return false;
    return skip_headers() && !error_;
}

bool SkippingCursor::next(SkippedRecord& record) {
    if (left_ <= 0 || error_ || !read_record(record)) return false;
    if (--left_ == 0 && !at_end()) return refuse("records go on behind the last one");
    return !error_;
}

}  // namespace gregor::records
