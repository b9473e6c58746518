// The producer snapshot file:
//
//   snapshot := version:int16 = 1, crc:uint32, count:int32, entry*count      crc = CRC-32C of all that
//   follows it entry    := producer_id:int64 producer_epoch:int16 last_sequence:int32 last_offset:int64
//   offset_delta:int32
//               timestamp:int64 coordinator_epoch:int32 current_txn_first_offset:int64           (46 bytes)
#include "base/assert.h"
#include "base/fault.h"
#include "records/big_endian.h"
#include "records/crc32c.h"
#include "storage/producer_state.h"

namespace gregor::storage {
namespace {

using records::load_be;
using records::store_be;

constexpr std::size_t k_crc_at = 2;
constexpr std::size_t k_count_at = 6;
constexpr std::size_t k_header_bytes = 10;
constexpr std::size_t k_entry_bytes = 46;
constexpr std::int16_t k_version = 1;

struct EntryLayout {
    static constexpr std::size_t k_producer_id = 0;
    static constexpr std::size_t k_epoch = 8;
    static constexpr std::size_t k_last_sequence = 10;
    static constexpr std::size_t k_last_offset = 14;
    static constexpr std::size_t k_offset_delta = 22;
    static constexpr std::size_t k_timestamp = 26;
    static constexpr std::size_t k_coordinator_epoch = 34;
    static constexpr std::size_t k_txn_first_offset = 38;
};
static_assert(EntryLayout::k_txn_first_offset + 8 == k_entry_bytes);

void encode_entry(std::byte* at, ProducerId id, const ProducerEntry& entry) {
    const auto last_delta = entry.batch_count == 0 ? 0 : entry.batches[entry.batch_count - 1U].offset_delta;
    store_be(at + EntryLayout::k_producer_id, id.value());
    store_be(at + EntryLayout::k_epoch, entry.epoch);
    store_be(at + EntryLayout::k_last_sequence, entry.last_sequence());
    store_be(at + EntryLayout::k_last_offset, entry.last_offset().value());
    store_be(at + EntryLayout::k_offset_delta, last_delta);
    store_be(at + EntryLayout::k_timestamp, entry.last_timestamp);
    store_be(at + EntryLayout::k_coordinator_epoch, entry.coordinator_epoch);
    store_be(at + EntryLayout::k_txn_first_offset, entry.current_txn_first_offset.value());
}

ProducerEntry decode_entry(const std::byte* at) {
    ProducerEntry entry;
    entry.epoch = load_be<std::int16_t>(at + EntryLayout::k_epoch);
    entry.last_timestamp = load_be<std::int64_t>(at + EntryLayout::k_timestamp);
    entry.coordinator_epoch = load_be<std::int32_t>(at + EntryLayout::k_coordinator_epoch);
    const auto txn_first = load_be<std::int64_t>(at + EntryLayout::k_txn_first_offset);
    if (txn_first >= 0 && !PLANTED_BUG("open_transaction_not_restored"))
        entry.current_txn_first_offset = Offset{txn_first};
    const auto last_offset = load_be<std::int64_t>(at + EntryLayout::k_last_offset);
    if (last_offset < 0) return entry;
    entry.batch_count = 1;
    entry.batches[0] = {.last_sequence = load_be<std::int32_t>(at + EntryLayout::k_last_sequence),
                        .last_offset = Offset{last_offset},
                        .offset_delta = load_be<std::int32_t>(at + EntryLayout::k_offset_delta),
                        .timestamp = entry.last_timestamp};
    return entry;
}

// A peer's file: a window that no append could have left would break arithmetic on sequences.
bool is_sane(const ProducerEntry& entry) {
    if (entry.batch_count == 0) return true;
    const auto& batch = entry.batches[0];
    return batch.offset_delta >= 0 && batch.last_sequence >= -1 &&
           batch.last_offset.value() >= batch.offset_delta;
}

}  // namespace

std::vector<std::byte> ProducerState::encode_snapshot() const {
    std::vector<std::byte> bytes(k_header_bytes + entries_.size() * k_entry_bytes);
    store_be(bytes.data(), k_version);
    store_be(bytes.data() + k_count_at, static_cast<std::int32_t>(entries_.size()));
    auto* at = bytes.data() + k_header_bytes;
    for (const auto& [id, entry] : entries_) {
        encode_entry(at, id, entry);
        at += k_entry_bytes;
    }
    store_be(bytes.data() + k_crc_at, records::crc32c(Bytes(bytes).subspan(k_count_at)));
    return bytes;
}

Result<ProducerState> ProducerState::decode_snapshot(Bytes bytes) {
    if (bytes.size() < k_header_bytes) return fail(ErrorCode::corrupt_message, "snapshot is too short");
    if (load_be<std::int16_t>(bytes.data()) != k_version)
        return fail(ErrorCode::corrupt_message, "snapshot has an unknown version");
    if (load_be<std::uint32_t>(bytes.data() + k_crc_at) != records::crc32c(bytes.subspan(k_count_at)))
        return fail(ErrorCode::corrupt_message, "snapshot has a wrong checksum");
    const auto count = load_be<std::int32_t>(bytes.data() + k_count_at);
    if (count < 0 || (bytes.size() - k_header_bytes) / k_entry_bytes != static_cast<std::size_t>(count) ||
        (bytes.size() - k_header_bytes) % k_entry_bytes != 0)
        return fail(ErrorCode::corrupt_message, "snapshot has a wrong length");
    ProducerState state;
    for (auto rest = bytes.subspan(k_header_bytes); !rest.empty(); rest = rest.subspan(k_entry_bytes)) {
        const ProducerId id{load_be<std::int64_t>(rest.data())};
        const auto entry = decode_entry(rest.data());
        if (!is_sane(entry)) return fail(ErrorCode::corrupt_message, "snapshot holds an impossible entry");
        if (!state.entries_.emplace(id, entry).second)
            return fail(ErrorCode::corrupt_message, "snapshot holds a producer twice");
        if (entry.current_txn_first_offset != k_no_offset)
            state.open_transactions_.emplace(entry.current_txn_first_offset, id);
    }
    return state;
}

}  // namespace gregor::storage
