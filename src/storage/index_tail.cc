#include "storage/index_tail.h"

#include <algorithm>

#include "base/assert.h"

namespace gregor::storage {

void IndexTail::add(const IndexRule::Entries& entries) {
    if (entries.index) entries_.push_back(*entries.index);
    if (entries.time) times_.push_back(*entries.time);
}

IndexWrite IndexTail::take(Offset base, std::int64_t index_entries, std::int64_t time_entries) {
    constexpr auto k_index_bytes = static_cast<std::int64_t>(k_index_entry_bytes);
    constexpr auto k_time_bytes = static_cast<std::int64_t>(k_time_entry_bytes);
    IndexWrite write{
        .index_position = (index_entries + static_cast<std::int64_t>(handed_out_)) * k_index_bytes,
        .time_position = (time_entries + static_cast<std::int64_t>(times_handed_out_)) * k_time_bytes,
        .index = {},
        .time = {}};
    for (; handed_out_ < entries_.size(); ++handed_out_)
        append_entry(write.index, base, entries_[handed_out_]);
    for (; times_handed_out_ < times_.size(); ++times_handed_out_)
        append_entry(write.time, base, times_[times_handed_out_]);
    return write;
}

void IndexTail::forget(const IndexWrite& written) {
    const auto entries = static_cast<std::size_t>(written.index_count());
    const auto times = static_cast<std::size_t>(written.time_count());
    ASSERT(entries <= handed_out_ && times <= times_handed_out_);
    entries_.erase(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(entries));
    times_.erase(times_.begin(), times_.begin() + static_cast<std::ptrdiff_t>(times));
    handed_out_ -= entries;
    times_handed_out_ -= times;
}

void IndexTail::clear() { *this = IndexTail(); }

std::optional<IndexEntry> IndexTail::find(Offset target) const {
    const auto above = std::ranges::upper_bound(entries_, target, {}, &IndexEntry::offset);
    if (above == entries_.begin()) return std::nullopt;
    return *(above - 1);
}

}  // namespace gregor::storage
