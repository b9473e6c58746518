#include "node/listeners.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include "node/text.h"

namespace gregor::node {
namespace {

struct ProtocolName {
    std::string_view name;
    SecurityProtocol protocol;
};
constexpr auto k_protocols = std::to_array<ProtocolName>({
    {"PLAINTEXT", SecurityProtocol::plaintext},
    {"SSL", SecurityProtocol::ssl},
    {"SASL_PLAINTEXT", SecurityProtocol::sasl_plaintext},
    {"SASL_SSL", SecurityProtocol::sasl_ssl},
});

std::optional<SecurityProtocol> find_protocol(std::string_view name) {
    const auto* found = std::ranges::find(k_protocols, name, &ProtocolName::name);
    if (found == k_protocols.end()) return std::nullopt;
    return found->protocol;
}

using ProtocolMap = std::map<std::string, SecurityProtocol, std::less<>>;

Result<ProtocolMap> parse_protocol_map(std::string_view text) {
    ProtocolMap map;
    for (const auto part : split_list(text)) {
        const auto colon = part.find(':');
        const auto protocol = colon == std::string_view::npos
                                  ? std::nullopt
                                  : find_protocol(to_upper(trim(part.substr(colon + 1))));
        if (!protocol) {
            return fail(
                ErrorCode::invalid_config,
                fmt::format("'{}' is not NAME:PROTOCOL with one of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL",
                            part));
        }
        map[to_upper(trim(part.substr(0, colon)))] = *protocol;
    }
    return map;
}

Result<io::Endpoint> parse_endpoint(std::string_view text) {
    const auto colon = text.rfind(':');
    const auto port = colon == std::string_view::npos ? std::nullopt : parse_int(text.substr(colon + 1));
    if (!port || *port < 0 || *port > 65535) {
        return fail(ErrorCode::invalid_config,
                    fmt::format("'{}' is not host:port with a port from 0 to 65535", text));
    }
    auto host = text.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    return io::Endpoint{std::string(host), static_cast<std::uint16_t>(*port)};
}

Result<Listener> parse_listener(std::string_view text, const ProtocolMap& map) {
    const auto scheme = text.find("://");
    if (scheme == std::string_view::npos || scheme == 0) {
        return fail(ErrorCode::invalid_config, fmt::format("'{}' is not NAME://host:port", text));
    }
    Listener listener{to_upper(text.substr(0, scheme)), TRY(parse_endpoint(text.substr(scheme + 3))), {}};
    if (const auto mapped = map.find(listener.name); mapped != map.end()) {
        listener.protocol = mapped->second;
    } else if (const auto own = find_protocol(listener.name); own && map.empty()) {
        listener.protocol = *own;
    } else {
        return fail(
            ErrorCode::invalid_config,
            fmt::format("listener {} has no protocol: add {}:PLAINTEXT to listener.security.protocol.map",
                        listener.name, listener.name));
    }
    return listener;
}

}  // namespace

Result<std::vector<Listener>> parse_listeners(std::string_view text, std::string_view protocol_map) {
    const auto map = TRY(parse_protocol_map(protocol_map));
    std::vector<Listener> listeners;
    for (const auto part : split_list(text)) {
        auto listener = TRY(parse_listener(part, map));
        if (std::ranges::find(listeners, listener.name, &Listener::name) != listeners.end()) {
            return fail(ErrorCode::invalid_config, fmt::format("listener {} appears twice", listener.name));
        }
        listeners.push_back(std::move(listener));
    }
    return listeners;
}

Result<std::vector<io::Endpoint>> parse_endpoints(std::string_view text) {
    std::vector<io::Endpoint> endpoints;
    for (const auto part : split_list(text)) endpoints.push_back(TRY(parse_endpoint(part)));
    return endpoints;
}

}  // namespace gregor::node
