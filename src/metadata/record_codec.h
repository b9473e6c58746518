// A metadata record as the log holds it:
//
//   record = frame_version:uvarint(1) key:uvarint version:uvarint body
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/result.h"
#include "protocol/reader.h"
#include "protocol/writer.h"

namespace gregor::metadata {

struct RecordFrame {
    std::int16_t key = 0;
    std::int16_t version = 0;
    protocol::Reader body;
};
// The error says what is not understood: an old frame version, a truncated header.
Result<RecordFrame> open_record(Bytes record);

protocol::Writer begin_record(std::int16_t key, std::int16_t version);
// Everything written, in one piece. Asserts that the writer did not fail: what we write, we chose.
Slice take_record(protocol::Writer& writer);

template <class Record>
Slice encode_record(const Record& record, std::int16_t version) {
    auto writer = begin_record(Record::k_api_key, version);
    record.encode(writer, version);
    return take_record(writer);
}

// A whole body, for tests and for whoever knows what the record is.
template <class Record>
Result<Record> decode_record(Bytes bytes) {
    auto frame = TRY(open_record(bytes));
    if (frame.key != Record::k_api_key)
        return fail(ErrorCode::unknown_server_error, "a record of another type");
    Record record;
    record.decode(frame.body, frame.version);
    if (!frame.body.finished()) return fail(ErrorCode::unknown_server_error, frame.body.why());
    return record;
}

// Bytes of one piece; a copy only when there are several.
Slice to_slice(const BufferChain& chain);

}  // namespace gregor::metadata
