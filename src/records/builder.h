// Builds v2 batches, byte for byte as Kafka's own builder does where nothing is compressed.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "records/batch.h"
#include "records/compression.h"
#include "records/control.h"

namespace gregor::records {

struct BatchOptions {
    Offset base_offset{0};
    LeaderEpoch partition_leader_epoch = k_no_leader_epoch;
    CompressionSettings compression{};
    TimestampType timestamp_type = TimestampType::create_time;
    std::int64_t log_append_time_ms = k_no_timestamp;  // with log_append_time
    ProducerId producer_id = k_no_producer_id;
    std::int16_t producer_epoch = k_no_producer_epoch;
    std::int32_t base_sequence = k_no_sequence;
    bool transactional = false;
    bool control = false;
    // Compaction's mark on tombstones and markers that may go later: takes the place of the base timestamp.
    std::optional<std::int64_t> delete_horizon_ms{};
};

struct NewHeader {
    std::string_view key;
    std::optional<Bytes> value{};
};

struct NewRecord {
    std::int64_t timestamp = k_no_timestamp;
    std::optional<Bytes> key{};
    std::optional<Bytes> value{};
    std::span<const NewHeader> headers{};
};

// One batch. Copies what it is given; build() once, after at least one record.
class BatchBuilder {
public:
    explicit BatchBuilder(const BatchOptions& options) : options_(options) {}

    void append(const NewRecord& record);                    // at the next offset
    void append_at(Offset offset, const NewRecord& record);  // ascending, gaps allowed
    // A record of another batch, its headers as they are.
    void append_copy(const RecordView& record, std::int64_t timestamp);
    // The same at its own offset, as compaction leaves it.
    void append_copy_at(Offset offset, const RecordView& record, std::int64_t timestamp);
    void append_control(ControlType type, std::int64_t timestamp, Bytes value);
    // The batch's last offset when it shall end behind its last record.
    void override_last_offset(Offset offset);

    bool empty() const { return count_ == 0; }
    std::int32_t count() const { return count_; }
    Offset next_offset() const { return next_offset_; }
    std::size_t uncompressed_size() const { return k_batch_overhead + records_.size(); }
    Slice build();

private:
    struct Entry;
    void append_entry(Offset offset, const Entry& entry);

    BatchOptions options_;
    std::vector<std::byte> records_;
    std::int32_t count_ = 0;
    std::int64_t base_timestamp_ = k_no_timestamp;
    std::int64_t max_timestamp_ = k_no_timestamp;
    Offset next_offset_ = options_.base_offset;
    std::optional<Offset> last_offset_;
};

// What compaction leaves of a batch whose records are all gone: its header, so that offsets and sequences go
// on.
Slice build_empty_batch(const BatchView& batch);

// How many bytes a record takes in a batch at most, so that callers can roll to the next batch before a
// limit.
std::size_t record_size_max(const NewRecord& record);

// A transaction marker: 78 bytes, transactional and control, no sequence.
struct MarkerOptions {
    Offset base_offset{0};
    LeaderEpoch partition_leader_epoch = k_no_leader_epoch;
    std::int64_t timestamp = k_no_timestamp;
    ProducerId producer_id{};
    std::int16_t producer_epoch = 0;
};
Slice build_end_transaction_marker(const MarkerOptions& options, const EndTransactionMarker& marker);

}  // namespace gregor::records
