#include "storage/segment_scanner.h"

#include <algorithm>
#include <array>

#include "records/control.h"
#include "records/crc32c.h"
#include "records/record.h"

namespace gregor::storage {
namespace {

// Messages of magic 0 and 1: crc:uint32 at byte 12, CRC-32 (IEEE) over everything behind it. Old logs still
// hold them, and a torn sector may look like one.
constexpr std::size_t k_legacy_crc = 12;

constexpr std::array<std::uint32_t, 256> make_crc32_table() {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t i = 0; i < table.size(); ++i) {
        auto value = i;
        for (int bit = 0; bit < 8; ++bit) value = (value >> 1U) ^ ((value & 1U) != 0 ? 0xedb88320U : 0U);
        table[i] = value;
    }
    return table;
}
constexpr auto k_crc32_table = make_crc32_table();

std::uint32_t legacy_crc32(Bytes bytes, std::uint32_t before) {
    auto crc = ~before;
    for (const auto byte : bytes)
        crc = k_crc32_table[(crc ^ std::to_integer<std::uint32_t>(byte)) & 0xffU] ^ (crc >> 8U);
    return ~crc;
}

}  // namespace

SegmentScanner::SegmentScanner(io::File& file, std::int64_t from, std::int64_t end, std::size_t window_bytes)
    : file_(&file), window_bytes_(window_bytes), at_(from), end_(end), header_(records::k_batch_overhead) {}

// `size` bytes at `position`, all of them in the file's part that is scanned and no more than the window.
Result<Bytes> SegmentScanner::window_at(std::int64_t position, std::size_t size) {
    const auto window_end = window_begin_ + static_cast<std::int64_t>(window_size_);
    const auto wanted_end = position + static_cast<std::int64_t>(size);
    if (position < window_begin_ || wanted_end > window_end) {
        const auto left = static_cast<std::size_t>(end_ - position);
        window_.resize(std::max(window_.size(), std::min(window_bytes_, left)));
        window_begin_ = position;
        window_size_ =
            TRY(file_->read_at(position, MutableBytes(window_).first(std::min(window_.size(), left))));
    }
    const auto at = static_cast<std::size_t>(position - window_begin_);
    if (at + size > window_size_) return Bytes{};  // the file is shorter than it was
    return Bytes(window_).subspan(at, size);
}

Result<bool> SegmentScanner::next() {
    const auto left = end_ - at_;
    if (left == 0) return false;
    clean_end_ = false;
    if (left < static_cast<std::int64_t>(records::k_frame_header_bytes)) return false;
    const auto frame = TRY(window_at(at_, records::k_frame_header_bytes));
    if (frame.empty()) return false;
    const auto framed = records::frame_size(frame);
    if (!framed || !*framed) return false;
    const auto size = static_cast<std::int64_t>(**framed);
    if (size > left) return false;
    const auto magic = static_cast<std::int8_t>(frame[records::layout::k_magic]);
    const Offset first{records::load_be<std::int64_t>(frame.data())};
    batch_ = {.position = at_, .size = size, .magic = magic, .base = first, .last = first};
    if (magic == records::k_magic_v2) {
        if (size < static_cast<std::int64_t>(records::k_batch_overhead)) return false;
        const auto bytes = TRY(window_at(at_, records::k_batch_overhead));
        if (bytes.empty()) return false;
        std::ranges::copy(bytes, header_.begin());
        if (header().last_offset_delta() < 0) return false;
        batch_.last = header().last_offset();
        batch_.epoch = header().partition_leader_epoch();
        batch_.max_timestamp = header().max_timestamp();
    }
    if (batch_.base.value() < 0 || batch_.last < batch_.base) return false;
    if (batch_.last.value() == INT64_MAX) return false;
    at_ += size;
    clean_end_ = true;
    return true;
}

Result<bool> SegmentScanner::checksum_matches() {
    const bool is_v2 = batch_.magic == records::k_magic_v2;
    const auto start = is_v2 ? records::layout::k_attributes : k_legacy_crc + sizeof(std::uint32_t);
    const auto update =
        is_v2 ? +[](Bytes bytes, std::uint32_t crc) { return records::crc32c(bytes, crc); } : &legacy_crc32;
    auto expected = header().crc();
    if (!is_v2) {
        const auto frame = TRY(window_at(batch_.position, records::k_frame_header_bytes));
        if (frame.empty()) return false;
        expected = records::load_be<std::uint32_t>(frame.data() + k_legacy_crc);
    }
    std::uint32_t crc = 0;
    auto at = batch_.position + static_cast<std::int64_t>(start);
    while (at < batch_.end()) {
        const auto step = std::min<std::int64_t>(batch_.end() - at, static_cast<std::int64_t>(window_bytes_));
        const auto bytes = TRY(window_at(at, static_cast<std::size_t>(step)));
        if (bytes.empty()) return false;
        crc = update(bytes, crc);
        at += step;
    }
    return crc == expected;
}

Result<std::optional<std::vector<std::byte>>> SegmentScanner::whole(std::size_t max) {
    if (batch_.size > static_cast<std::int64_t>(max)) return std::nullopt;
    std::vector<std::byte> bytes(static_cast<std::size_t>(batch_.size));
    const auto got = TRY(file_->read_at(batch_.position, bytes));
    if (got != bytes.size()) return std::nullopt;
    return bytes;
}

ProducerBatch producer_batch(const records::BatchView& header) {
    return {.producer_id = header.producer_id(),
            .epoch = header.producer_epoch(),
            .first_sequence = header.base_sequence(),
            .last_sequence = header.last_sequence(),
            .first_offset = header.base_offset(),
            .last_offset = header.last_offset(),
            .timestamp = header.max_timestamp(),
            .transactional = header.is_transactional()};
}

std::optional<ProducerMarker> producer_marker(const records::BatchView& batch) {
    if (!batch.is_control() || !batch.has_producer_id() || batch.is_compressed()) return std::nullopt;
    records::RecordCursor cursor(batch);
    records::RecordView record;
    if (!cursor.next(record)) return std::nullopt;
    const auto marker = records::parse_end_transaction_marker(record);
    if (!marker) return std::nullopt;
    return ProducerMarker{.producer_id = batch.producer_id(),
                          .epoch = batch.producer_epoch(),
                          .coordinator_epoch = marker->coordinator_epoch,
                          .offset = batch.base_offset(),
                          .timestamp = record.timestamp(batch),
                          .commits = marker->type == records::ControlType::commit};
}

}  // namespace gregor::storage
