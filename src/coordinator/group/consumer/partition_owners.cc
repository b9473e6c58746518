#include "coordinator/group/consumer/partition_owners.h"

#include <algorithm>

namespace gregor::coordinator {

PartitionOwners::PartitionOwners(const AssignorInput& input) {
    for (const auto& [member_id, member] : input.members) {
        for (const auto id : member.subscribed_topics) {
            const auto topic = input.topics.find(id);
            if (topic == input.topics.end()) continue;
            const auto count = static_cast<std::size_t>(std::max(topic->second.partition_count, 0));
            topics_.try_emplace(id, count, k_no_owner);
        }
    }
}

Assignment PartitionOwners::keep(const AssignorMember& member, std::int32_t number) {
    Assignment kept;
    for (const auto& [id, partitions] : member.current) {
        const auto topic = topics_.find(id);
        if (topic == topics_.end() || !member.subscribed_topics.contains(id)) continue;
        auto& owners = topic->second;
        for (const auto partition : partitions) {
            const auto index = static_cast<std::size_t>(partition);
            if (partition < 0 || index >= owners.size() || owners[index] != k_no_owner) continue;
            owners[index] = number;
            kept[id].insert(partition);
        }
    }
    return kept;
}

}  // namespace gregor::coordinator
