// JoinGroup v0..v9.   v1 rebalance timeout · v4 known member ids (KIP-394) · v5 static members · v8 reasons ·
// v9 skipped assignment (KIP-814)
#include "gen/api/join_group.h"

#include <utility>

#include "coordinator/group_coordinator.h"
#include "server/handlers/group_values.h"
#include "server/handlers/handlers.h"

namespace gregor::server {
namespace {

constexpr std::int16_t k_version_rebalance_timeout = 1;
constexpr std::int16_t k_version_known_member_id = 4;
constexpr std::int16_t k_version_nullable_protocol = 7;
constexpr std::int16_t k_version_skip_assignment = 9;

coordinator::JoinRequest to_request(const msg::JoinGroupRequest& request, const RequestContext& context) {
    coordinator::JoinRequest join;
    join.group_id = request.group_id;
    join.member_id = request.member_id;
    join.instance_id = owned(request.group_instance_id);
    join.client_id = context.client_id();
    join.client_host = "/" + std::string(context.peer_host());  // as Java prints an address
    join.session_timeout_ms = request.session_timeout_ms;
    join.rebalance_timeout_ms = context.api_version() >= k_version_rebalance_timeout
                                    ? request.rebalance_timeout_ms
                                    : request.session_timeout_ms;
    join.protocol_type = request.protocol_type;
    for (const auto& protocol : request.protocols)
        join.protocols.push_back({.name = std::string(protocol.name), .metadata = owned(protocol.metadata)});
    join.reason = request.reason.value_or("");
    join.requires_known_member_id = context.api_version() >= k_version_known_member_id;
    join.supports_skipping_assignment = context.api_version() >= k_version_skip_assignment;
    return join;
}

struct AnswerJoin {
    Completion<msg::JoinGroupResponse> done;
    std::int16_t version;

    void operator()(Result<coordinator::JoinResult> result) {
        msg::JoinGroupResponse response;
        // Before v7 there is always a protocol name; an empty one stands for none.
        response.protocol_name = version >= k_version_nullable_protocol
                                     ? std::nullopt
                                     : std::optional<std::string_view>(std::string_view());
        if (!result) {
            response.error_code = result.error().code;
            return done(std::move(response));
        }
        response.error_code = result->error;
        response.generation_id = result->generation;
        response.protocol_type = result->protocol_type;
        if (result->protocol_name) response.protocol_name = result->protocol_name;
        response.leader = result->leader_id;
        response.skip_assignment = result->skip_assignment;
        response.member_id = result->member_id;
        for (const auto& member : result->members) {
            auto& entry = response.members.emplace_back();
            entry.member_id = member.member_id;
            entry.group_instance_id = member.instance_id;
            entry.metadata = member.metadata;
        }
        done(std::move(response));
    }
};

}  // namespace

void handle_join_group(const msg::JoinGroupRequest& request, RequestContext& context,
                       Completion<msg::JoinGroupResponse> done) {
    AnswerJoin answer{std::move(done), context.api_version()};
    if (!may_read_group(context, request.group_id))
        return answer(fail(ErrorCode::group_authorization_failed));
    context.services().groups.join(to_request(request, context), std::move(answer));
}

}  // namespace gregor::server
