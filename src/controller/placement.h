// Where the replicas of new partitions go: striped over brokers, leaders only on live ones.
#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "metadata/image.h"

namespace gregor::controller {

struct PlacementRequest {
    std::int32_t first_partition = 0;
    std::int32_t partitions = 1;
    std::int16_t replication_factor = 1;
};

// The replicas of each partition, the first meant to lead. Brokers are taken in turn from a start that
// depends on the first partition only, racks apart where they are known.
Result<std::vector<std::vector<BrokerId>>> place_replicas(const metadata::ClusterState& state,
                                                          const PlacementRequest& request);

// A new partition on these brokers: those that are active are its ISR, the first of them leads.
metadata::Partition new_partition(const metadata::ClusterState& state, std::vector<BrokerId> replicas);

// The rules for replicas that a client names itself. `replication_factor` 0: any.
Status check_assignment(const metadata::ClusterState& state, const std::vector<BrokerId>& replicas,
                        std::size_t replication_factor);

Slice encode_new_partition(const metadata::ClusterState& state, Uuid topic_id, PartitionIndex index,
                           const metadata::Partition& partition);

}  // namespace gregor::controller
