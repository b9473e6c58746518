#include "server/fetch_session.h"

#include <limits>

namespace gregor::server {
namespace {

constexpr auto k_eviction_age = Duration::seconds(120);

// What a session is worth (Kafka's EvictableKey): the smallest goes first.
struct Value {
    bool is_privileged = false;
    std::size_t partition_count = 0;
    std::int32_t id = 0;
    friend constexpr auto operator<=>(const Value&, const Value&) = default;
};

Value value_of(const FetchSession& session) {
    return {session.is_privileged, session.partitions().size(), session.id};
}

bool may_be_evicted(const FetchSession& session, bool by_privileged) {
    return (by_privileged && !session.is_privileged) || session.last_used - session.created > k_eviction_age;
}

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

bool FetchSessions::make_room(const Applicant& applicant, Instant now) {
    if (applicant.partition_count > config_.partitions_max) return false;
    while (sessions_.size() >= config_.slots_max ||
           partition_count() + applicant.partition_count > config_.partitions_max) {
        if (!evict(applicant, now)) return false;
    }
    return true;
}

bool FetchSessions::evict(const Applicant& applicant, Instant now) {
    auto stalest = sessions_.end();
    auto cheapest = sessions_.end();
    for (auto entry = sessions_.begin(); entry != sessions_.end(); ++entry) {
        const auto& session = entry->second;
        if (stalest == sessions_.end() || session.last_used < stalest->second.last_used) stalest = entry;
        if (!may_be_evicted(session, applicant.is_privileged)) continue;
        if (cheapest == sessions_.end() || value_of(session) < value_of(cheapest->second)) cheapest = entry;
    }
    if (stalest == sessions_.end()) return false;
    if (now - stalest->second.last_used > k_eviction_age) {
        sessions_.erase(stalest);
        return true;
    }
    const Value own{applicant.is_privileged, applicant.partition_count, 0};
    if (cheapest == sessions_.end() || own < value_of(cheapest->second)) return false;
    sessions_.erase(cheapest);
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

FetchSession* FetchSessions::create(const Applicant& applicant, Instant now) {
    if (config_.slots_max == 0 || !make_room(applicant, now)) return nullptr;
    const auto id = draw_id();
    auto& session = sessions_[id];
    session.id = id;
    session.uses_topic_ids = applicant.uses_topic_ids;
    session.is_privileged = applicant.is_privileged;
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
