#include <algorithm>
#include <tuple>

#include "coordinator/group/consumer/assignor.h"

namespace gregor::coordinator {
namespace {

// What is left of a topic while members take their ranges in turn.
struct Remainder {
    std::int32_t partition_count = 0;
    std::int32_t subscribers = 0;
    std::int32_t next = 0;
    std::int32_t takers = 0;  // members that have taken their range

    void take(std::set<std::int32_t>& partitions) {
        const auto size = partition_count / subscribers + (takers < partition_count % subscribers ? 1 : 0);
        ++takers;
        for (const auto end = next + size; next < end; ++next) partitions.insert(partitions.end(), next);
    }
};

// Static members keep their place when they come back with another member id.
bool goes_first(const AssignorMember* a, const AssignorMember* b) {
    if (a->instance_id && b->instance_id)
        return std::tie(*a->instance_id, a->member_id) < std::tie(*b->instance_id, b->member_id);
    if (a->instance_id || b->instance_id) return a->instance_id.has_value();
    return a->member_id < b->member_id;
}

}  // namespace

MemberAssignments assign_range(const AssignorInput& input) {
    std::vector<const AssignorMember*> members;
    std::map<Uuid, Remainder> remainders;
    for (const auto& [id, topic] : input.topics)
        remainders[id].partition_count = std::max(topic.partition_count, 0);
    for (const auto& [id, member] : input.members) {
        members.push_back(&member);
        for (const auto topic : member.subscribed_topics)
            if (const auto found = remainders.find(topic); found != remainders.end())
                ++found->second.subscribers;
    }
    std::ranges::sort(members, goes_first);

    MemberAssignments assignments;
    for (const auto* member : members) {
        auto& assignment = assignments[member->member_id];
        for (const auto topic : member->subscribed_topics) {
            const auto found = remainders.find(topic);
            if (found == remainders.end()) continue;
            std::set<std::int32_t> partitions;
            found->second.take(partitions);
            if (!partitions.empty()) assignment.emplace(topic, std::move(partitions));
        }
    }
    return assignments;
}

}  // namespace gregor::coordinator
