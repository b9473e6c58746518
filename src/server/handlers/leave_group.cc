// LeaveGroup v0..v5.   v0-2 one member · v3 several, by member or instance id (KIP-345) · v5 reasons
#include "gen/api/leave_group.h"

#include <utility>

#include "coordinator/group_coordinator.h"
#include "server/handlers/group_values.h"
#include "server/handlers/handlers.h"

namespace gregor::server {
namespace {

constexpr std::int16_t k_version_several_members = 3;

coordinator::LeaveRequest to_request(const msg::LeaveGroupRequest& request, std::int16_t version) {
    coordinator::LeaveRequest leave;
    leave.group_id = request.group_id;
    if (version < k_version_several_members) {
        leave.members.push_back(
            {.member_id = std::string(request.member_id), .instance_id = {}, .reason = {}});
        return leave;
    }
    for (const auto& member : request.members)
        leave.members.push_back({.member_id = std::string(member.member_id),
                                 .instance_id = owned(member.group_instance_id),
                                 .reason = std::string(member.reason.value_or(""))});
    return leave;
}

struct AnswerLeave {
    Completion<msg::LeaveGroupResponse> done;
    std::int16_t version;

    void operator()(Result<coordinator::LeaveResult> result) {
        msg::LeaveGroupResponse response;
        if (!result) {
            response.error_code = result.error().code;
            return done(std::move(response));
        }
        response.error_code = result->error;
        if (version < k_version_several_members) {
            if (result->error == ErrorCode::none && !result->members.empty())
                response.error_code = result->members.front().error;
            return done(std::move(response));
        }
        for (const auto& member : result->members) {
            auto& entry = response.members.emplace_back();
            entry.member_id = member.member_id;
            entry.group_instance_id = member.instance_id;
            entry.error_code = member.error;
        }
        done(std::move(response));
    }
};

}  // namespace

void handle_leave_group(const msg::LeaveGroupRequest& request, RequestContext& context,
                        Completion<msg::LeaveGroupResponse> done) {
    AnswerLeave answer{std::move(done), context.api_version()};
    if (!may_read_group(context, request.group_id))
        return answer(fail(ErrorCode::group_authorization_failed));
    context.services().groups.leave(to_request(request, context.api_version()), std::move(answer));
}

}  // namespace gregor::server
