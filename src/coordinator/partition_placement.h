// Where the partitions of a coordinator's internal topic live.
#pragma once

#include <optional>

#include "base/ids.h"

namespace gregor::coordinator {

// Which shard owns a partition of the topic; node/ answers from the image. Callable on any shard.
class PartitionPlacement {
public:
    virtual ~PartitionPlacement() = default;
    // Nothing while the topic does not exist or this broker does not lead the partition.
    virtual std::optional<ShardId> owner(PartitionIndex partition) const = 0;
    // How many partitions the topic has, or will have when it is created; at least 1. Never changes once the
    // topic exists: growing it would move keys away from their state.
    virtual std::int32_t partition_count() const = 0;
};

}  // namespace gregor::coordinator
