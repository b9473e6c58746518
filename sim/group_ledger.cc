#include "sim/group_ledger.h"

#include <fmt/format.h>

#include <algorithm>

namespace gregor::sim {

std::int32_t GroupLedger::generation(const std::string& group) const {
    const auto found = groups_.find(group);
    return found == groups_.end() ? -1 : found->second.newest;
}

void GroupLedger::joined(const std::string& group, const std::string& member, std::int32_t generation,
                         std::int32_t known_when_sent) {
    if (generation >= known_when_sent) return;
    world_.fail(fmt::format("{} joined {} in generation {}, though {} was known", member, group, generation,
                            known_when_sent));
}

void GroupLedger::leader_assigns(const std::string& group, std::int32_t generation,
                                 const Assignments& assignments) {
    groups_[group].generations[generation].given.push_back(assignments);
}

void GroupLedger::synced(const std::string& group, const std::string& member, std::int32_t generation,
                         const Assignment& owned, std::int32_t known_when_sent) {
    served(group, generation, known_when_sent, "SyncGroup");
    auto& state = groups_[group];
    auto& now = state.generations[generation];
    const auto gave_this = [&](const Assignments& given) {
        const auto mine = given.find(member);
        return mine == given.end() ? owned.empty() : mine->second == owned;
    };
    if (std::ranges::none_of(now.given, gave_this)) {
        return world_.fail(fmt::format("{} of {} got partitions in generation {} that its leader never gave",
                                       member, group, generation));
    }
    for (const auto at : owned) {
        const auto [owner, is_new] = now.owners.try_emplace(at, member);
        if (is_new || owner->second == member) continue;
        world_.fail(fmt::format("t{}-{} belongs to {} and to {} in generation {} of {}", at.topic,
                                at.partition, owner->second, member, generation, group));
    }
    if (generation > state.newest) ++generations_;
    state.newest = std::max(state.newest, generation);
}

void GroupLedger::served(const std::string& group, std::int32_t generation, std::int32_t known_when_sent,
                         const char* what) {
    if (generation >= known_when_sent) return;
    world_.fail(fmt::format("{} of generation {} of {} was served, though {} was known", what, generation,
                            group, known_when_sent));
}

std::int64_t GroupLedger::committed(const std::string& group, TopicPartition at) const {
    const auto found = groups_.find(group);
    if (found == groups_.end()) return -1;
    const auto offsets = found->second.offsets.find(at);
    return offsets == found->second.offsets.end() ? -1 : offsets->second.acked;
}

void GroupLedger::committing(const std::string& group, TopicPartition at, std::int64_t offset) {
    auto& tried = groups_[group].offsets[at].tried;
    tried = std::max(tried, offset);
}

void GroupLedger::commit_acked(const std::string& group, TopicPartition at, std::int64_t offset) {
    auto& acked = groups_[group].offsets[at].acked;
    acked = std::max(acked, offset);
    ++commits_;
}

void GroupLedger::fetched(const std::string& group, TopicPartition at, std::int64_t offset,
                          std::int64_t floor) {
    const auto tried = groups_[group].offsets[at].tried;
    if (offset >= floor && offset <= tried) return;
    world_.fail(
        fmt::format("{} fetched committed offset {} of t{}-{}: at least {} was acked, at most {} tried",
                    group, offset, at.topic, at.partition, floor, tried));
}

}  // namespace gregor::sim
