// What a client is told so that it finds a new leader without asking for metadata (KIP-951).
#pragma once

#include <algorithm>
#include <set>
#include <string_view>

#include "metadata/image.h"
#include "replication/tasks.h"

namespace gregor::server {

// `since` is the first version of the response that has the fields.
inline bool names_new_leader(ErrorCode error, std::int16_t version, std::int16_t since) {
    if (version < since) return false;
    return error == ErrorCode::not_leader_or_follower || error == ErrorCode::fenced_leader_epoch;
}

// Fills a response's current_leader from the hint; both responses that have one share the shape.
template <class CurrentLeader>
void set_current_leader(CurrentLeader& field, const replication::LeaderHint& hint) {
    field.leader_id = hint.leader.value();
    field.leader_epoch = hint.leader_epoch.value();
}

// The endpoint of every leader in `leaders` that has one on this listener. Views into the image.
template <class NodeEndpoint, class List>
void add_node_endpoints(List& endpoints, const std::set<BrokerId>& leaders, const metadata::Image& image,
                        std::string_view listener) {
    for (const auto leader : leaders) {
        const auto* broker = image.broker(leader);
        const auto* endpoint = broker == nullptr ? nullptr : broker->endpoint(listener);
        if (endpoint == nullptr) continue;
        NodeEndpoint row;
        row.node_id = leader.value();
        row.host = endpoint->host;
        row.port = endpoint->port;
        if (broker->rack) row.rack = *broker->rack;
        endpoints.push_back(std::move(row));
    }
}

}  // namespace gregor::server
