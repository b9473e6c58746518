// DescribeQuorum v0..v2.   v1 times (KIP-836) · v2 directories and endpoints of voters (KIP-853)
#include "controller/administration.h"

namespace gregor::controller {
namespace {

using Response = msg::DescribeQuorumResponse;
constexpr std::string_view k_topic = "__cluster_metadata";
constexpr std::int16_t k_voters_from = 2;  // their directories and endpoints

bool asks_for_the_log(const msg::DescribeQuorumRequest& request) {
    return request.topics.size() == 1 && request.topics[0].topic_name == k_topic &&
           request.topics[0].partitions.size() == 1 && request.topics[0].partitions[0].partition_index == 0;
}

// There is one log of metadata; whoever asks for another partition is told so for each that he names.
void refuse(const msg::DescribeQuorumRequest& request, Response& response) {
    for (const auto& topic : request.topics) {
        auto& row = response.topics.emplace_back();
        row.topic_name = topic.topic_name;
        for (const auto& partition : topic.partitions) {
            auto& entry = row.partitions.emplace_back();
            entry.partition_index = partition.partition_index;
            entry.error_code = ErrorCode::unknown_topic_or_partition;
            entry.error_message = "This server does not host this topic-partition.";
        }
    }
}

}  // namespace

Decision<Response> decide(const msg::DescribeQuorumRequest& request, std::int16_t version,
                          const DecisionContext& context) {
    Decision<Response> decision;
    auto& response = decision.response;
    response.error_message = "";
    if (!asks_for_the_log(request)) {
        refuse(request, response);
        return decision;
    }
    const auto quorum = context.log.quorum();
    const bool has_directories = version >= k_voters_from;
    auto& row = response.topics.emplace_back();
    row.topic_name = k_topic;
    auto& partition = row.partitions.emplace_back();
    partition.error_message = "";
    partition.leader_id = context.settings.node_id.value();
    partition.leader_epoch = quorum.leader_epoch.value();
    partition.high_watermark = quorum.high_watermark.value();
    for (const auto& voter : quorum.voters) {
        auto& state = partition.current_voters.emplace_back();
        state.replica_id = voter.id.value();
        state.log_end_offset = quorum.log_end_offset.value();
        state.last_fetch_timestamp = quorum.now_ms;  // of the leader, which is always caught up
        state.last_caught_up_timestamp = quorum.now_ms;
        if (!has_directories) continue;
        state.replica_directory_id = voter.directory_id;
        auto& node = response.nodes.emplace_back();
        node.node_id = voter.id.value();
        for (const auto& endpoint : voter.endpoints) {
            auto& listener = node.listeners.emplace_back();
            listener.name = decision.keep(endpoint.name);
            listener.host = decision.keep(endpoint.host);
            listener.port = endpoint.port;
        }
    }
    for (const auto& observer : quorum.observers) {
        auto& state = partition.observers.emplace_back();
        state.replica_id = observer.id.value();
        state.log_end_offset = observer.log_end_offset.value();
        state.last_fetch_timestamp = observer.last_fetch_ms;
        state.last_caught_up_timestamp = observer.last_caught_up_ms;
        if (has_directories) state.replica_directory_id = observer.directory_id;
    }
    return decision;
}

}  // namespace gregor::controller
