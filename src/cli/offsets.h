// Offsets of many partitions at once, each asked of the partition's leader.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "client/cluster_client.h"

namespace gregor::cli {

struct TopicPartition {
    std::string topic;
    std::int32_t partition = 0;
    friend auto operator<=>(const TopicPartition&, const TopicPartition&) = default;
};

struct PartitionInfo {
    BrokerId leader;  // -1: none
    Uuid topic_id;
    std::vector<std::int32_t> replicas;
    std::vector<std::int32_t> isr;
    std::vector<std::int32_t> offline;
};
struct TopicInfo {
    std::string name;
    Uuid id;
    bool is_internal = false;
    std::map<std::int32_t, PartitionInfo> partitions;
};

// The topics named, or all. A topic that does not exist is an error.
Result<std::vector<TopicInfo>> describe_topics(client::ClusterClient& cluster,
                                               const std::vector<std::string>& names);

using Offsets = std::map<TopicPartition, std::int64_t>;

inline constexpr std::int64_t k_latest = -1;
inline constexpr std::int64_t k_earliest = -2;
// The first offset whose time is at least `timestamp` (or k_latest, k_earliest) of each partition of these
// topics; where there is none, the end. A partition without a leader is left out.
Result<Offsets> list_offsets(client::ClusterClient& cluster, const std::vector<TopicInfo>& topics,
                             std::int64_t timestamp);

}  // namespace gregor::cli
