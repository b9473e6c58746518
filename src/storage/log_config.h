// The settings of one log, already resolved: topic override, else broker setting, else Kafka's default. Plain
// data; whoever owns the configuration fills it.
#pragma once

#include <cstdint>
#include <limits>

namespace gregor::storage {

inline constexpr std::int64_t k_forever = std::numeric_limits<std::int64_t>::max();

// The first moment past a span of time; never, when the clock does not reach so far.
constexpr std::int64_t after(std::int64_t from_ms, std::int64_t span_ms) {
    return from_ms >= k_forever - span_ms ? k_forever : from_ms + span_ms + 1;
}

enum class TimestampType : std::uint8_t { create_time, log_append_time };

// `compression.type` of a topic; `producer` keeps what the client chose.
enum class TopicCompression : std::uint8_t { producer, uncompressed, gzip, snappy, lz4, zstd };

// When an append counts as safe: after fdatasync, or as soon as the kernel has it (Kafka's own behaviour).
enum class Durability : std::uint8_t { disk, page_cache };

struct LogConfig {
    std::int32_t segment_bytes = 1 << 30;
    std::int64_t segment_ms = 604'800'000;
    std::int64_t segment_jitter_ms = 0;
    std::int32_t segment_index_bytes = 10 << 20;
    std::int32_t index_interval_bytes = 4096;
    std::int64_t retention_ms = 604'800'000;  // -1: no limit
    std::int64_t retention_bytes = -1;        // -1: no limit
    std::int64_t local_retention_ms = -2;     // -2: as retention_ms
    std::int64_t local_retention_bytes = -2;  // -2: as retention_bytes
    bool cleanup_delete = true;
    bool cleanup_compact = false;
    double min_cleanable_dirty_ratio = 0.5;
    std::int64_t min_compaction_lag_ms = 0;
    std::int64_t max_compaction_lag_ms = k_forever;
    std::int64_t delete_retention_ms = 86'400'000;
    std::int64_t file_delete_delay_ms = 60'000;
    std::int32_t max_message_bytes = 1'048'588;  // a whole batch with its 12-byte prefix
    TimestampType message_timestamp_type = TimestampType::create_time;
    std::int64_t message_timestamp_before_max_ms = k_forever;
    std::int64_t message_timestamp_after_max_ms = 3'600'000;
    TopicCompression compression_type = TopicCompression::producer;
    std::int32_t compression_gzip_level = -1;
    std::int32_t compression_lz4_level = 9;
    std::int32_t compression_zstd_level = 3;
    std::int64_t flush_messages = k_forever;
    std::int64_t flush_ms = k_forever;
    bool preallocate = false;
    std::int64_t producer_id_expiration_ms = 86'400'000;
    bool verify_transactions = false;  // transaction.partition.verification.enable: appends show a guard
    Durability durability = Durability::disk;
    // Every load reads all batches and learns the leader epochs from them: the epoch file, which Kafka wants
    // to find, is written when the log is closed, and no start waits for its fsync.
    bool epochs_are_derived = false;
    std::int64_t mark_bytes = std::int64_t{64}
                              << 20;  // between points that a load after a kill begins at; 0: none
};

}  // namespace gregor::storage
