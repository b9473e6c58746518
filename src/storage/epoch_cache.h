// Which leader epoch began at which offset (KIP-101, KIP-320): what `leader-epoch-checkpoint` holds. Strictly
// increasing in both. Pure.
#pragma once

#include <vector>

#include "base/ids.h"

namespace gregor::storage {

struct EpochEnd {
    LeaderEpoch epoch = k_no_leader_epoch;
    Offset end_offset = k_no_offset;
    friend bool operator==(const EpochEnd&, const EpochEnd&) = default;
};

struct EpochStart {
    LeaderEpoch epoch;
    Offset start;
    friend bool operator==(const EpochStart&, const EpochStart&) = default;
};

class EpochCache {
public:
    EpochCache() = default;
    explicit EpochCache(
        std::vector<EpochStart> entries);  // strictly increasing, or asserts; the reader checked

    // Returns whether anything changed. Entries that the new one contradicts go.
    bool assign(LeaderEpoch epoch, Offset start);
    bool truncate_from_end(Offset end);      // drops entries that start at or after `end`
    bool truncate_from_start(Offset start);  // drops those before `start`, keeping the one in force there
    void clear() { entries_.clear(); }

    LeaderEpoch latest() const;
    LeaderEpoch epoch_of(Offset offset) const;  // -1 before the first entry
    EpochEnd end_offset_for(LeaderEpoch epoch, Offset log_end) const;
    const std::vector<EpochStart>& entries() const { return entries_; }

private:
    std::vector<EpochStart> entries_;
};

}  // namespace gregor::storage
