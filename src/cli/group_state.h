// What a group's coordinator says of it: its state, its members, its committed offsets.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/offsets.h"
#include "client/cluster_client.h"

namespace gregor::cli {

struct GroupMemberInfo {
    std::string member_id;
    std::string instance_id;
    std::string client_id;
    std::string host;
    std::vector<TopicPartition> partitions;
};
struct GroupInfo {
    std::string type;  // Classic or Consumer
    std::string state;
    std::string protocol;  // the assignor
    std::int32_t coordinator = -1;
    std::vector<GroupMemberInfo> members;
};

// Of either protocol. A group that is not there is an error.
Result<GroupInfo> describe_group(client::ClusterClient& cluster, const std::string& group);

// Every partition with a committed offset.
Result<Offsets> committed_offsets(client::ClusterClient& cluster, const std::string& group);
// As nobody's member: works while the group has none.
Status commit_offsets(client::ClusterClient& cluster, const std::string& group, const Offsets& offsets);

}  // namespace gregor::cli
