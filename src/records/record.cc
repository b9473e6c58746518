#include "records/record.h"

#include "records/varint.h"

namespace gregor::records {
namespace {

// A nullable field: every negative length is null, as Kafka reads it.
bool read_nullable(const std::byte*& at, const std::byte* end, std::optional<Bytes>& field) {
    std::int32_t length = 0;
    if (read_varint(at, end, length) != VarintResult::ok) return false;
    if (length < 0) {
        field.reset();
        return true;
    }
    if (end - at < length) return false;
    field.emplace(at, static_cast<std::size_t>(length));
    at += length;
    return true;
}

bool read_header(const std::byte*& at, const std::byte* end, HeaderView& header) {
    std::optional<Bytes> key;
    if (!read_nullable(at, end, key) || !key) return false;
    header.key = as_text(*key);
    return read_nullable(at, end, header.value);
}

// Everything behind the length field; `end` is where that says the record ends.
bool read_body(const std::byte* at, const std::byte* end, RecordView& record) {
    if (at == end) return false;
    record.attributes = static_cast<std::int8_t>(*at++);
    if (read_varlong(at, end, record.timestamp_delta) != VarintResult::ok) return false;
    if (read_varint(at, end, record.offset_delta) != VarintResult::ok) return false;
    if (!read_nullable(at, end, record.key) || !read_nullable(at, end, record.value)) return false;
    if (read_varint(at, end, record.headers_count) != VarintResult::ok) return false;
    if (record.headers_count < 0 || record.headers_count > end - at) return false;
    record.header_bytes = Bytes(at, end);
    HeaderView header;
    for (std::int32_t i = 0; i < record.headers_count; ++i)
        if (!read_header(at, end, header)) return false;
    return at == end;
}

}  // namespace

std::optional<HeaderView> HeaderCursor::next() {
    if (left_ <= 0) return std::nullopt;
    --left_;
    HeaderView header;
    const auto* at = rest_.data();
    const bool sound = read_header(at, rest_.data() + rest_.size(), header);
    ASSERT(sound);  // RecordCursor walked them before it handed the record out
    rest_ = rest_.subspan(static_cast<std::size_t>(at - rest_.data()));
    return header;
}

Offset RecordView::offset(const BatchView& batch) const {
    return Offset{static_cast<std::int64_t>(static_cast<std::uint64_t>(batch.base_offset().value()) +
                                            static_cast<std::uint64_t>(std::int64_t{offset_delta}))};
}

std::int64_t RecordView::timestamp(const BatchView& batch) const {
    if (batch.timestamp_type() == TimestampType::log_append_time) return batch.max_timestamp();
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(batch.base_timestamp()) +
                                     static_cast<std::uint64_t>(timestamp_delta));
}

std::int32_t RecordView::sequence(const BatchView& batch) const {
    return batch.base_sequence() < 0 ? k_no_sequence : sequence_after(batch.base_sequence(), offset_delta);
}

Status to_status(RecordFault fault) {
    switch (fault) {
        case RecordFault::ok: return {};
        case RecordFault::negative_count:
            return fail(ErrorCode::invalid_record, "record batch with a negative record count");
        case RecordFault::length_varint:
            return fail(ErrorCode::unknown_server_error, "length of a record is longer than 5 bytes");
        case RecordFault::premature_end:
            return fail(ErrorCode::invalid_record, "record batch ends before its last record");
        case RecordFault::bad_structure:
            return fail(ErrorCode::invalid_record, "fields of a record do not fit its length");
        case RecordFault::bytes_left_over:
            return fail(ErrorCode::invalid_record, "record batch goes on behind its last record");
    }
    UNREACHABLE();
}

RecordCursor::RecordCursor(Bytes records, std::int32_t count)
    : at_(records.data()), end_(records.data() + records.size()), left_(count) {
    if (count < 0) fault_ = RecordFault::negative_count;
}

bool RecordCursor::next(RecordView& record) {
    if (left_ <= 0 || fault_ != RecordFault::ok) return false;
    const auto* const start = at_;
    std::int32_t length = 0;
    if (const auto read = read_varint(at_, end_, length); read != VarintResult::ok) {
        fault_ = read == VarintResult::too_long ? RecordFault::length_varint : RecordFault::premature_end;
        return false;
    }
    if (length > end_ - at_) {
        fault_ = RecordFault::premature_end;
        return false;
    }
    if (length < 0 || !read_body(at_, at_ + length, record)) {
        fault_ = RecordFault::bad_structure;
        return false;
    }
    at_ += length;
    record.size = static_cast<std::size_t>(at_ - start);
    // A section that goes on behind its last record is refused together with that record, as Kafka does.
    if (--left_ == 0 && at_ != end_) fault_ = RecordFault::bytes_left_over;
    return fault_ == RecordFault::ok;
}

}  // namespace gregor::records
