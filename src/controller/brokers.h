// Brokers as the controller sees them: registered, fenced until they ask to serve, unfenced, shutting down.
#pragma once

#include <cstdint>

#include "controller/decision.h"
#include "gen/api/allocate_producer_ids.h"
#include "gen/api/broker_heartbeat.h"
#include "gen/api/broker_registration.h"

namespace gregor::controller {

Decision<msg::BrokerRegistrationResponse> decide(const msg::BrokerRegistrationRequest& request,
                                                 std::int16_t version, const DecisionContext& context);
Decision<msg::BrokerHeartbeatResponse> decide(const msg::BrokerHeartbeatRequest& request,
                                              std::int16_t version, const DecisionContext& context);
Decision<msg::AllocateProducerIdsResponse> decide(const msg::AllocateProducerIdsRequest& request,
                                                  std::int16_t version, const DecisionContext& context);

}  // namespace gregor::controller
