// Incremental fetch sessions (KIP-227): what a consumer asks for again and again is remembered, so that
// requests and answers carry only what changed.
//
// Shard state: a session lives on the shard of the connection that made it, and its id says which shard that
// is. A client that comes back on another shard's connection is told FETCH_SESSION_ID_NOT_FOUND and starts
// anew.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error_code.h"
#include "base/ids.h"
#include "base/prng.h"
#include "base/time.h"

namespace gregor::server {

// A partition as the client names it: by topic id since Fetch v13, by name before.
struct FetchKey {
    Uuid topic_id;
    std::string topic;  // empty with an id
    PartitionIndex partition;
    friend auto operator<=>(const FetchKey&, const FetchKey&) = default;
};

struct SessionPartition {
    FetchKey key;
    std::int64_t fetch_offset = 0;
    std::int32_t max_bytes = 0;
    std::int32_t current_leader_epoch = -1;
    std::int32_t last_fetched_epoch = -1;
    // What the client knows already.
    std::int64_t sent_high_watermark = -1;
    std::int64_t sent_log_start_offset = -1;
    bool is_new = true;  // since this request
};

class FetchSession {
public:
    // Adds, or gives an existing partition its new parameters.
    void put(SessionPartition partition);
    void forget(const FetchKey& key);
    SessionPartition* find(const FetchKey& key);
    // Behind all others, so that every partition gets its turn at the byte budget.
    void move_to_end(const FetchKey& key);
    const std::list<SessionPartition>& partitions() const { return partitions_; }

    std::int32_t id = 0;
    std::int32_t next_epoch = 1;  // the epoch that the next request must carry
    bool uses_topic_ids = false;
    bool is_privileged = false;  // of a follower: its loss would slow replication
    Instant created;
    Instant last_used;

private:
    std::list<SessionPartition> partitions_;  // in order of service
    std::map<FetchKey, std::list<SessionPartition>::iterator> by_key_;
};

class FetchSessions {
public:
    struct Config {
        std::size_t slots_max = 1000;  // max.incremental.fetch.session.cache.slots, this shard's share
        std::size_t partitions_max = 100'000;  // of all sessions together
        std::uint32_t shard = 0;
        std::uint32_t shard_count = 1;
        std::uint64_t seed = 0;
    };
    explicit FetchSessions(const Config& config) : config_(config), prng_(config.seed) {}

    // Who asks for a session, and how large it would be.
    struct Applicant {
        bool uses_topic_ids = false;
        bool is_privileged = false;
        std::size_t partition_count = 0;
    };
    // Evicts by Kafka's rules to make room; nullptr when there is none. In this order: the session that
    // nobody has used for longest, if that is more than 120 s; else the least valuable of those that may go,
    // if it is worth less than the applicant. A follower's session is worth more than a consumer's, a
    // larger one more than a smaller one. A session may go when it is older than 120 s; for a follower, any
    // consumer's.
    FetchSession* create(const Applicant& applicant, Instant now);
    // fetch_session_id_not_found, invalid_fetch_session_epoch, fetch_session_topic_id_error.
    ErrorCode check(std::int32_t id, std::int32_t epoch, bool uses_topic_ids) const;
    FetchSession* find(std::int32_t id);
    void close(std::int32_t id);
    std::size_t size() const { return sessions_.size(); }
    std::size_t partition_count() const;
    // Sessions grow after they were made, too.
    bool is_over_limit() const { return partition_count() > config_.partitions_max; }

private:
    bool make_room(const Applicant& applicant, Instant now);
    bool evict(const Applicant& applicant, Instant now);
    std::int32_t draw_id();

    Config config_;
    Prng prng_;
    std::map<std::int32_t, FetchSession> sessions_;
};

std::int32_t next_session_epoch(std::int32_t epoch);  // after 2^31-1 comes 1

}  // namespace gregor::server
