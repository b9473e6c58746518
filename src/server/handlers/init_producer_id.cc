// InitProducerId v0..v5.   v2 flexible · v3 producer id and epoch (KIP-360) · v4 PRODUCER_FENCED
#include "gen/api/init_producer_id.h"

#include <utility>

#include "coordinator/producer_ids.h"
#include "coordinator/txn_coordinator.h"
#include "server/handlers/group_values.h"
#include "server/handlers/handlers.h"

namespace gregor::server {
namespace {

constexpr std::int16_t k_version_producer_fenced = 4;

struct AnswerProducerId {
    Completion<msg::InitProducerIdResponse> done;
    std::int16_t version = 0;

    void operator()(const Result<coordinator::InitProducerResult>& result) {
        msg::InitProducerIdResponse response;
        response.producer_epoch = -1;
        response.error_code = result ? result->error : result.error().code;
        if (response.error_code == ErrorCode::producer_fenced && version < k_version_producer_fenced)
            response.error_code = ErrorCode::invalid_producer_epoch;
        if (response.error_code == ErrorCode::none) {
            response.producer_id = result->producer.id.value();
            response.producer_epoch = result->producer.epoch;
        }
        done(std::move(response));
    }
};

bool may_initialise(const msg::InitProducerIdRequest& request, const RequestContext& context) {
    if (request.transactional_id)
        return context.allows(security::Operation::write, security::ResourceType::transactional_id,
                              *request.transactional_id);
    const security::AccessQuestion any_topic{.principal = context.principal(),
                                             .host = context.peer_host(),
                                             .listener = context.listener_name(),
                                             .operation = security::Operation::write,
                                             .resource_type = security::ResourceType::topic,
                                             .resource_name = {}};
    return context.allows_cluster(security::Operation::idempotent_write) ||
           context.services().authorizer.allows_any_resource(any_topic);
}

ErrorCode check(const msg::InitProducerIdRequest& request, const RequestContext& context) {
    if (!may_initialise(request, context))
        return request.transactional_id ? ErrorCode::transactional_id_authorization_failed
                                        : ErrorCode::cluster_authorization_failed;
    const bool has_id = request.producer_id != -1;
    const bool has_epoch = request.producer_epoch != -1;
    return has_id != has_epoch ? ErrorCode::invalid_request : ErrorCode::none;
}

}  // namespace

void handle_init_producer_id(const msg::InitProducerIdRequest& request, RequestContext& context,
                             Completion<msg::InitProducerIdResponse> done) {
    AnswerProducerId answer{std::move(done), context.api_version()};
    if (const auto error = check(request, context); error != ErrorCode::none) return answer(fail(error));
    if (!request.transactional_id) {
        const auto id = context.services().producer_ids.next();
        if (!id) return answer(std::unexpected(id.error()));
        return answer(coordinator::InitProducerResult{.producer = {.id = *id, .epoch = 0}});
    }
    coordinator::InitProducerRequest init{.transactional_id = std::string(*request.transactional_id),
                                          .timeout_ms = request.transaction_timeout_ms,
                                          .expected = {}};
    if (request.producer_id != -1)
        init.expected = coordinator::ProducerIdentity{.id = ProducerId{request.producer_id},
                                                      .epoch = request.producer_epoch};
    context.services().transactions.init_producer(std::move(init), std::move(answer));
}

}  // namespace gregor::server
