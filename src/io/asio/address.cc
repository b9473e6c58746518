#include "io/asio/address.h"

#include <netdb.h>
#include <netinet/in.h>

#include <array>
#include <bit>
#include <cstring>
#include <memory>

#include "base/assert.h"

namespace gregor::io {
namespace {

constexpr std::uint16_t to_network_order(std::uint16_t value) {
    return std::endian::native == std::endian::little ? std::byteswap(value) : value;
}

struct FreeAddresses {
    void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};

Result<std::vector<SocketAddress>> look_up(const Endpoint& endpoint, int flags) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = flags | AI_NUMERICSERV;
    const auto service = std::to_string(endpoint.port);
    addrinfo* found = nullptr;
    const auto* host = endpoint.host.empty() ? nullptr : endpoint.host.c_str();
    const int outcome = ::getaddrinfo(host, service.c_str(), &hints, &found);
    const std::unique_ptr<addrinfo, FreeAddresses> list(found);
    if (outcome != 0) {
        return fail(ErrorCode::network_exception,
                    "the host name " + endpoint.host + " has no address: " + ::gai_strerror(outcome));
    }
    std::vector<SocketAddress> addresses;
    for (const auto* row = list.get(); row != nullptr; row = row->ai_next) {
        SocketAddress address;
        ASSERT(row->ai_addrlen <= sizeof(address.storage));
        std::memcpy(&address.storage, row->ai_addr, row->ai_addrlen);
        address.size = row->ai_addrlen;
        addresses.push_back(address);
    }
    return addresses;
}

// Not left to the resolver: a machine's hosts file may know only one of the two, or none.
Result<std::vector<SocketAddress>> localhost(std::uint16_t port) {
    auto addresses = TRY(look_up({"127.0.0.1", port}, AI_NUMERICHOST));
    const auto v6 = TRY(look_up({"::1", port}, AI_NUMERICHOST));
    addresses.insert(addresses.end(), v6.begin(), v6.end());
    return addresses;
}

bool is_numeric(const std::string& host) {
    return host.find_first_not_of("0123456789.") == std::string::npos || host.find(':') != std::string::npos;
}

}  // namespace

std::uint16_t SocketAddress::port() const {
    const auto raw = family() == AF_INET6 ? reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_port
                                          : reinterpret_cast<const sockaddr_in*>(&storage)->sin_port;
    return to_network_order(raw);
}

void SocketAddress::set_port(std::uint16_t port) {
    const auto raw = to_network_order(port);
    if (family() == AF_INET6) {
        reinterpret_cast<sockaddr_in6*>(&storage)->sin6_port = raw;
    } else {
        reinterpret_cast<sockaddr_in*>(&storage)->sin_port = raw;
    }
}

Endpoint SocketAddress::endpoint() const {
    std::array<char, NI_MAXHOST> host{};
    const int outcome = ::getnameinfo(get(), size, host.data(), host.size(), nullptr, 0, NI_NUMERICHOST);
    if (outcome != 0) return {"?", 0};  // an address family that we never asked for
    std::string text = host.data();
    constexpr std::string_view k_mapped = "::ffff:";
    if (text.starts_with(k_mapped) && text.find('.') != std::string::npos) text.erase(0, k_mapped.size());
    return {std::move(text), port()};
}

Result<std::vector<SocketAddress>> addresses_to_bind(const Endpoint& at) {
    if (at.host == "localhost") return localhost(at.port);
    return look_up(at, AI_PASSIVE);
}

Result<std::vector<SocketAddress>> addresses_to_connect(const Endpoint& to, bool blocking) {
    if (to.host.empty() || to.host == "localhost") return localhost(to.port);
    if (is_numeric(to.host)) return look_up(to, AI_NUMERICHOST);
    if (!blocking) return std::vector<SocketAddress>{};
    return look_up(to, AI_ADDRCONFIG);
}

std::string to_text(const Endpoint& endpoint) {
    const bool is_v6 = endpoint.host.find(':') != std::string::npos;
    return (is_v6 ? "[" + endpoint.host + "]" : endpoint.host) + ":" + std::to_string(endpoint.port);
}

}  // namespace gregor::io
