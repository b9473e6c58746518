// ConsumerGroupHeartbeat v0..v1 (KIP-848).   v1 members name themselves (KIP-1082), regular expressions
#include "gen/api/consumer_group_heartbeat.h"

#include <algorithm>
#include <utility>

#include "coordinator/group_coordinator.h"
#include "server/handlers/consumer_groups.h"
#include "server/handlers/group_values.h"
#include "server/request_context.h"

namespace gregor::server {
namespace {

constexpr std::int16_t k_version_own_member_id = 1;

using TopicPartitions = msg::ConsumerGroupHeartbeatRequest::TopicPartitions;

coordinator::Assignment assignment_of(const List<TopicPartitions>& topics) {
    coordinator::Assignment assignment;
    for (const auto& topic : topics)
        assignment[topic.topic_id].insert(topic.partitions.begin(), topic.partitions.end());
    return assignment;
}

coordinator::ConsumerHeartbeatRequest to_request(const msg::ConsumerGroupHeartbeatRequest& request,
                                                 const RequestContext& context) {
    coordinator::ConsumerHeartbeatRequest heartbeat;
    heartbeat.group_id = request.group_id;
    heartbeat.member_id = request.member_id;
    heartbeat.member_epoch = request.member_epoch;
    heartbeat.instance_id = owned(request.instance_id);
    heartbeat.rack_id = owned(request.rack_id);
    heartbeat.rebalance_timeout_ms = request.rebalance_timeout_ms;
    if (request.subscribed_topic_names)
        heartbeat.subscribed_topics.emplace(request.subscribed_topic_names->begin(),
                                            request.subscribed_topic_names->end());
    heartbeat.subscribed_regex = owned(request.subscribed_topic_regex);
    heartbeat.server_assignor = owned(request.server_assignor);
    if (request.topic_partitions) heartbeat.owned = assignment_of(*request.topic_partitions);
    heartbeat.client_id = context.client_id();
    heartbeat.client_host = "/" + std::string(context.peer_host());  // as Java prints an address
    heartbeat.requires_member_id = context.api_version() >= k_version_own_member_id;
    heartbeat.may_describe = [&context](std::string_view topic) {
        return context.allows(security::Operation::describe, security::ResourceType::topic, topic);
    };
    return heartbeat;
}

struct AnswerHeartbeat {
    Completion<msg::ConsumerGroupHeartbeatResponse> done;

    void operator()(const Result<coordinator::ConsumerHeartbeatResult>& result) {
        msg::ConsumerGroupHeartbeatResponse response;
        if (!result) {
            response.error_code = result.error().code;
            if (!result.error().detail.empty()) response.error_message = result.error().detail;
            return done(std::move(response));
        }
        response.error_code = result->error;
        if (!result->error_message.empty()) response.error_message = result->error_message;
        response.member_id = result->member_id;
        response.member_epoch = result->member_epoch;
        response.heartbeat_interval_ms = result->heartbeat_interval_ms;
        if (result->assignment) {
            auto& topics = response.assignment.emplace().topic_partitions;
            for (const auto& [topic_id, partitions] : *result->assignment)
                topics.push_back({topic_id, {partitions.begin(), partitions.end()}, {}});
        }
        done(std::move(response));
    }
};

bool may_see_topics(const msg::ConsumerGroupHeartbeatRequest& request, const RequestContext& context) {
    return !request.subscribed_topic_names ||
           std::ranges::all_of(*request.subscribed_topic_names, [&](std::string_view topic) {
               return context.allows(security::Operation::describe, security::ResourceType::topic, topic);
           });
}

}  // namespace

void handle_consumer_group_heartbeat(const msg::ConsumerGroupHeartbeatRequest& request,
                                     RequestContext& context,
                                     Completion<msg::ConsumerGroupHeartbeatResponse> done) {
    AnswerHeartbeat answer{std::move(done)};
    if (!serves_consumer_groups(context)) return answer(fail(ErrorCode::unsupported_version));
    if (!may_read_group(context, request.group_id))
        return answer(fail(ErrorCode::group_authorization_failed));
    if (!may_see_topics(request, context)) return answer(fail(ErrorCode::topic_authorization_failed));
    context.services().groups.consumer_heartbeat(to_request(request, context), std::move(answer));
}

}  // namespace gregor::server
