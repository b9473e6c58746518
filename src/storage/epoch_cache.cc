#include "storage/epoch_cache.h"

#include <algorithm>

#include "base/assert.h"

namespace gregor::storage {
namespace {

bool strictly_increasing(const std::vector<EpochStart>& entries) {
    return std::ranges::adjacent_find(entries, [](const EpochStart& a, const EpochStart& b) {
               return a.epoch >= b.epoch || a.start >= b.start;
           }) == entries.end();
}

}  // namespace

EpochCache::EpochCache(std::vector<EpochStart> entries) : entries_(std::move(entries)) {
    ASSERT(strictly_increasing(entries_));
}

bool EpochCache::assign(LeaderEpoch epoch, Offset start) {
    ASSERT(epoch.value() >= 0 && start.value() >= 0);
    if (!entries_.empty() && epoch == entries_.back().epoch && start >= entries_.back().start) return false;
    while (!entries_.empty() && (entries_.back().epoch >= epoch || entries_.back().start >= start))
        entries_.pop_back();
    entries_.push_back({epoch, start});
    return true;
}

bool EpochCache::truncate_from_end(Offset end) {
    const auto before = entries_.size();
    while (!entries_.empty() && entries_.back().start >= end) entries_.pop_back();
    return entries_.size() != before;
}

bool EpochCache::truncate_from_start(Offset start) {
    const auto kept =
        std::ranges::find_if(entries_, [&](const EpochStart& entry) { return entry.start > start; });
    if (kept == entries_.begin()) return false;
    const auto in_force = *(kept - 1);
    if (kept - 1 == entries_.begin() && in_force.start == start) return false;
    entries_.erase(entries_.begin(), kept);
    entries_.insert(entries_.begin(), EpochStart{in_force.epoch, start});
    return true;
}

LeaderEpoch EpochCache::latest() const {
    return entries_.empty() ? k_no_leader_epoch : entries_.back().epoch;
}

LeaderEpoch EpochCache::epoch_of(Offset offset) const {
    auto found = k_no_leader_epoch;
    for (const auto& entry : entries_)
        if (entry.start <= offset) found = entry.epoch;
    return found;
}

EpochEnd EpochCache::end_offset_for(LeaderEpoch epoch, Offset log_end) const {
    if (entries_.empty() || epoch == k_no_leader_epoch || epoch > entries_.back().epoch) return {};
    if (epoch == entries_.back().epoch) return {epoch, log_end};
    const auto next =
        std::ranges::find_if(entries_, [&](const EpochStart& entry) { return entry.epoch > epoch; });
    ASSERT(next != entries_.end());
    if (next == entries_.begin()) return {epoch, next->start};
    return {(next - 1)->epoch, next->start};
}

}  // namespace gregor::storage
