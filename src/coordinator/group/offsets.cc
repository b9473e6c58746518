#include "coordinator/group/offsets.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/fault.h"

namespace gregor::coordinator {

void Offsets::put(const std::string& group_id, const OffsetKey& key, CommittedOffset offset,
                  ProducerId producer_id) {
    const auto order = next_order_++;
    if (producer_id != k_no_producer_id) {
        pending_[producer_id][{group_id, key}] = {.offset = std::move(offset), .order = order};
        return;
    }
    if (!pending_.empty() && has_pending(group_id, key)) order_[{group_id, key}] = order;
    committed_[group_id][key] = std::move(offset);
}

void Offsets::erase(const std::string& group_id, const OffsetKey& key) {
    const PendingKey pending_key{group_id, key};
    order_.erase(pending_key);
    for (auto& [producer, entries] : pending_) entries.erase(pending_key);
    std::erase_if(pending_, [](const auto& entry) { return entry.second.empty(); });
    const auto group = committed_.find(group_id);
    if (group == committed_.end()) return;
    group->second.erase(key);
    if (group->second.empty()) committed_.erase(group);
}

void Offsets::complete_transaction(ProducerId producer_id, bool committed) {
    const auto found = pending_.find(producer_id);
    if (found == pending_.end()) return;
    const auto entries = std::move(found->second);
    pending_.erase(found);
    for (const auto& [where, entry] : entries) {
        const auto newer = order_.find(where);
        const bool overtaken = newer != order_.end() && newer->second > entry.order;
        const bool counts = committed || PLANTED_BUG("offsets_of_aborted_transactions_count");
        if (counts && !overtaken) committed_[where.group_id][where.key] = entry.offset;
        if (!has_pending(where.group_id, where.key))
            order_.erase(where);
        else if (committed && !overtaken)
            order_[where] = entry.order;
    }
}

const Offsets::OfGroup* Offsets::find(const std::string& group_id) const {
    const auto found = committed_.find(group_id);
    return found == committed_.end() ? nullptr : &found->second;
}

const CommittedOffset* Offsets::find(const std::string& group_id, const OffsetKey& key) const {
    const auto* group = find(group_id);
    if (group == nullptr) return nullptr;
    const auto found = group->find(key);
    return found == group->end() ? nullptr : &found->second;
}

bool Offsets::has_pending(const std::string& group_id) const {
    return std::ranges::any_of(pending_, [&](const auto& producer) {
        const auto first = producer.second.lower_bound({group_id, {.topic = {}, .partition = INT32_MIN}});
        return first != producer.second.end() && first->first.group_id == group_id;
    });
}

bool Offsets::has_pending(const std::string& group_id, const OffsetKey& key) const {
    return std::ranges::any_of(
        pending_, [&](const auto& producer) { return producer.second.contains({group_id, key}); });
}

std::set<OffsetKey> Offsets::keys(const std::string& group_id) const {
    std::set<OffsetKey> keys;
    if (const auto* committed = find(group_id); committed != nullptr)
        for (const auto& [key, offset] : *committed) keys.insert(key);
    for (const auto& [producer, entries] : pending_) {
        auto at = entries.lower_bound({group_id, {.topic = {}, .partition = INT32_MIN}});
        for (; at != entries.end() && at->first.group_id == group_id; ++at) keys.insert(at->first.key);
    }
    return keys;
}

std::vector<std::string> Offsets::group_ids() const {
    std::vector<std::string> ids;
    ids.reserve(committed_.size());
    for (const auto& [id, offsets] : committed_) ids.push_back(id);
    return ids;
}

}  // namespace gregor::coordinator
