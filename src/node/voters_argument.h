// The controllers of a new cluster as the format tool takes them (KIP-853):
//
//   voters := voter ("," voter)*
//   voter  := id "@" (host | "[" address "]") ":" port ":" directory-id
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "raft/snapshot.h"

namespace gregor::node {

// By id. Each has one endpoint, of the listener named. Errors are the peer's sentences.
Result<raft::VoterSet> parse_voters(std::string_view text, const std::string& listener_name);

}  // namespace gregor::node
