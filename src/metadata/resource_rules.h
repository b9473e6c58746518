// The rules for a whole set of configs of one resource, beyond those of each value: groups, client metrics,
// and what a running broker may change. Those of topics are in effective_config.h.
#pragma once

#include "base/result.h"
#include "metadata/effective_config.h"
#include "metadata/image.h"

namespace gregor::metadata {

// The group's own configs over the broker's: within the broker's bounds, heartbeats shorter than sessions.
Status check_group_configs(const ConfigContext& context, const ConfigMap& overrides);

Status check_client_metrics_configs(const ConfigMap& overrides);

enum class BrokerLevel : std::uint8_t { all_brokers, one_broker };

// The dynamic configs that one broker, or the default of all, would have. Broker configs that cannot change
// while a broker runs, values that do not parse, sizes out of proportion: invalid_request.
Status check_broker_configs(const ConfigContext& context, const ConfigMap& overrides, BrokerLevel level);

// The key that `name` sets: of the broker's own scopes, with the prefix "listener.name.<listener>." taken off
// where it has one. nullptr for what is not in the table.
const ConfigKey* find_broker_config(std::string_view name);
bool has_listener_prefix(std::string_view name);

}  // namespace gregor::metadata
