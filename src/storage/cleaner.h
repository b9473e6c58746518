// One cleaning pass over the closed segments of a log, in steps: learn the last offset of every key, then
// copy what survives into new segments beside the old ones ("*.cleaned", synced). Changes nothing that
// anybody reads; Log::finish_cleaning swaps the files.
//
// Kafka's rules (storage.internals.log.Cleaner): of a key the last value stays; a tombstone or a marker whose
// transaction is gone stays until the horizon that its batch got when it was cleaned first; records of
// aborted transactions go; the last batch of a live producer and that of the pass stay, empty if need be.
//
// Blocking; runs on a worker, one step after the other. Owns all it works with.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "io/ports.h"
#include "records/compression.h"
#include "records/record.h"
#include "storage/cleaned_transactions.h"
#include "storage/log_config.h"
#include "storage/offset_map.h"
#include "storage/segment.h"
#include "storage/segment_scanner.h"

namespace gregor::storage {

inline constexpr const char* k_cleaned_suffix = ".cleaned";
inline constexpr const char* k_swap_suffix = ".swap";

// What the log still needs of a producer.
struct LastRecord {
    std::optional<Offset> data_offset;  // nullopt: only a marker is left
    std::int16_t epoch = -1;
};

struct CleaningLimits {
    std::size_t map_bytes_max = std::size_t{128} << 20;  // log.cleaner.dedupe.buffer.size
    double load_factor = 0.9;
    HashKey key;
};

struct CleaningPlan {
    std::string directory;
    std::vector<Segment> segments;  // from the log's first on
    std::size_t cleanable = 0;      // so many of them may be cleaned
    Offset first_dirty;
    std::map<ProducerId, LastRecord> producers;
    LogConfig config;
    CleaningLimits limits;
    std::int64_t now_ms = 0;
    std::uint64_t layout = 0;  // of the log when this was made
};

// Consecutive segments and the one that takes their place.
struct CleanedGroup {
    std::vector<Offset> sources;
    Segment segment;
};

struct Cleaned {
    std::vector<CleanedGroup> groups;
    Offset end;  // everything below is clean now
    std::uint64_t layout = 0;
};

class Cleaner {
public:
    explicit Cleaner(CleaningPlan plan);
    ~Cleaner();
    Cleaner(const Cleaner&) = delete;
    Cleaner& operator=(const Cleaner&) = delete;

    // Goes on for about so many bytes of the log. True when everything is written.
    Result<bool> step(io::FileSystem& files, std::int64_t bytes);
    std::int64_t bytes_read() const { return bytes_read_; }
    std::uint64_t layout() const { return plan_.layout; }
    Cleaned take_result();
    // Removes what was written so far; after a failure, or when the log changed meanwhile. What it cannot
    // remove goes with the next pass or start.
    void discard(io::FileSystem& files) const;

private:
    class Output;
    enum class Phase : std::uint8_t { mapping, copying, done };

    Status remove_leftovers(io::FileSystem& files) const;
    Status open_segment(io::FileSystem& files);
    Status close_segment(io::FileSystem& files);
    Result<bool> next_batch();
    Result<records::BatchView> read_batch();
    Result<bool> map_next();
    Status map_records(const records::BatchView& batch);
    void start_copying();
    Result<bool> copy_next();
    Status copy_batch(const records::BatchView& batch);
    Status copy_records(const records::BatchView& batch, bool discards, bool ends_empty_transaction);
    bool survives(const records::BatchView& batch, const records::RecordView& record) const;
    bool must_leave_header(const records::BatchView& batch) const;
    std::int64_t horizon_from_now() const;
    std::vector<std::vector<std::size_t>> make_groups() const;

    CleaningPlan plan_;
    OffsetMap map_;
    records::Decompressor decompressor_;
    CleanedTransactions transactions_;
    Phase phase_ = Phase::mapping;
    bool is_begun_ = false;
    bool map_is_full_ = false;
    Offset mapped_end_;  // the map knows everything below, from first_dirty on

    std::size_t segment_ = 0;  // index of the one being read
    Ref<io::File> file_;
    std::optional<SegmentScanner> scanner_;
    Offset next_offset_;  // no batch of the segment may begin below
    std::vector<std::byte> batch_;
    std::int64_t bytes_read_ = 0;

    std::vector<std::vector<std::size_t>> groups_;
    std::size_t group_ = 0;
    std::unique_ptr<Output> output_;
    Cleaned result_;
};

}  // namespace gregor::storage
