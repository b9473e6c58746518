// The APIs of consumer groups (KIP-848): one handler per file, as in handlers.h.
#pragma once

#include "base/completion.h"

namespace gregor::msg {
struct ConsumerGroupHeartbeatRequest;
struct ConsumerGroupHeartbeatResponse;
struct ConsumerGroupDescribeRequest;
struct ConsumerGroupDescribeResponse;
}  // namespace gregor::msg

namespace gregor::server {

class RequestContext;

// Switched on by the broker (group.coordinator.rebalance.protocols) and by the cluster (group.version).
bool serves_consumer_groups(const RequestContext& context);

void handle_consumer_group_heartbeat(const msg::ConsumerGroupHeartbeatRequest& request,
                                     RequestContext& context,
                                     Completion<msg::ConsumerGroupHeartbeatResponse> done);
void handle_consumer_group_describe(const msg::ConsumerGroupDescribeRequest& request, RequestContext& context,
                                    Completion<msg::ConsumerGroupDescribeResponse> done);

}  // namespace gregor::server
