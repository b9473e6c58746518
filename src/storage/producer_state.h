// What a log knows of each idempotent producer: epoch, the last five batches, an open transaction. Decides
// duplicates and sequence errors. Pure; the order of iteration is that of producer ids.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "storage/txn_index.h"

namespace gregor::storage {

inline constexpr std::size_t k_duplicate_window = 5;
inline constexpr std::size_t k_producers_max = 200'000;  // per log; the least recently active go first

// One batch, as its header tells it.
struct ProducerBatch {
    ProducerId producer_id;
    std::int16_t epoch = -1;
    std::int32_t first_sequence = -1;
    std::int32_t last_sequence = -1;
    Offset first_offset;
    Offset last_offset;
    std::int64_t timestamp = -1;  // the batch's largest
    bool transactional = false;
};

// A commit or abort marker.
struct ProducerMarker {
    ProducerId producer_id;
    std::int16_t epoch = -1;
    std::int32_t coordinator_epoch = -1;
    Offset offset;
    std::int64_t timestamp = -1;
    bool commits = false;
};

// The versions of Kafka's transaction protocol (KIP-890): 2 bumps the epoch with every transaction.
enum class TransactionVersion : std::int8_t { tv0 = 0, tv1 = 1, tv2 = 2 };

struct ProducerEntry {
    struct Batch {
        std::int32_t last_sequence = -1;
        Offset last_offset;
        std::int32_t offset_delta = 0;
        std::int64_t timestamp = -1;
        std::int32_t first_sequence() const;
        Offset first_offset() const { return last_offset - offset_delta; }
    };
    std::int16_t epoch = -1;
    std::int32_t coordinator_epoch = -1;
    std::int64_t last_timestamp = -1;
    Offset current_txn_first_offset = k_no_offset;
    std::uint8_t batch_count = 0;
    std::array<Batch, k_duplicate_window> batches;  // oldest first

    std::int32_t last_sequence() const;  // -1: no batch known
    Offset last_offset() const;
};

class ProducerState {
public:
    // The retained batch that `batch` repeats, if it repeats one.
    std::optional<ProducerEntry::Batch> find_duplicate(const ProducerBatch& batch) const;
    // Whether a client may append it next: invalid_producer_epoch, out_of_order_sequence_number,
    // invalid_txn_state.
    Status check(const ProducerBatch& batch) const;
    Status check_epoch(ProducerId id, std::int16_t epoch) const;
    Status check_marker(const ProducerMarker& marker,
                        TransactionVersion version = TransactionVersion::tv0) const;
    bool has_open_transaction(ProducerId id) const;
    bool has_open_transaction(ProducerId id, std::int16_t epoch) const;

    void apply(const ProducerBatch& batch);
    // The transaction that the marker ended and that was to be aborted, as its index entry.
    std::optional<AbortedTxn> apply(const ProducerMarker& marker);
    // Markers below are replicated: their transactions hold nobody back any more.
    void on_high_watermark(Offset high_watermark);
    void expire(std::int64_t now_ms, std::int64_t expiration_ms);
    void clear();
    // A snapshot keeps one batch of each producer; `recent`, read from the log's tail, may know more of them.
    void adopt_windows(const ProducerState& recent);

    // First offset of the earliest transaction that is open, or whose marker may still be lost.
    std::optional<Offset> first_unstable_offset() const;
    const std::map<ProducerId, ProducerEntry>& entries() const { return entries_; }

    // `<offset>.snapshot`: version, CRC-32C, entries of 46 bytes (docs/formats/producer-snapshot.md).
    std::vector<std::byte> encode_snapshot() const;
    static Result<ProducerState> decode_snapshot(Bytes bytes);

private:
    ProducerEntry& entry_for(ProducerId id, std::int16_t epoch);
    std::optional<AbortedTxn> close_transaction(ProducerEntry& entry, const ProducerMarker& marker);
    void drop_oldest();

    std::map<ProducerId, ProducerEntry> entries_;
    std::set<std::pair<Offset, ProducerId>> open_transactions_;
    std::map<Offset, Offset> unreplicated_;  // ended ones: first offset, that of the marker
};

}  // namespace gregor::storage
