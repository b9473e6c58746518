#include "storage/index.h"

#include <array>
#include <span>

#include "base/assert.h"
#include "io/disk_error.h"
#include "records/big_endian.h"

namespace gregor::storage {
namespace {

using records::load_be;
using records::store_be;

template <std::size_t size>
Result<std::array<std::byte, size>> read_entry(io::File& file, std::int64_t number) {
    std::array<std::byte, size> bytes{};
    const auto got = TRY(file.read_at(number * static_cast<std::int64_t>(size), bytes));
    if (got != size) return io::disk_fail(io::DiskFailure::broken, "an index is shorter than it was");
    return bytes;
}

std::int32_t relative(Offset offset, Offset base) {
    ASSERT(offset >= base && offset - base <= INT32_MAX);
    return static_cast<std::int32_t>(offset - base);
}

// The number of entries for which `is_at_or_below` holds; they come first.
template <class Predicate>
Result<std::int64_t> partition_point(std::int64_t entries, Predicate is_at_or_below) {
    std::int64_t low = 0;
    std::int64_t high = entries;
    while (low < high) {
        const auto middle = low + (high - low) / 2;
        if (TRY(is_at_or_below(middle))) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

}  // namespace

void append_entry(std::vector<std::byte>& out, Offset base, const IndexEntry& entry) {
    std::array<std::byte, k_index_entry_bytes> bytes;
    store_be(bytes.data(), relative(entry.offset, base));
    store_be(bytes.data() + 4, entry.position);
    out.insert(out.end(), bytes.begin(), bytes.end());
}

void append_entry(std::vector<std::byte>& out, Offset base, const TimeEntry& entry) {
    std::array<std::byte, k_time_entry_bytes> bytes;
    store_be(bytes.data(), entry.timestamp);
    store_be(bytes.data() + 8, relative(entry.offset, base));
    out.insert(out.end(), bytes.begin(), bytes.end());
}

Result<IndexEntry> read_index_entry(io::File& file, Offset base, std::int64_t number) {
    const auto bytes = TRY(read_entry<k_index_entry_bytes>(file, number));
    return IndexEntry{base + load_be<std::int32_t>(bytes.data()), load_be<std::int32_t>(bytes.data() + 4)};
}

Result<TimeEntry> read_time_entry(io::File& file, Offset base, std::int64_t number) {
    const auto bytes = TRY(read_entry<k_time_entry_bytes>(file, number));
    return TimeEntry{load_be<std::int64_t>(bytes.data()), base + load_be<std::int32_t>(bytes.data() + 8)};
}

Result<IndexEntry> lookup_offset(io::File& file, Offset base, std::int64_t entries, Offset target) {
    const auto is_at_or_below = [&](std::int64_t number) -> Result<bool> {
        return TRY(read_index_entry(file, base, number)).offset <= target;
    };
    const auto found = TRY(partition_point(entries, is_at_or_below));
    if (found == 0) return IndexEntry{base, 0};
    return read_index_entry(file, base, found - 1);
}

Result<IndexEntry> lookup_position(io::File& file, Offset base, std::int64_t entries, std::int64_t position) {
    const auto is_at_or_below = [&](std::int64_t number) -> Result<bool> {
        return TRY(read_index_entry(file, base, number)).position <= position;
    };
    const auto found = TRY(partition_point(entries, is_at_or_below));
    if (found == 0) return IndexEntry{base, 0};
    return read_index_entry(file, base, found - 1);
}

Result<TimeEntry> lookup_time(io::File& file, Offset base, std::int64_t entries, std::int64_t timestamp) {
    const auto is_at_or_below = [&](std::int64_t number) -> Result<bool> {
        return TRY(read_time_entry(file, base, number)).timestamp <= timestamp;
    };
    const auto found = TRY(partition_point(entries, is_at_or_below));
    if (found == 0) return TimeEntry{-1, base};
    return read_time_entry(file, base, found - 1);
}

IndexRule::Entries IndexRule::add(const Batch& batch) {
    if (batch.max_timestamp > max_.timestamp) max_ = {batch.max_timestamp, batch.last};
    Entries entries;
    if (since_entry_ > interval_bytes_) {
        ASSERT(batch.position <= INT32_MAX);
        entries.index = IndexEntry{batch.last, static_cast<std::int32_t>(batch.position)};
        entries.time = closing_entry();
        if (entries.time) last_time_entry_ = entries.time->timestamp;
        since_entry_ = 0;
    }
    since_entry_ += batch.size;
    return entries;
}

std::optional<TimeEntry> IndexRule::closing_entry() const {
    if (max_.timestamp <= last_time_entry_) return std::nullopt;
    return max_;
}

void IndexRule::resume(TimeEntry max, std::int64_t last_time_entry) {
    max_ = max;
    last_time_entry_ = last_time_entry;
    since_entry_ = 0;
}

}  // namespace gregor::storage
