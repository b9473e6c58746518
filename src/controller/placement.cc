#include "controller/placement.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/format.h"
#include "metadata/image_records.h"

namespace gregor::controller {
namespace {

struct Candidates {
    std::vector<BrokerId> live;
    std::vector<BrokerId> fenced;
};

// Brokers by turns of the racks (first of each rack, second of each rack, ...), so that neighbours in the
// list are in different racks wherever that is possible.
std::vector<BrokerId> interleaved(const std::map<std::string, std::vector<BrokerId>>& racks) {
    std::vector<BrokerId> order;
    for (std::size_t turn = 0;; ++turn) {
        const auto before = order.size();
        for (const auto& [rack, brokers] : racks) {
            if (turn < brokers.size()) order.push_back(brokers[turn]);
        }
        if (order.size() == before) return order;
    }
}

// All of its directories cordoned: nothing new goes there (KIP-1066).
bool is_cordoned(const metadata::BrokerRegistration& broker) {
    if (!broker.cordoned_log_dirs || broker.log_dirs.empty()) return false;
    return std::ranges::all_of(broker.log_dirs, [&broker](Uuid directory) {
        return std::ranges::find(*broker.cordoned_log_dirs, directory) != broker.cordoned_log_dirs->end();
    });
}

Candidates candidates(const metadata::ClusterState& state) {
    std::map<std::string, std::vector<BrokerId>> live;
    std::map<std::string, std::vector<BrokerId>> fenced;
    for (const auto& [id, broker] : state.brokers) {
        if (broker.in_controlled_shutdown || is_cordoned(broker)) continue;
        (broker.fenced ? fenced : live)[broker.rack.value_or("")].push_back(id);
    }
    return {interleaved(live), interleaved(fenced)};
}

std::vector<BrokerId> place_one(const Candidates& brokers, std::size_t turn, std::size_t replication_factor) {
    std::vector<BrokerId> replicas;
    const auto take = [&](const std::vector<BrokerId>& from) {
        for (std::size_t i = 0; i < from.size() && replicas.size() < replication_factor; ++i)
            replicas.push_back(from[(turn + i) % from.size()]);
    };
    take(brokers.live);
    take(brokers.fenced);
    return replicas;
}

}  // namespace

Result<std::vector<std::vector<BrokerId>>> place_replicas(const metadata::ClusterState& state,
                                                          const PlacementRequest& request) {
    const auto brokers = candidates(state);
    const auto usable = brokers.live.size() + brokers.fenced.size();
    const auto wanted = static_cast<std::size_t>(request.replication_factor);
    if (wanted > usable) {
        return fail(
            ErrorCode::invalid_replication_factor,
            fmt::format("The target replication factor of {} cannot be reached because only {} broker(s) are "
                        "registered or some brokers have all their log directories cordoned.",
                        wanted, usable));
    }
    if (brokers.live.empty())
        return fail(ErrorCode::invalid_replication_factor,
                    "All brokers are currently fenced or have all their log "
                    "directories cordoned.");
    std::vector<std::vector<BrokerId>> placed;
    for (std::int32_t i = 0; i < request.partitions; ++i)
        placed.push_back(place_one(brokers, static_cast<std::size_t>(request.first_partition + i), wanted));
    return placed;
}

metadata::Partition new_partition(const metadata::ClusterState& state, std::vector<BrokerId> replicas) {
    metadata::Partition partition;
    for (const auto replica : replicas) {
        const auto* broker = state.broker(replica);
        auto directory = metadata::k_unassigned_directory;
        if (broker != nullptr && broker->log_dirs.size() == 1) directory = broker->log_dirs.front();
        if (broker != nullptr && broker->log_dirs.empty()) directory = metadata::k_migrating_directory;
        partition.directories.push_back(directory);
        if (broker != nullptr && broker->is_active()) partition.isr.push_back(replica);
    }
    partition.replicas = std::move(replicas);
    partition.leader = partition.isr.empty() ? k_no_broker : partition.isr.front();
    partition.leader_epoch = LeaderEpoch{0};
    partition.partition_epoch = 0;
    return partition;
}

Status check_assignment(const metadata::ClusterState& state, const std::vector<BrokerId>& replicas,
                        std::size_t replication_factor) {
    constexpr auto k_invalid = ErrorCode::invalid_replica_assignment;
    if (replicas.empty())
        return fail(k_invalid, "The manual partition assignment includes an empty replica list.");
    std::set<BrokerId> seen;
    for (const auto replica : replicas) {
        if (state.broker(replica) == nullptr) {
            return fail(k_invalid,
                        fmt::format("The manual partition assignment includes broker {}, but no such broker "
                                    "is registered.",
                                    replica));
        }
        if (!seen.insert(replica).second) {
            return fail(k_invalid,
                        fmt::format("The manual partition assignment includes the broker {} more than once.",
                                    replica));
        }
    }
    if (replication_factor != 0 && replicas.size() != replication_factor) {
        return fail(
            k_invalid,
            fmt::format(
                "The manual partition assignment includes a partition with {} replica(s), but this is "
                "not consistent with previous partitions, which have {} replica(s).",
                replicas.size(), replication_factor));
    }
    return {};
}

Slice encode_new_partition(const metadata::ClusterState& state, Uuid topic_id, PartitionIndex index,
                           const metadata::Partition& partition) {
    return metadata::partition_record(topic_id, index, partition, state.metadata_version);
}

}  // namespace gregor::controller
