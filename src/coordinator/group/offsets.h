// The committed offsets of one __consumer_offsets partition: replicated state, changed by records only.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/ids.h"
#include "coordinator/group/types.h"

namespace gregor::coordinator {

class Offsets {
public:
    using OfGroup = std::map<OffsetKey, CommittedOffset>;

    // An offset as of this record; with a producer id it counts when that transaction commits.
    void put(const std::string& group_id, const OffsetKey& key, CommittedOffset offset,
             ProducerId producer_id = k_no_producer_id);
    // A tombstone takes pending offsets of the partition with it.
    void erase(const std::string& group_id, const OffsetKey& key);
    void complete_transaction(ProducerId producer_id, bool committed);

    const OfGroup* find(const std::string& group_id) const;
    const CommittedOffset* find(const std::string& group_id, const OffsetKey& key) const;
    bool has_pending(const std::string& group_id) const;
    bool has_pending(const std::string& group_id, const OffsetKey& key) const;
    // Of the group's committed and pending offsets.
    std::set<OffsetKey> keys(const std::string& group_id) const;
    bool empty() const { return committed_.empty(); }
    // The groups that have offsets, in order of their ids.
    std::vector<std::string> group_ids() const;

private:
    struct Entry {
        CommittedOffset offset;
        std::uint64_t order = 0;  // grows with the log; a commit marker only moves what is newer
    };
    struct PendingKey {
        std::string group_id;
        OffsetKey key;
        friend auto operator<=>(const PendingKey&, const PendingKey&) = default;
    };

    std::map<std::string, OfGroup> committed_;
    std::map<PendingKey, std::uint64_t> order_;  // only of partitions that a transaction has touched
    std::map<ProducerId, std::map<PendingKey, Entry>> pending_;
    std::uint64_t next_order_ = 1;
};

}  // namespace gregor::coordinator
