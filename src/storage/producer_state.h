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
};

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
    Status check_marker(const ProducerMarker& marker) const;

    void apply(const ProducerBatch& batch);
    void apply(const ProducerMarker& marker);
    void expire(std::int64_t now_ms, std::int64_t expiration_ms);
    void clear();
    // A snapshot keeps one batch of each producer; `recent`, read from the log's tail, may know more of them.
    void adopt_windows(const ProducerState& recent);

    std::optional<Offset> first_open_transaction() const;
    const std::map<ProducerId, ProducerEntry>& entries() const { return entries_; }

    // `<offset>.snapshot`: version, CRC-32C, entries of 46 bytes (docs/formats/producer-snapshot.md).
    std::vector<std::byte> encode_snapshot() const;
    static Result<ProducerState> decode_snapshot(Bytes bytes);

private:
    ProducerEntry& entry_for(ProducerId id, std::int16_t epoch);
    void close_transaction(ProducerId id, ProducerEntry& entry);
    void drop_oldest();

    std::map<ProducerId, ProducerEntry> entries_;
    std::set<std::pair<Offset, ProducerId>> open_transactions_;
};

}  // namespace gregor::storage
