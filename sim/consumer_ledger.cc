#include "sim/consumer_ledger.h"

#include <fmt/format.h>

#include <algorithm>

namespace gregor::sim {

void ConsumerLedger::answered(const std::string& name, Instant sent, std::int32_t epoch,
                              const Partitions& gained) {
    auto& member = members_[name];
    member.heard = std::max(member.heard, sent);
    if (epoch < member.epoch)
        world_->fail(fmt::format("{} went back from epoch {} to {}", name, member.epoch, epoch));
    member.epoch = epoch;
    for (const auto at : gained) {
        const auto owner = owners_.find(at);
        if (owner != owners_.end() && owner->second != name) {
            const auto known = members_.find(owner->second);
            if (known != members_.end() && world_->now() < known->second.heard + session_timeout_)
                world_->fail(fmt::format("t{}-{} belongs to {} and to {}", at.topic, at.partition,
                                         owner->second, name));
        }
        owners_[at] = name;
        ++assignments_;
    }
}

void ConsumerLedger::gives_up(const std::string& member, const Partitions& lost) {
    for (const auto at : lost)
        if (const auto owner = owners_.find(at); owner != owners_.end() && owner->second == member)
            owners_.erase(owner);
}

void ConsumerLedger::gone(const std::string& member) {
    members_.erase(member);
    std::erase_if(owners_, [&](const auto& owner) { return owner.second == member; });
}

bool ConsumerLedger::is_owned(const Partitions& partitions) const {
    return std::ranges::all_of(partitions, [&](TopicPartition at) { return owners_.contains(at); });
}

}  // namespace gregor::sim
