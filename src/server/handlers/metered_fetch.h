// Fetch as the server calls it: within the quota of the client. handle_fetch of handlers.h is the same
// without one.
#pragma once

#include "server/handlers/handlers.h"

namespace gregor::server {

class FetchMeter;

void handle_metered_fetch(const msg::FetchRequest& request, RequestContext& context, FetchMeter& meter,
                          Completion<msg::FetchResponse> done);

}  // namespace gregor::server
