// What a server keeps of a SCRAM password (RFC 5802): never the password, nor anything to log in with.
#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.h"

namespace gregor::security {

enum class ScramHash : std::uint8_t { sha_256, sha_512 };

struct ScramKeys {
    std::vector<std::byte> stored_key;  // H(HMAC(salted password, "Client Key"))
    std::vector<std::byte> server_key;  // HMAC(salted password, "Server Key")
};

ScramKeys scram_keys(ScramHash hash, Bytes salted_password);

}  // namespace gregor::security
