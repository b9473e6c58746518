// The rarer requests of administrators, a file each. Every function decides; applying is the image's replay.
#pragma once

#include <cstdint>

#include "controller/decision.h"
#include "gen/api/alter_client_quotas.h"
#include "gen/api/alter_partition_reassignments.h"
#include "gen/api/alter_user_scram_credentials.h"
#include "gen/api/describe_quorum.h"
#include "gen/api/elect_leaders.h"
#include "gen/api/list_partition_reassignments.h"
#include "gen/api/unregister_broker.h"
#include "gen/api/update_features.h"

namespace gregor::controller {

// clang-format off
Decision<msg::ElectLeadersResponse> decide(const msg::ElectLeadersRequest& request, std::int16_t version, const DecisionContext& context);
Decision<msg::AlterPartitionReassignmentsResponse> decide(const msg::AlterPartitionReassignmentsRequest& request, std::int16_t version, const DecisionContext& context);
Decision<msg::ListPartitionReassignmentsResponse> decide(const msg::ListPartitionReassignmentsRequest& request, std::int16_t version, const DecisionContext& context);
Decision<msg::AlterClientQuotasResponse> decide(const msg::AlterClientQuotasRequest& request, std::int16_t version, const DecisionContext& context);
Decision<msg::AlterUserScramCredentialsResponse> decide(const msg::AlterUserScramCredentialsRequest& request, std::int16_t version, const DecisionContext& context);
Decision<msg::DescribeQuorumResponse> decide(const msg::DescribeQuorumRequest& request, std::int16_t version, const DecisionContext& context);
Decision<msg::UpdateFeaturesResponse> decide(const msg::UpdateFeaturesRequest& request, std::int16_t version, const DecisionContext& context);
Decision<msg::UnregisterBrokerResponse> decide(const msg::UnregisterBrokerRequest& request, std::int16_t version, const DecisionContext& context);
// clang-format on

}  // namespace gregor::controller
