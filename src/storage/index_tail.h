// Index entries of the active segment that are not in its files yet: a cold read near the end needs them, a
// crash does not (recovery reads the active segment again), so they are written many at a time. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "base/ids.h"
#include "storage/index.h"

namespace gregor::storage {

inline constexpr std::size_t k_index_tail_entries = 128;  // then they are written

// Entries on their way to the files.
struct IndexWrite {
    std::int64_t index_position = 0;
    std::int64_t time_position = 0;
    std::vector<std::byte> index;
    std::vector<std::byte> time;
    std::int64_t index_count() const { return static_cast<std::int64_t>(index.size() / k_index_entry_bytes); }
    std::int64_t time_count() const { return static_cast<std::int64_t>(time.size() / k_time_entry_bytes); }
};

class IndexTail {
public:
    void add(const IndexRule::Entries& entries);
    void add_closing(const TimeEntry& entry) { times_.push_back(entry); }
    // What has not been handed out yet; `index_entries` and `time_entries` are in the files already.
    IndexWrite take(Offset base, std::int64_t index_entries, std::int64_t time_entries);
    // The oldest ones handed out are in the files now.
    void forget(const IndexWrite& written);
    void clear();

    bool is_full() const { return entries_.size() - handed_out_ >= k_index_tail_entries; }
    std::int64_t index_count() const { return static_cast<std::int64_t>(entries_.size()); }
    std::int64_t time_count() const { return static_cast<std::int64_t>(times_.size()); }
    // The last entry at or below the target, if it is in here.
    std::optional<IndexEntry> find(Offset target) const;

private:
    std::deque<IndexEntry> entries_;
    std::deque<TimeEntry> times_;
    std::size_t handed_out_ = 0;
    std::size_t times_handed_out_ = 0;
};

}  // namespace gregor::storage
