// Socket addresses: from names, to text.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <vector>

#include "io/ports.h"

namespace gregor::io {

struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t size = 0;

    const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
    sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
    int family() const { return storage.ss_family; }
    std::uint16_t port() const;
    void set_port(std::uint16_t port);
    Endpoint endpoint() const;  // the address in numbers
};

// What a server binds: 127.0.0.1 and ::1 for localhost, every interface for an empty host. May ask a name
// server.
Result<std::vector<SocketAddress>> addresses_to_bind(const Endpoint& at);

// Where a client may connect, best first. `blocking` allows to ask a name server; without it the answer is
// empty for what is neither a number nor localhost.
Result<std::vector<SocketAddress>> addresses_to_connect(const Endpoint& to, bool blocking);

std::string to_text(const Endpoint& endpoint);  // "host:port", IPv6 in brackets

}  // namespace gregor::io
