// What members of consumer groups were told, and the contradictions in it.
//
// A generation counts from the first SyncGroup answer on: that answer leaves only when the generation is
// durable, so no later one may be called the same or less. Within it every partition has at most one owner,
// and everybody has exactly what the leader gave. Once a generation counts, older ones are answered with
// errors only. Members commit ascending offsets, so an acked commit is a floor for every later fetch.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "sim/ledger.h"
#include "sim/world.h"

namespace gregor::sim {

class GroupLedger {
public:
    using Assignment = std::set<TopicPartition>;
    using Assignments = std::map<std::string, Assignment, std::less<>>;  // by member id

    explicit GroupLedger(World& world) : world_(world) {}

    // The newest generation that counts, as of now; a request remembers it when it is sent.
    std::int32_t generation(const std::string& group) const;
    void joined(const std::string& group, const std::string& member, std::int32_t generation,
                std::int32_t known_when_sent);
    void leader_assigns(const std::string& group, std::int32_t generation, const Assignments& assignments);
    void synced(const std::string& group, const std::string& member, std::int32_t generation,
                const Assignment& owned, std::int32_t known_when_sent);
    // A heartbeat or commit in the name of `generation` was answered without error.
    void served(const std::string& group, std::int32_t generation, std::int32_t known_when_sent,
                const char* what);

    std::int64_t committed(const std::string& group, TopicPartition at) const;  // -1: nothing yet
    void committing(const std::string& group, TopicPartition at, std::int64_t offset);
    void commit_acked(const std::string& group, TopicPartition at, std::int64_t offset);
    void fetched(const std::string& group, TopicPartition at, std::int64_t offset, std::int64_t floor);

    std::uint64_t generations() const { return generations_; }
    std::uint64_t commits() const { return commits_; }

private:
    struct Generation {
        std::vector<Assignments> given;  // by its leader; retries, and lives before it counted
        std::map<TopicPartition, std::string> owners;
    };
    struct Offsets {
        std::int64_t acked = -1;
        std::int64_t tried = -1;
    };
    struct Group {
        std::int32_t newest = -1;
        std::map<std::int32_t, Generation> generations;
        std::map<TopicPartition, Offsets> offsets;
    };

    World& world_;
    std::map<std::string, Group> groups_;
    std::uint64_t generations_ = 0;
    std::uint64_t commits_ = 0;
};

}  // namespace gregor::sim
