// Where the partitions of __consumer_offsets live, as the current image says.
#pragma once

#include <optional>
#include <string_view>

#include "coordinator/group_coordinator.h"
#include "metadata/image_source.h"
#include "replication/replica_shard.h"

namespace gregor::node {

inline constexpr std::string_view k_offsets_topic = "__consumer_offsets";

class OffsetsPlacement final : public coordinator::PartitionPlacement {
public:
    OffsetsPlacement(const metadata::ImageSource& images, BrokerId self, std::uint32_t shard_count,
                     std::int32_t partitions_when_created)
        : images_(images),
          self_(self),
          shard_count_(shard_count),
          partitions_when_created_(partitions_when_created) {}

    std::optional<ShardId> owner(PartitionIndex partition) const override {
        const auto image = images_.current();
        const auto* topic = image->topic(k_offsets_topic);
        const auto* entry = topic == nullptr ? nullptr : topic->partitions.find(partition);
        if (entry == nullptr || entry->leader != self_) return std::nullopt;
        return replication::owner_of({topic->id, partition}, shard_count_);
    }
    std::int32_t partition_count() const override {
        const auto image = images_.current();
        const auto* topic = image->topic(k_offsets_topic);
        return topic == nullptr ? partitions_when_created_
                                : static_cast<std::int32_t>(topic->partitions.size());
    }

private:
    const metadata::ImageSource& images_;
    BrokerId self_;
    std::uint32_t shard_count_;
    std::int32_t partitions_when_created_;
};

}  // namespace gregor::node
