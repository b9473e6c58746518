#include "server/fetch_session.h"

#include <limits>

namespace gregor::server {
namespace {

constexpr auto k_eviction_age = Duration::seconds(120);

}  // namespace

void FetchSession::put(SessionPartition partition) {
    if (auto* known = find(partition.key)) {
        known->fetch_offset = partition.fetch_offset;
        known->max_bytes = partition.max_bytes;
        known->current_leader_epoch = partition.current_leader_epoch;
        known->last_fetched_epoch = partition.last_fetched_epoch;
        return;
    }
    partitions_.push_back(std::move(partition));
    by_key_[partitions_.back().key] = std::prev(partitions_.end());
}

void FetchSession::forget(const FetchKey& key) {
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) return;
    partitions_.erase(found->second);
    by_key_.erase(found);
}

SessionPartition* FetchSession::find(const FetchKey& key) {
    const auto found = by_key_.find(key);
    return found == by_key_.end() ? nullptr : &*found->second;
}

void FetchSession::move_to_end(const FetchKey& key) {
    const auto found = by_key_.find(key);
    if (found != by_key_.end()) partitions_.splice(partitions_.end(), partitions_, found->second);
}

std::size_t FetchSessions::partition_count() const {
    std::size_t count = 0;
    for (const auto& [id, session] : sessions_) count += session.partitions().size();
    return count;
}

// The least recently used sessions go first, and only when nobody has used them for a while.
bool FetchSessions::make_room(std::size_t added, Instant now) {
    if (added > config_.partitions_max) return false;
    while (sessions_.size() >= config_.slots_max || partition_count() + added > config_.partitions_max) {
        auto oldest = sessions_.begin();
        for (auto session = sessions_.begin(); session != sessions_.end(); ++session) {
            if (session->second.last_used < oldest->second.last_used) oldest = session;
        }
        if (oldest == sessions_.end() || now - oldest->second.last_used <= k_eviction_age) return false;
        sessions_.erase(oldest);
    }
    return true;
}

std::int32_t FetchSessions::draw_id() {
    constexpr auto k_ids = static_cast<std::uint64_t>(std::numeric_limits<std::int32_t>::max());
    for (;;) {
        const auto slot = prng_.below(k_ids / config_.shard_count);
        const auto id = static_cast<std::int32_t>(slot * config_.shard_count + config_.shard);
        if (id > 0 && !sessions_.contains(id)) return id;
    }
}

FetchSession* FetchSessions::create(bool uses_topic_ids, std::size_t partition_count, Instant now) {
    if (config_.slots_max == 0 || !make_room(partition_count, now)) return nullptr;
    const auto id = draw_id();
    auto& session = sessions_[id];
    session.id = id;
    session.uses_topic_ids = uses_topic_ids;
    session.created = now;
    session.last_used = now;
    return &session;
}

ErrorCode FetchSessions::check(std::int32_t id, std::int32_t epoch, bool uses_topic_ids) const {
    const auto found = sessions_.find(id);
    if (found == sessions_.end()) return ErrorCode::fetch_session_id_not_found;
    if (found->second.next_epoch != epoch) return ErrorCode::invalid_fetch_session_epoch;
    if (found->second.uses_topic_ids != uses_topic_ids) return ErrorCode::fetch_session_topic_id_error;
    return ErrorCode::none;
}

FetchSession* FetchSessions::find(std::int32_t id) {
    const auto found = sessions_.find(id);
    return found == sessions_.end() ? nullptr : &found->second;
}

void FetchSessions::close(std::int32_t id) { sessions_.erase(id); }

std::int32_t next_session_epoch(std::int32_t epoch) {
    return epoch == std::numeric_limits<std::int32_t>::max() ? 1 : epoch + 1;
}

}  // namespace gregor::server
