// What a broker's coming and going means for partitions, as records.
#pragma once

#include <optional>
#include <vector>

#include "controller/decision.h"
#include "controller/partition_change.h"

namespace gregor::controller {

// It left (fenced, or in controlled shutdown): out of every ISR, and somebody else leads. `unclean`: it may
// have lost what it had, so it isn't eligible to lead either (KIP-966).
std::vector<Slice> broker_left(const DecisionContext& context, BrokerId broker, bool unclean);

// It serves from now on: partitions without a leader that may elect it do.
std::vector<Slice> broker_joined(const DecisionContext& context, BrokerId broker);

// Somebody wants another leader; none when the election changes nothing.
std::optional<Slice> elect_leader(const DecisionContext& context, const metadata::Topic& topic,
                                  PartitionIndex index, Election election);

bool leads_any_partition(const metadata::ClusterState& state, BrokerId broker);

}  // namespace gregor::controller
