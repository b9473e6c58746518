#include "coordinator/group/consumer/consumer_member.h"

namespace gregor::coordinator {

MemberState member_state_of(std::int8_t value) {
    switch (static_cast<MemberState>(value)) {
        case MemberState::stable:
        case MemberState::unrevoked_partitions:
        case MemberState::unreleased_partitions: return static_cast<MemberState>(value);
        case MemberState::unknown: break;
    }
    return MemberState::unknown;
}

Assignment without_epochs(const PartitionEpochs& partitions) {
    Assignment assignment;
    for (const auto& [topic_id, epochs] : partitions)
        for (const auto& [partition, epoch] : epochs) assignment[topic_id].insert(partition);
    return assignment;
}

bool contains(const PartitionEpochs& partitions, Uuid topic_id, std::int32_t partition) {
    const auto topic = partitions.find(topic_id);
    return topic != partitions.end() && topic->second.contains(partition);
}

bool contains_all(const PartitionEpochs& partitions, const Assignment& wanted) {
    for (const auto& [topic_id, numbers] : wanted)
        for (const auto partition : numbers)
            if (!contains(partitions, topic_id, partition)) return false;
    return true;
}

bool contains_any(const PartitionEpochs& partitions, const Assignment& wanted) {
    for (const auto& [topic_id, numbers] : wanted)
        for (const auto partition : numbers)
            if (contains(partitions, topic_id, partition)) return true;
    return false;
}

// Version 4; never with a dash in front, which would look like an option on a command line.
std::string random_member_id(Turn& turn) {
    for (;;) {
        const auto high = (turn.random() & ~0xf000ULL) | 0x4000ULL;
        const auto low = (turn.random() >> 2U) | 0x8000'0000'0000'0000ULL;
        auto text = Uuid(high, low).to_string();
        if (!text.starts_with('-')) return text;
    }
}

}  // namespace gregor::coordinator
