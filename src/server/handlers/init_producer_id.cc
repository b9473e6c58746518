// InitProducerId v0..v5.   v2 flexible · v3 producer id and epoch (KIP-360)
// Idempotent producers only: a transactional id is refused for good.
#include "gen/api/init_producer_id.h"

#include <utility>

#include "coordinator/producer_ids.h"
#include "server/handlers/group_values.h"
#include "server/handlers/handlers.h"

namespace gregor::server {
namespace {

struct AnswerProducerId {
    Completion<msg::InitProducerIdResponse> done;

    void operator()(Result<ProducerId> result) {
        msg::InitProducerIdResponse response;
        response.producer_epoch = -1;
        if (!result) {
            response.error_code = result.error().code;
            return done(std::move(response));
        }
        response.producer_id = result->value();
        response.producer_epoch = 0;
        done(std::move(response));
    }
};

ErrorCode check(const msg::InitProducerIdRequest& request, const RequestContext& context) {
    if (request.transactional_id) return ErrorCode::invalid_request;
    const security::AccessQuestion any_topic{.principal = context.principal(),
                                             .host = context.peer_host(),
                                             .listener = context.listener_name(),
                                             .operation = security::Operation::write,
                                             .resource_type = security::ResourceType::topic,
                                             .resource_name = {}};
    const bool may_produce = context.allows_cluster(security::Operation::idempotent_write) ||
                             context.services().authorizer.allows_any_resource(any_topic);
    if (!may_produce) return ErrorCode::cluster_authorization_failed;
    // Only a transactional producer has an id to go on with.
    const bool has_id = request.producer_id != -1;
    const bool has_epoch = request.producer_epoch != -1;
    return has_id != has_epoch ? ErrorCode::invalid_request : ErrorCode::none;
}

}  // namespace

void handle_init_producer_id(const msg::InitProducerIdRequest& request, RequestContext& context,
                             Completion<msg::InitProducerIdResponse> done) {
    AnswerProducerId answer{std::move(done)};
    if (const auto error = check(request, context); error != ErrorCode::none) return answer(fail(error));
    context.services().producer_ids.next(std::move(answer));
}

}  // namespace gregor::server
