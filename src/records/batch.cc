#include "records/batch.h"

#include <limits>

#include <fmt/format.h>

#include "records/crc32c.h"

namespace gregor::records {
namespace {

constexpr std::uint16_t k_codec_mask = 0x07;
constexpr std::uint16_t k_defined_attributes = 0x7f;  // Kafka drops the others whenever it writes the field
constexpr std::uint16_t k_log_append_time_bit = 0x08;
constexpr std::uint16_t k_transactional_bit = 0x10;
constexpr std::uint16_t k_delete_horizon_bit = 0x40;
constexpr std::int8_t k_magic_max = k_magic_v2;

// As Java adds: a peer's extreme values wrap, they don't trap.
std::int64_t wrapping_sum(std::int64_t a, std::int64_t b) {
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}

}  // namespace

std::optional<Codec> BatchView::codec() const {
    const auto code = attributes() & k_codec_mask;
    if (code > static_cast<int>(Codec::zstd)) return std::nullopt;
    return static_cast<Codec>(code);
}

std::optional<std::int64_t> BatchView::delete_horizon_ms() const {
    if ((attributes() & k_delete_horizon_bit) == 0) return std::nullopt;
    return base_timestamp();
}

Offset BatchView::last_offset() const {
    return Offset{wrapping_sum(base_offset().value(), last_offset_delta())};
}

Offset BatchView::next_offset() const { return Offset{wrapping_sum(last_offset().value(), 1)}; }

std::int32_t BatchView::last_sequence() const {
    const auto first = base_sequence();
    return first == k_no_sequence ? k_no_sequence : sequence_after(first, last_offset_delta());
}

std::uint32_t BatchView::computed_crc() const { return crc32c(bytes().subspan(layout::k_attributes)); }

Status BatchView::verify() const {
    const auto computed = computed_crc();
    if (computed == crc()) return {};
    return fail(ErrorCode::corrupt_message,
                fmt::format("record batch has checksum {:#x}, its bytes give {:#x}", crc(), computed));
}

void MutableBatch::set_base_offset(Offset offset) {
    store_be(bytes_.data() + layout::k_base_offset, offset.value());
}

void MutableBatch::set_partition_leader_epoch(LeaderEpoch epoch) {
    store_be(bytes_.data() + layout::k_partition_leader_epoch, epoch.value());
}

bool MutableBatch::set_max_timestamp(TimestampType type, std::int64_t max_timestamp) {
    const auto old = view();
    if (old.timestamp_type() == type && old.max_timestamp() == max_timestamp) return false;
    auto attributes =
        static_cast<std::uint16_t>(old.attributes() & k_defined_attributes & ~k_log_append_time_bit);
    if (type == TimestampType::log_append_time) attributes |= k_log_append_time_bit;
    store_be(bytes_.data() + layout::k_attributes, attributes);
    store_be(bytes_.data() + layout::k_max_timestamp, max_timestamp);
    update_crc();
    return true;
}

void MutableBatch::set_producer(ProducerId id, std::int16_t epoch, std::int32_t base_sequence,
                                bool transactional) {
    auto attributes =
        static_cast<std::uint16_t>(view().attributes() & k_defined_attributes & ~k_transactional_bit);
    if (transactional) attributes |= k_transactional_bit;
    store_be(bytes_.data() + layout::k_attributes, attributes);
    store_be(bytes_.data() + layout::k_producer_id, id.value());
    store_be(bytes_.data() + layout::k_producer_epoch, epoch);
    store_be(bytes_.data() + layout::k_base_sequence, base_sequence);
    update_crc();
}

void MutableBatch::update_crc() { store_be(bytes_.data() + layout::k_crc, view().computed_crc()); }

Result<std::optional<std::size_t>> frame_size(Bytes bytes) {
    if (bytes.size() < k_log_overhead) return std::nullopt;
    const auto length = load_be<std::int32_t>(bytes.data() + layout::k_batch_length);
    if (length < k_batch_length_min)
        return fail(ErrorCode::corrupt_message, fmt::format("record batch claims a length of {}", length));
    if (bytes.size() < k_frame_header_bytes) return std::nullopt;
    const auto magic = load_be<std::int8_t>(bytes.data() + layout::k_magic);
    if (magic < 0 || magic > k_magic_max)
        return fail(ErrorCode::corrupt_message, fmt::format("record batch of unknown magic {}", magic));
    // Kafka's sum wraps here and its buffer refuses the negative size: an unexpected exception, so this code.
    if (length > std::numeric_limits<std::int32_t>::max() - static_cast<std::int32_t>(k_log_overhead))
        return fail(ErrorCode::unknown_server_error,
                    fmt::format("record batch claims a length of {}", length));
    return static_cast<std::size_t>(length) + k_log_overhead;
}

Result<BatchView> as_v2(const BatchFrame& frame) {
    if (frame.magic != k_magic_v2)
        return fail(ErrorCode::unsupported_for_message_format,
                    fmt::format("record batch of magic {}, not 2", frame.magic));
    if (frame.bytes.size() < k_batch_overhead)
        return fail(ErrorCode::corrupt_message,
                    fmt::format("record batch of {} bytes, smaller than its header", frame.bytes.size()));
    return BatchView(frame.bytes);
}

Result<std::optional<BatchFrame>> BatchCursor::next() {
    const auto size = TRY(frame_size(rest_));
    if (!size || *size > rest_.size()) return std::nullopt;
    const BatchFrame frame{rest_.first(*size), load_be<std::int8_t>(rest_.data() + layout::k_magic)};
    rest_ = rest_.subspan(*size);
    read_ += *size;
    return frame;
}

Result<std::optional<BatchView>> BatchCursor::next_v2() {
    const auto frame = TRY(next());
    if (!frame) return std::nullopt;
    return TRY(as_v2(*frame));
}

}  // namespace gregor::records
