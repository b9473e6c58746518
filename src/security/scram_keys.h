// What a server keeps of a SCRAM password (RFC 5802): never the password, nor anything to log in with.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace gregor::security {

enum class ScramHash : std::uint8_t { sha_256, sha_512 };

struct ScramKeys {
    std::vector<std::byte> stored_key;  // H(HMAC(salted password, "Client Key"))
    std::vector<std::byte> server_key;  // HMAC(salted password, "Server Key")
};

ScramKeys scram_keys(ScramHash hash, Bytes salted_password);

// Hi(password, salt, iterations): PBKDF2 over the hash's HMAC. The password is taken as its UTF-8 bytes, as
// Kafka does.
struct PasswordSalting {
    ScramHash hash;
    Bytes salt;
    std::int32_t iterations = 4'096;
};
std::vector<std::byte> salted_password(std::string_view password, const PasswordSalting& salting);

}  // namespace gregor::security
