// Replays metadata records onto an image: the next image, and what changed for those who react to changes.
#pragma once

#include <map>
#include <set>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "metadata/image.h"

namespace gregor::metadata {

// What one or more batches of records changed. Ordered containers, so that reacting is deterministic.
struct Changes {
    std::map<Uuid, Ref<const Topic>> deleted_topics;              // as they were
    std::map<Uuid, std::set<PartitionIndex>> changed_partitions;  // new, or changed; of live topics only
    std::set<Uuid> created_topics;                                // also in changed_partitions
    std::set<ConfigResource> configs;                             // set, changed or removed
    std::set<BrokerId> brokers;                                   // registered, changed or gone
    bool features = false;
    bool producer_ids = false;
    bool client_quotas = false;
    bool security = false;  // SCRAM, ACLs, delegation tokens

    bool any() const;
    void merge(const Changes& later);
};

class Delta {
public:
    explicit Delta(const ClusterState& base) : state_(base) {}

    // One record as the log holds it: frame version, key, version, body. An error names what is wrong and
    // leaves the delta unusable: a replica that can't replay the log must not go on.
    Status replay(Bytes record);

    const ClusterState& state() const { return state_; }
    const Changes& changes() const { return changes_; }
    Changes take_changes() { return std::exchange(changes_, {}); }

private:
    friend class RecordReplay;
    ClusterState state_;
    Changes changes_;
};

}  // namespace gregor::metadata
