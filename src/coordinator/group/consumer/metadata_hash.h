// What a consumer group remembers of the topics that it subscribes to: it rebalances when the hash changes.
// The same numbers as Kafka's, so that a group does not rebalance because another broker took it over.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"

namespace gregor::coordinator {

// `racks_sorted`: of the replicas of each partition, repeated as often as replicas stand in a rack.
std::int64_t topic_hash(Uuid id, std::string_view name, std::int32_t partitions,
                        const std::vector<std::vector<std::string>>& racks_sorted);

// Of the hashes of its topics by name; 0 without topics.
std::int64_t group_hash(const std::map<std::string, std::int64_t>& topic_hashes);

}  // namespace gregor::coordinator
