// UnregisterBroker v0: a broker that will not come back is forgotten.
#include <fmt/format.h>

#include "controller/administration.h"
#include "controller/leadership.h"
#include "gen/meta/unregister_broker.h"
#include "metadata/record_codec.h"

namespace gregor::controller {

Decision<msg::UnregisterBrokerResponse> decide(const msg::UnregisterBrokerRequest& request, std::int16_t,
                                               const DecisionContext& context) {
    Decision<msg::UnregisterBrokerResponse> decision;
    auto& response = decision.response;
    response.error_message = std::nullopt;
    const BrokerId id{request.broker_id};
    const auto* broker = context.state.broker(id);
    if (broker == nullptr) {
        response.error_code = ErrorCode::broker_id_not_registered;
        response.error_message =
            decision.keep(fmt::format("Broker ID {} is not currently registered", request.broker_id));
        return decision;
    }
    // Kafka forgets a broker that serves, too, and its clients find nobody until it is started again.
    if (!broker->fenced) {
        response.error_code = ErrorCode::invalid_request;
        response.error_message = decision.keep(
            fmt::format("Broker {} is alive: stop it before it is unregistered", request.broker_id));
        return decision;
    }
    decision.records = broker_left(context, id, false);
    msg::UnregisterBrokerRecord record;
    record.broker_id = request.broker_id;
    record.broker_epoch = broker->epoch;
    decision.records.push_back(metadata::encode_record(record, 0));
    decision.atomic = decision.records.size() <= k_records_per_batch_max;
    return decision;
}

}  // namespace gregor::controller
