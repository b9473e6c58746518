#include "node/connection_limits.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "metadata/config_table.h"
#include "node/text.h"

namespace gregor::node {
namespace {

using metadata::ConfigContext;
using metadata::ConfigResourceType;

constexpr std::string_view k_connections = "max.connections";
constexpr std::string_view k_rate = "max.connection.creation.rate";

std::string value_of(const ConfigContext& configs, std::string_view name) {
    const auto* key = metadata::find_config(metadata::ConfigScope::broker, name);
    return metadata::broker_value(configs, *key).value_or("");
}

std::size_t number_of(const ConfigContext& configs, std::string_view name) {
    return static_cast<std::size_t>(metadata::to_int64(value_of(configs, name)));
}

// Of "listener.name.external.max.connections"; of all listeners where the listener has none.
std::size_t number_of_listener(const ConfigContext& configs, std::string_view listener,
                               std::string_view name) {
    std::string lower(listener);
    std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
    const auto own_name = fmt::format("listener.name.{}.{}", lower, name);
    const auto* value =
        configs.state.config(ConfigResourceType::broker, std::to_string(configs.node.value()), own_name);
    if (value == nullptr) value = configs.state.config(ConfigResourceType::broker, "", own_name);
    if (value == nullptr) value = configs.properties.static_value(own_name);
    const auto parsed = value == nullptr ? std::nullopt : parse_int(*value);
    return parsed && *parsed >= 0 ? static_cast<std::size_t>(*parsed) : number_of(configs, name);
}

}  // namespace

server::QuotaLimits connection_limits(const ConfigContext& configs, const server::ServerConfig& server,
                                      std::string_view inter_broker_listener) {
    server::QuotaLimits limits;
    limits.connections_max = number_of(configs, k_connections);
    limits.per_ip_max = number_of(configs, "max.connections.per.ip");
    limits.rate_max = number_of(configs, k_rate);
    // What was refused in the properties may have come by the metadata log: then it has no effect.
    limits.per_ip_overrides = parse_ip_overrides(value_of(configs, "max.connections.per.ip.overrides"))
                                  .value_or(limits.per_ip_overrides);
    limits.address_rates = metadata::AddressQuotas::of(configs.state);
    std::size_t broker_listeners = 0;
    for (std::uint32_t i = 0; i < server.listeners.size(); ++i) {
        const auto& listener = server.listeners[i];
        if (!listener.is_controller) ++broker_listeners;
        if (listener.name == inter_broker_listener) limits.protected_listener = i;
        limits.listeners.push_back(
            {.connections_max = number_of_listener(configs, listener.name, k_connections),
             .rate_max = number_of_listener(configs, listener.name, k_rate)});
    }
    if (broker_listeners < 2) limits.protected_listener.reset();
    return limits;
}

std::optional<std::map<std::string, std::size_t, std::less<>>> parse_ip_overrides(std::string_view text) {
    std::map<std::string, std::size_t, std::less<>> overrides;
    for (const auto entry : split_list(text)) {
        const auto colon = entry.rfind(':');
        const auto count =
            colon == std::string_view::npos ? std::nullopt : parse_int(entry.substr(colon + 1));
        if (!count || *count < 0 || colon == 0) return std::nullopt;
        overrides[std::string(entry.substr(0, colon))] = static_cast<std::size_t>(*count);
    }
    return overrides;
}

}  // namespace gregor::node
