// Which replica lives in which directory of its broker.
#pragma once

#include <cstdint>

#include "controller/decision.h"
#include "gen/api/assign_replicas_to_dirs.h"

namespace gregor::controller {

Decision<msg::AssignReplicasToDirsResponse> decide(const msg::AssignReplicasToDirsRequest& request,
                                                   std::int16_t version, const DecisionContext& context);

}  // namespace gregor::controller
