// Draws administration requests for a controller: topics, partitions, configs, quotas, SCRAM users, features,
// producer ids; some of them wrong, some of them partly.
#pragma once

#include <string>

#include "base/prng.h"
#include "metadata/controller_channel.h"
#include "metadata/image.h"

namespace gregor::sim {

class Administration {
public:
    Administration(Prng prng, std::string cluster_id) : prng_(prng), cluster_id_(std::move(cluster_id)) {}

    // The broker that topics are placed on: registered, then unfenced.
    metadata::ForwardedRequest registration(Uuid incarnation);
    metadata::ForwardedRequest unfencing(const metadata::ClusterState& state);
    metadata::ForwardedRequest next(const metadata::ClusterState& state);

private:
    metadata::ForwardedRequest create_topics();
    metadata::ForwardedRequest delete_topics();
    metadata::ForwardedRequest create_partitions();
    metadata::ForwardedRequest alter_configs();
    metadata::ForwardedRequest alter_quotas();
    metadata::ForwardedRequest alter_scram();
    metadata::ForwardedRequest update_features(const metadata::ClusterState& state);
    metadata::ForwardedRequest allocate_producer_ids(const metadata::ClusterState& state);
    std::string topic_name();

    Prng prng_;
    std::string cluster_id_;
};

}  // namespace gregor::sim
