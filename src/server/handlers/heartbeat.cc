// Heartbeat v0..v4.   v3 static members
#include "gen/api/heartbeat.h"

#include <utility>

#include "coordinator/group_coordinator.h"
#include "server/handlers/group_values.h"
#include "server/handlers/handlers.h"

namespace gregor::server {
namespace {

struct AnswerHeartbeat {
    Completion<msg::HeartbeatResponse> done;

    void operator()(Result<ErrorCode> result) {
        msg::HeartbeatResponse response;
        response.error_code = result ? *result : result.error().code;
        done(std::move(response));
    }
};

}  // namespace

void handle_heartbeat(const msg::HeartbeatRequest& request, RequestContext& context,
                      Completion<msg::HeartbeatResponse> done) {
    AnswerHeartbeat answer{std::move(done)};
    if (!may_read_group(context, request.group_id))
        return answer(fail(ErrorCode::group_authorization_failed));
    context.services().groups.heartbeat({.group_id = std::string(request.group_id),
                                         .generation = request.generation_id,
                                         .member_id = std::string(request.member_id),
                                         .instance_id = owned(request.group_instance_id)},
                                        std::move(answer));
}

}  // namespace gregor::server
