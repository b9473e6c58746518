// The fixed voters of a static quorum (kraft.version 0), which its log does not name:
//
//   voters := voter ("," voter)*        voter := id "@" (host | "[" address "]") ":" port
#pragma once

#include <string>

#include "node/settings.h"
#include "raft/snapshot.h"

namespace gregor::node {

// controller.quorum.voters, by id; empty with a dynamic quorum. Each has one endpoint, of the listener named,
// and no directory. Where an id stands twice, the last one counts, as in Kafka.
Result<raft::VoterSet> read_quorum_voters(const Settings& settings, const std::string& listener_name);

// Kafka's rule: a controller is among them, who is no controller is not.
Status check_quorum_voters(const Settings& settings, const raft::VoterSet& voters, BrokerId node_id);

// How a voter without a directory of its own is written.
raft::Voter static_voter(BrokerId id, raft::VoterEndpoint endpoint);

}  // namespace gregor::node
