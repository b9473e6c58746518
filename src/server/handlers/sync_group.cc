// SyncGroup v0..v5.   v3 static members · v5 names the protocol, and must
#include "gen/api/sync_group.h"

#include <utility>

#include "coordinator/group_coordinator.h"
#include "server/handlers/group_values.h"
#include "server/handlers/handlers.h"

namespace gregor::server {
namespace {

constexpr std::int16_t k_version_protocol_names = 5;

coordinator::SyncRequest to_request(const msg::SyncGroupRequest& request) {
    coordinator::SyncRequest sync;
    sync.group_id = request.group_id;
    sync.generation = request.generation_id;
    sync.member_id = request.member_id;
    sync.instance_id = owned(request.group_instance_id);
    sync.protocol_type = owned(request.protocol_type);
    sync.protocol_name = owned(request.protocol_name);
    for (const auto& entry : request.assignments)
        sync.assignments.push_back(
            {.member_id = std::string(entry.member_id), .assignment = owned(entry.assignment)});
    return sync;
}

struct AnswerSync {
    Completion<msg::SyncGroupResponse> done;

    void operator()(Result<coordinator::SyncResult> result) {
        msg::SyncGroupResponse response;
        if (!result) {
            response.error_code = result.error().code;
            return done(std::move(response));
        }
        response.error_code = result->error;
        response.protocol_type = result->protocol_type;
        response.protocol_name = result->protocol_name;
        response.assignment = result->assignment;
        done(std::move(response));
    }
};

}  // namespace

void handle_sync_group(const msg::SyncGroupRequest& request, RequestContext& context,
                       Completion<msg::SyncGroupResponse> done) {
    AnswerSync answer{std::move(done)};
    const bool names_protocol = request.protocol_type && request.protocol_name;
    if (context.api_version() >= k_version_protocol_names && !names_protocol)
        return answer(fail(ErrorCode::inconsistent_group_protocol));
    if (!may_read_group(context, request.group_id))
        return answer(fail(ErrorCode::group_authorization_failed));
    context.services().groups.sync(to_request(request), std::move(answer));
}

}  // namespace gregor::server
