// Walks the batches of a segment file in order, through one small window: memory does not grow with what the
// file claims. Blocking; runs on a worker.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "io/ports.h"
#include "records/batch.h"
#include "storage/producer_state.h"

namespace gregor::storage {

inline constexpr std::size_t k_scan_window_bytes = std::size_t{64} << 10;

// The place and header of one batch. Of magic 0 and 1 only the common part means anything.
struct ScannedBatch {
    std::int64_t position = 0;
    std::int64_t size = 0;
    std::int8_t magic = 0;
    Offset base;
    Offset last;
    LeaderEpoch epoch = k_no_leader_epoch;
    std::int64_t max_timestamp = -1;
    std::int64_t end() const { return position + size; }
};

class SegmentScanner {
public:
    // Batches that lie wholly in [from, end).
    SegmentScanner(io::File& file, std::int64_t from, std::int64_t end,
                   std::size_t window_bytes = k_scan_window_bytes);

    // False at the end, and at whatever is no whole batch with possible header fields (stopped_early()).
    Result<bool> next();
    const ScannedBatch& batch() const { return batch_; }
    records::BatchView header() const { return records::BatchView(header_); }  // 61 bytes; magic 2 only
    bool stopped_early() const { return !clean_end_; }

    // Reads the body of the current batch: whether its checksum, of whichever magic, is right.
    Result<bool> checksum_matches();
    // The current batch whole, when it is at most `max` bytes.
    Result<std::optional<std::vector<std::byte>>> whole(std::size_t max);

private:
    Result<Bytes> window_at(std::int64_t position, std::size_t size);

    io::File* file_;
    std::size_t window_bytes_;
    std::int64_t at_;
    std::int64_t end_;
    ScannedBatch batch_;
    std::vector<std::byte> header_;
    std::vector<std::byte> window_;
    std::int64_t window_begin_ = 0;
    std::size_t window_size_ = 0;
    bool clean_end_ = true;
};

// What the producer state learns from a batch header.
ProducerBatch producer_batch(const records::BatchView& header);
// The commit or abort marker in a control batch; nullopt for other control batches.
std::optional<ProducerMarker> producer_marker(const records::BatchView& batch);

}  // namespace gregor::storage
