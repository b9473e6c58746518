// What Kafka APIs there are: their names, versions, header versions and listeners. Whether this broker serves
// one, and in which versions, is the server's to say.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "gen/api_keys.h"

namespace gregor::protocol {

inline constexpr std::int16_t k_no_version = 32767;

struct ApiRow {
    ApiKey key{};
    std::string_view name;
    std::int16_t min_version = 0;
    std::int16_t max_version = 0;
    std::int16_t flexible_from = k_no_version;
    std::int16_t unstable_from =
        k_no_version;  // the peer serves these only with unstable.api.versions.enable
    bool on_broker = false;
    bool on_controller = false;

    bool has(std::int16_t version) const { return version >= min_version && version <= max_version; }
    bool flexible(std::int16_t version) const { return version >= flexible_from; }
};

// Every API, by ascending key.
std::span<const ApiRow> api_rows();
// nullptr for a key that the protocol does not have.
const ApiRow* find_api(std::int16_t key);

// Versions of RequestHeader and ResponseHeader. ApiVersions answers in v0 always, since a client that asks
// does not know yet what the broker speaks (KIP-511).
std::int16_t request_header_version(const ApiRow& row, std::int16_t version);
std::int16_t response_header_version(const ApiRow& row, std::int16_t version);

}  // namespace gregor::protocol
