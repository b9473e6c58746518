// What a controller writes when it takes over: the records of a new cluster, or the end of what its
// predecessor left.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "controller/decision.h"
#include "metadata/image.h"

namespace gregor::controller {

// The records of a new cluster's features, as bootstrap.checkpoint holds them: metadata.version first, then
// the others by name, without those at level 0 and without kraft.version, which is in control records.
using FeatureLevels = std::map<std::string, std::int16_t, std::less<>>;
std::vector<Slice> feature_records(const FeatureLevels& levels);
// Of a cluster formatted today.
std::vector<Slice> initial_feature_records();

struct Takeover {
    const metadata::ClusterState& state;
    bool in_transaction = false;   // the log ends inside a metadata transaction
    std::vector<Slice> bootstrap;  // of bootstrap.checkpoint or the 0-0 checkpoint
    std::int32_t min_insync_replicas = 1;
};
// One atomic batch; empty when there is nothing to say.
std::vector<Slice> activation_records(const Takeover& takeover);

// This controller's registration (RegisterControllerRecord), when the image holds none of this incarnation.
struct ControllerIdentity {
    BrokerId id;
    Uuid incarnation_id;
    std::vector<metadata::Endpoint> endpoints;  // advertised controller listeners
};
std::vector<Slice> controller_registration(const ControllerIdentity& identity,
                                           const metadata::ClusterState& state);

}  // namespace gregor::controller
