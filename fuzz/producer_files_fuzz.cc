// Any bytes as a producer snapshot and as a transaction index: reading them never crashes, a snapshot that is
// accepted is written back the same, its state takes further batches and markers, and what a reader is told
// of aborted transactions lies in the range it asked for.
//
//   input = kind:uint8 bytes          kind: bit 0 which file; bit 1 the snapshot's checksum is made right
//   first
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "base/log.h"
#include "records/big_endian.h"
#include "records/crc32c.h"
#include "storage/producer_state.h"
#include "storage/testing/memory_files.h"
#include "storage/txn_index.h"

namespace gregor::storage {
namespace {

constexpr std::size_t k_crc_at = 2;
constexpr std::size_t k_after_crc = 6;

void require(bool holds) {
    if (!holds) std::abort();
}

// The next batch of a producer and the end of its transaction, as a log would apply them.
void go_on(ProducerState& state, ProducerId id, const ProducerEntry& entry, Offset end) {
    const ProducerBatch batch{.producer_id = id,
                              .epoch = entry.epoch,
                              .first_sequence = 0,
                              .last_sequence = 0,
                              .first_offset = end,
                              .last_offset = end,
                              .timestamp = 1,
                              .transactional = true};
    (void)state.check(batch);
    (void)state.find_duplicate(batch);
    state.apply(batch);
    require(state.find_duplicate(batch).has_value());
    require(state.has_open_transaction(id, entry.epoch));
    const auto aborted = state.apply(ProducerMarker{.producer_id = id,
                                                    .epoch = entry.epoch,
                                                    .coordinator_epoch = 1,
                                                    .offset = end + 1,
                                                    .timestamp = 1,
                                                    .commits = false});
    require(aborted.has_value() && aborted->last_offset == end + 1);
    require(!state.has_open_transaction(id));
}

void read_snapshot(std::vector<std::byte> bytes, bool mends_checksum) {
    if (mends_checksum && bytes.size() >= k_after_crc)
        records::store_be(bytes.data() + k_crc_at, records::crc32c(Bytes(bytes).subspan(k_after_crc)));
    auto state = ProducerState::decode_snapshot(bytes);
    if (!state) return;
    const auto again = ProducerState::decode_snapshot(state->encode_snapshot());
    require(again && again->encode_snapshot() == state->encode_snapshot());
    require(again->first_unstable_offset() == state->first_unstable_offset());
    constexpr Offset k_end{std::int64_t{1} << 40};
    const auto entries = state->entries();
    for (const auto& [id, entry] : entries) go_on(*state, id, entry, k_end);
    state->on_high_watermark(k_end + 2);
    require(!state->first_unstable_offset());
    state->expire(std::int64_t{1} << 50, 1);
}

void read_index(const std::vector<std::byte>& bytes) {
    testing::MemoryFiles files;
    require(files.make_directories("/d").has_value());
    files.put("/d/00000000000000000000.txnindex", bytes);
    Segment segment{.base = Offset{0}};
    segment.txn_entries = static_cast<std::int64_t>(bytes.size() / k_txn_entry_bytes);
    (void)txn_index_looks_sane(files, "/d", segment);
    const auto all = read_txn_index(files, "/d", Offset{0});
    if (all) {
        require(write_txn_index(files, "/d", Offset{0}, *all).has_value());
        require(*read_txn_index(files, "/d", Offset{0}) == *all);
    }
    AbortedCollector collector(Offset{10}, Offset{1000});
    if (!collector.add_file(files, "/d", segment)) return;
    for (const auto& entry : collector.take())
        require(entry.last_offset >= Offset{10} && entry.first_offset < Offset{1000});
}

}  // namespace
}  // namespace gregor::storage

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    gregor::set_log_level(gregor::LogLevel::error);
    if (size == 0) return 0;
    const auto input = std::as_bytes(std::span(data, size)).subspan(1);
    std::vector<std::byte> bytes(input.begin(), input.end());
    if ((data[0] & 1U) == 0)
        gregor::storage::read_snapshot(std::move(bytes), (data[0] & 2U) != 0);
    else
        gregor::storage::read_index(bytes);
    return 0;
}
