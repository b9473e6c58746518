// What travels between handlers and the coordinator for consumer groups (KIP-848).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error_code.h"
#include "coordinator/group/consumer/assignor.h"
#include "protocol/rebalances.h"

namespace gregor::coordinator {

// Whether the client of a request may see a topic. Callable on any shard, until the request is answered.
using TopicFilter = std::function<bool(std::string_view topic)>;

struct ConsumerHeartbeatRequest {
    std::string group_id;
    std::string member_id;          // empty: a name is wanted (v0)
    std::int32_t member_epoch = 0;  // 0 joins, -1 leaves, -2 leaves for a while
    std::optional<std::string> instance_id;
    std::optional<std::string> rack_id;
    std::int32_t rebalance_timeout_ms = -1;  // -1: as before; nothing in what follows means the same
    std::optional<std::vector<std::string>> subscribed_topics;
    std::optional<std::string> subscribed_regex;
    std::optional<std::string> server_assignor;
    std::optional<Assignment> owned;
    std::string client_id;
    std::string client_host;         // with Kafka's leading slash
    bool requires_member_id = true;  // v1+ (KIP-1082)
    TopicFilter may_describe;        // what a regular expression may match
};

struct ConsumerHeartbeatResult {
    ErrorCode error = ErrorCode::none;
    std::string error_message = {};
    std::optional<std::string> member_id = {};
    std::int32_t member_epoch = 0;
    std::int32_t heartbeat_interval_ms = 0;
    std::optional<Assignment> assignment = {};  // nothing: as before
};

struct DescribeConsumerRequest {
    std::string group_id;
    bool with_rebalances = false;  // why it rebalanced, too
};

struct DescribedConsumerGroup {
    struct TopicPartitions {
        Uuid topic_id;
        std::string name;
        std::vector<std::int32_t> partitions;
    };
    struct Member {
        std::string member_id;
        std::optional<std::string> instance_id;
        std::optional<std::string> rack_id;
        std::int32_t epoch = 0;
        std::string client_id;
        std::string client_host;
        std::vector<std::string> subscribed_topics;
        std::optional<std::string> subscribed_regex;
        std::vector<TopicPartitions> assignment;
        std::vector<TopicPartitions> target;
        bool is_classic = false;
    };
    ErrorCode error = ErrorCode::none;
    std::string error_message;
    std::string group_id;
    std::string_view state;  // a literal
    std::int32_t epoch = 0;
    std::int32_t assignment_epoch = 0;
    std::string assignor;
    std::vector<Member> members;
    std::vector<protocol::Rebalance> rebalances;
};

}  // namespace gregor::coordinator
