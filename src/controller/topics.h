// Creating and deleting topics, and adding partitions, within the quota of who asks. Each function decides;
// applying is the image's replay.
#pragma once

#include <cstdint>

#include "controller/decision.h"
#include "controller/mutation_quota.h"
#include "gen/api/create_partitions.h"
#include "gen/api/create_topics.h"
#include "gen/api/delete_topics.h"

namespace gregor::controller {

Decision<msg::CreateTopicsResponse> decide(const msg::CreateTopicsRequest& request, std::int16_t version,
                                           const DecisionContext& context, MutationQuota& quota);
Decision<msg::DeleteTopicsResponse> decide(const msg::DeleteTopicsRequest& request, std::int16_t version,
                                           const DecisionContext& context, MutationQuota& quota);
Decision<msg::CreatePartitionsResponse> decide(const msg::CreatePartitionsRequest& request,
                                               std::int16_t version, const DecisionContext& context,
                                               MutationQuota& quota);

}  // namespace gregor::controller
