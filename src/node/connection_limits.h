// The limits of connections as they are in force: dynamic configs over the properties, and the quotas of
// addresses.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "metadata/effective_config.h"
#include "server/config.h"
#include "server/connection_quotas.h"

namespace gregor::node {

server::QuotaLimits connection_limits(const metadata::ConfigContext& configs,
                                      const server::ServerConfig& server,
                                      std::string_view inter_broker_listener);

// "10.0.0.1:5,::1:9": an address may hold colons itself. None: not such a list.
std::optional<std::map<std::string, std::size_t, std::less<>>> parse_ip_overrides(std::string_view text);

}  // namespace gregor::node
