// Record batches, format v2: framing, header fields in place, and what may be patched.
//
//   record_set = batch* [partial]             ; a partial batch at the end is no error: readers stop before
//   it batch      = base_offset:int64            ; 0    producers send 0, the leader assigns
//                batch_length:int32           ; 8    bytes after this field
//                partition_leader_epoch:int32 ; 12   -1 from producers, stamped by the leader
//                magic:int8                   ; 16   2 (0 and 1 have another layout behind this point)
//                crc:uint32                   ; 17   CRC-32C over everything behind this field
//                attributes:int16             ; 21   0-2 codec, 3 LogAppendTime, 4 transactional, 5 control,
//                                             ;      6 delete horizon; the rest is zero and ignored
//                last_offset_delta:int32      ; 23   kept by compaction
//                base_timestamp:int64         ; 27   of the first record, or the delete horizon (bit 6)
//                max_timestamp:int64          ; 35   of all records, or the append time (bit 3)
//                producer_id:int64            ; 43   -1 none
//                producer_epoch:int16         ; 51   -1 none
//                base_sequence:int32          ; 53   -1 none
//                records_count:int32          ; 57   0 only after compaction
//                records                      ; 61   record* (record.h), one compressed stream with a codec
//
// base_offset and partition_leader_epoch lie before the checksummed region, so a leader patches them without
// touching the checksum.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "records/big_endian.h"
#include "records/codec.h"

namespace gregor::records {

namespace layout {
inline constexpr std::size_t k_base_offset = 0;
inline constexpr std::size_t k_batch_length = k_base_offset + 8;
inline constexpr std::size_t k_partition_leader_epoch = k_batch_length + 4;
inline constexpr std::size_t k_magic = k_partition_leader_epoch + 4;
inline constexpr std::size_t k_crc = k_magic + 1;
inline constexpr std::size_t k_attributes = k_crc + 4;
inline constexpr std::size_t k_last_offset_delta = k_attributes + 2;
inline constexpr std::size_t k_base_timestamp = k_last_offset_delta + 4;
inline constexpr std::size_t k_max_timestamp = k_base_timestamp + 8;
inline constexpr std::size_t k_producer_id = k_max_timestamp + 8;
inline constexpr std::size_t k_producer_epoch = k_producer_id + 8;
inline constexpr std::size_t k_base_sequence = k_producer_epoch + 2;
inline constexpr std::size_t k_records_count = k_base_sequence + 4;
inline constexpr std::size_t k_records = k_records_count + 4;
static_assert(k_crc == 17 && k_attributes == 21 && k_records == 61);
}  // namespace layout

inline constexpr std::size_t k_log_overhead =
    layout::k_partition_leader_epoch;                               // what batch_length leaves out
inline constexpr std::size_t k_frame_header_bytes = layout::k_crc;  // enough to see size and magic
inline constexpr std::size_t k_batch_overhead = layout::k_records;
inline constexpr std::int32_t k_batch_length_min = 14;  // the overhead of magic 0; stricter checks come later
inline constexpr std::int8_t k_magic_v2 = 2;
inline constexpr std::int64_t k_no_timestamp = -1;
inline constexpr std::int16_t k_no_producer_epoch = -1;
inline constexpr std::int32_t k_no_sequence = -1;

// Sequences live in 0 .. 2^31-1 and wrap to 0.
constexpr std::int32_t sequence_after(std::int32_t sequence, std::int32_t steps) {
    const std::uint32_t sum = static_cast<std::uint32_t>(sequence) + static_cast<std::uint32_t>(steps);
    return static_cast<std::int32_t>(sum & 0x7fffffffU);
}

// The fields of one whole v2 batch, read in place. A view: whoever made it keeps the bytes alive. Nothing but
// the size is checked on construction; verify() checks the checksum.
class BatchView {
public:
    // `bytes` is at least the header; use as_v2() or a BatchCursor for bytes from outside.
    explicit BatchView(Bytes bytes) : begin_(bytes.data()), size_(bytes.size()) {
        ASSERT(size_ >= k_batch_overhead);
    }

    Offset base_offset() const { return Offset{load<std::int64_t>(layout::k_base_offset)}; }
    std::int32_t batch_length() const { return load<std::int32_t>(layout::k_batch_length); }
    LeaderEpoch partition_leader_epoch() const {
        return LeaderEpoch{load<std::int32_t>(layout::k_partition_leader_epoch)};
    }
    std::int8_t magic() const { return load<std::int8_t>(layout::k_magic); }
    std::uint32_t crc() const { return load<std::uint32_t>(layout::k_crc); }
    std::uint16_t attributes() const { return load<std::uint16_t>(layout::k_attributes); }
    std::int32_t last_offset_delta() const { return load<std::int32_t>(layout::k_last_offset_delta); }
    std::int64_t base_timestamp() const { return load<std::int64_t>(layout::k_base_timestamp); }
    std::int64_t max_timestamp() const { return load<std::int64_t>(layout::k_max_timestamp); }
    ProducerId producer_id() const { return ProducerId{load<std::int64_t>(layout::k_producer_id)}; }
    std::int16_t producer_epoch() const { return load<std::int16_t>(layout::k_producer_epoch); }
    std::int32_t base_sequence() const { return load<std::int32_t>(layout::k_base_sequence); }
    std::int32_t records_count() const { return load<std::int32_t>(layout::k_records_count); }

    std::uint8_t codec_bits() const { return attributes() & 0x07U; }
    std::optional<Codec> codec() const;  // nullopt for the codes 5 to 7, which nobody has defined
    bool is_compressed() const { return codec_bits() != 0; }
    TimestampType timestamp_type() const {
        return (attributes() & 0x08U) != 0 ? TimestampType::log_append_time : TimestampType::create_time;
    }
    bool is_transactional() const { return (attributes() & 0x10U) != 0; }
    bool is_control() const { return (attributes() & 0x20U) != 0; }
    std::optional<std::int64_t> delete_horizon_ms() const;  // KIP-534

    bool has_producer_id() const { return producer_id().value() > k_no_producer_id.value(); }
    // Wraps like Java's addition: the fields are a peer's.
    Offset last_offset() const;
    Offset next_offset() const;
    std::int32_t last_sequence() const;  // -1 without a base sequence

    std::size_t size() const { return size_; }
    Bytes bytes() const { return {begin_, size_}; }
    Bytes records() const { return bytes().subspan(layout::k_records); }  // compressed with a codec
    std::uint32_t computed_crc() const;
    Status verify() const;  // CORRUPT_MESSAGE unless the checksum is right

private:
    template <class T>
    T load(std::size_t at) const {
        return load_be<T>(begin_ + at);
    }
    const std::byte* begin_;
    std::size_t size_;
};

// A batch whose header its owner may still change: the leader before it publishes, the builder, compaction.
class MutableBatch {
public:
    explicit MutableBatch(MutableBytes bytes) : bytes_(bytes) { ASSERT(bytes_.size() >= k_batch_overhead); }

    BatchView view() const { return BatchView(bytes_); }

    // Outside the checksum.
    void set_base_offset(Offset offset);
    void set_partition_leader_epoch(LeaderEpoch epoch);
    // Inside it. Returns whether anything changed; only then the checksum was computed again.
    bool set_max_timestamp(TimestampType type, std::int64_t max_timestamp);
    void set_producer(ProducerId id, std::int16_t epoch, std::int32_t base_sequence, bool transactional);
    void update_crc();

private:
    MutableBytes bytes_;
};

// One framed batch of any magic; `bytes` is the whole of it.
struct BatchFrame {
    Bytes bytes;
    std::int8_t magic = 0;
};

// The framing of what begins at `bytes`: the size of the whole batch, which may reach beyond `bytes`; nullopt
// when fewer than 17 bytes are there to tell. CORRUPT_MESSAGE for an impossible size or an unknown magic.
Result<std::optional<std::size_t>> frame_size(Bytes bytes);

// Checks that a frame is a v2 batch with a whole header. CORRUPT_MESSAGE when it is too small,
// UNSUPPORTED_FOR_MESSAGE_FORMAT for magic 0 and 1.
Result<BatchView> as_v2(const BatchFrame& frame);

// Walks the batches of a record set. Never reads beyond it; a partial batch at the end is the end.
class BatchCursor {
public:
    explicit BatchCursor(Bytes record_set) : rest_(record_set) {}

    Result<std::optional<BatchFrame>> next();       // any magic
    Result<std::optional<BatchView>> next_v2();     // next() and as_v2()
    std::size_t position() const { return read_; }  // bytes in whole batches so far

private:
    Bytes rest_;
    std::size_t read_ = 0;
};

}  // namespace gregor::records
