// AlterConfigs and IncrementalAlterConfigs: a resource succeeds or fails as a whole, each for itself.
#pragma once

#include <cstdint>

#include "controller/decision.h"
#include "gen/api/alter_configs.h"
#include "gen/api/incremental_alter_configs.h"

namespace gregor::controller {

Decision<msg::IncrementalAlterConfigsResponse> decide(const msg::IncrementalAlterConfigsRequest& request,
                                                      std::int16_t version, const DecisionContext& context);
Decision<msg::AlterConfigsResponse> decide(const msg::AlterConfigsRequest& request, std::int16_t version,
                                           const DecisionContext& context);

}  // namespace gregor::controller
