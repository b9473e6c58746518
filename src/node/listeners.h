// The listener settings of server.properties as values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "io/ports.h"

namespace gregor::node {

enum class SecurityProtocol : std::uint8_t { plaintext, ssl, sasl_plaintext, sasl_ssl };

struct Listener {
    std::string name;  // upper case
    io::Endpoint endpoint;
    SecurityProtocol protocol = SecurityProtocol::plaintext;
};

// "PLAINTEXT://localhost:9092,CONTROLLER://:9093": name, host (may be empty, may be [v6]) and port, names
// unique. `protocol_map` is listener.security.protocol.map; a name that it does not hold must be a protocol's
// own name.
Result<std::vector<Listener>> parse_listeners(std::string_view text, std::string_view protocol_map);

// "localhost:9093,[::1]:9094" as in controller.quorum.bootstrap.servers.
Result<std::vector<io::Endpoint>> parse_endpoints(std::string_view text);

}  // namespace gregor::node
