// Where the partitions of the coordinators' topics live, as the current image says.
#pragma once

#include <optional>
#include <string_view>

#include "coordinator/partition_placement.h"
#include "metadata/image_source.h"
#include "replication/replica_shard.h"

namespace gregor::node {

inline constexpr std::string_view k_offsets_topic = "__consumer_offsets";
inline constexpr std::string_view k_transactions_topic = "__transaction_state";

class TopicPlacement final : public coordinator::PartitionPlacement {
public:
    struct Options {
        std::string_view topic;  // a literal
        BrokerId self;
        std::uint32_t shard_count = 1;
        std::int32_t partitions_when_created = 1;
    };
    TopicPlacement(const metadata::ImageSource& images, const Options& options)
        : images_(images), options_(options) {}

    std::optional<ShardId> owner(PartitionIndex partition) const override {
        const auto image = images_.current();
        const auto* topic = image->topic(options_.topic);
        const auto* entry = topic == nullptr ? nullptr : topic->partitions.find(partition);
        if (entry == nullptr || entry->leader != options_.self) return std::nullopt;
        return replication::owner_of({topic->id, partition}, options_.shard_count);
    }
    std::int32_t partition_count() const override {
        const auto image = images_.current();
        const auto* topic = image->topic(options_.topic);
        return topic == nullptr ? options_.partitions_when_created
                                : static_cast<std::int32_t>(topic->partitions.size());
    }

private:
    const metadata::ImageSource& images_;
    const Options options_;
};

}  // namespace gregor::node
