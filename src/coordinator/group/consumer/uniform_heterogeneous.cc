#include "coordinator/group/consumer/uniform_heterogeneous.h"

#include <algorithm>
#include <utility>

#include "coordinator/group/consumer/load_levels.h"
#include "coordinator/group/consumer/partition_owners.h"

namespace gregor::coordinator {
namespace {

// With overlapping subscriptions each round about halves the imbalance; as many as Kafka plays.
constexpr int k_rounds_max = 16;

struct Topic {
    Uuid id;
    std::vector<std::int32_t>* owners;
    std::vector<std::size_t> subscribers;  // numbers of members, ascending

    double partitions_per_subscriber() const {
        return static_cast<double>(owners->size()) / static_cast<double>(subscribers.size());
    }
};

// Kafka compares the halves of an id as signed numbers.
std::pair<std::int64_t, std::int64_t> java_order(Uuid id) {
    return {static_cast<std::int64_t>(id.high()), static_cast<std::int64_t>(id.low())};
}

// The topics with the least choice first.
bool goes_first(const Topic& a, const Topic& b) {
    if (a.partitions_per_subscriber() != b.partitions_per_subscriber())
        return a.partitions_per_subscriber() > b.partitions_per_subscriber();
    if (a.subscribers.size() != b.subscribers.size()) return a.subscribers.size() < b.subscribers.size();
    return java_order(a.id) < java_order(b.id);
}

class HeterogeneousGroup {
public:
    explicit HeterogeneousGroup(const AssignorInput& input) : input_(input), owners_(input) {}

    MemberAssignments assign() {
        if (owners_.topics().empty()) return {};
        keep_current();
        sort_topics();
        for (auto& topic : topics_) assign_free(topic);
        balance();
        return std::move(target_);
    }

private:
    void keep_current() {
        for (const auto& [id, member] : input_.members) {
            auto kept = owners_.keep(member, static_cast<std::int32_t>(load_.size()));
            std::int32_t load = 0;
            for (const auto& [topic, partitions] : kept) load += static_cast<std::int32_t>(partitions.size());
            load_.push_back(load);
            assignments_.push_back(&target_.emplace(id, std::move(kept)).first->second);
        }
    }

    void sort_topics() {
        std::map<Uuid, std::vector<std::size_t>> subscribers;
        for (std::size_t number = 0; const auto& [id, member] : input_.members) {
            for (const auto topic : member.subscribed_topics) subscribers[topic].push_back(number);
            ++number;
        }
        for (auto& [id, owners] : owners_.topics())
            topics_.push_back({.id = id, .owners = &owners, .subscribers = std::move(subscribers[id])});
        std::ranges::sort(topics_, goes_first);
    }

    void assign_free(Topic& topic) {
        LoadLevels levels(topic.subscribers, load_);
        for (std::size_t i = 0; i < topic.owners->size(); ++i)
            if ((*topic.owners)[i] == k_no_owner) give(topic, i, levels.next_emptiest());
    }

    // Until a whole round over the topics has moved nothing.
    void balance() {
        std::erase_if(topics_, [](const Topic& topic) { return topic.subscribers.size() < 2; });
        const Topic* last_moved = nullptr;
        for (int round = 0; round < k_rounds_max; ++round) {
            for (auto& topic : topics_) {
                if (&topic == last_moved) return;
                if (balance(topic) || last_moved == nullptr) last_moved = &topic;
            }
        }
    }

    // Whether a partition moved.
    bool balance(Topic& topic) {
        LoadLevels levels(topic.subscribers, load_);
        if (levels.spread() <= 1) return false;
        auto held = partitions_by_owner(topic);
        bool moved = false;
        while (!levels.balanced()) {
            const auto giver = next_giver(levels, held);
            if (!giver) break;
            const auto partition = held[*giver].back();
            held[*giver].pop_back();
            const auto taker = levels.next_emptiest();
            if (levels.balanced()) break;
            take(topic, partition, *giver);
            give(topic, partition, taker);
            moved = true;
        }
        return moved;
    }

    using Held = std::vector<std::vector<std::size_t>>;  // by member, ascending

    Held partitions_by_owner(const Topic& topic) const {
        Held held(load_.size());
        for (std::size_t i = 0; i < topic.owners->size(); ++i)
            held[static_cast<std::size_t>((*topic.owners)[i])].push_back(i);
        return held;
    }

    static std::optional<std::size_t> next_giver(LoadLevels& levels, const Held& held) {
        auto giver = levels.next_fullest();
        while (giver && held[*giver].empty()) {
            levels.exclude_fullest();
            giver = levels.next_fullest();
        }
        return giver;
    }

    void give(Topic& topic, std::size_t partition, std::size_t member) {
        (*topic.owners)[partition] = static_cast<std::int32_t>(member);
        (*assignments_[member])[topic.id].insert(static_cast<std::int32_t>(partition));
        ++load_[member];
    }

    void take(Topic& topic, std::size_t partition, std::size_t member) {
        const auto found = assignments_[member]->find(topic.id);
        found->second.erase(static_cast<std::int32_t>(partition));
        if (found->second.empty()) assignments_[member]->erase(found);
        --load_[member];
    }

    const AssignorInput& input_;
    PartitionOwners owners_;
    MemberAssignments target_;
    // By number of member:
    std::vector<Assignment*> assignments_;
    std::vector<std::int32_t> load_;
    std::vector<Topic> topics_;
};

}  // namespace

MemberAssignments assign_uniform_heterogeneous(const AssignorInput& input) {
    return HeterogeneousGroup(input).assign();
}

}  // namespace gregor::coordinator
