#include "security/scram_keys.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/assert.h"

namespace gregor::security {
namespace {

const EVP_MD* digest_of(ScramHash hash) { return hash == ScramHash::sha_256 ? EVP_sha256() : EVP_sha512(); }

const unsigned char* chars(Bytes bytes) { return reinterpret_cast<const unsigned char*>(bytes.data()); }

std::vector<std::byte> hmac(const EVP_MD* digest, Bytes key, std::string_view text) {
    std::vector<std::byte> mac(EVP_MAX_MD_SIZE);
    unsigned int size = 0;
    const auto* made = HMAC(digest, chars(key), static_cast<int>(key.size()), chars(as_bytes(text)),
                            text.size(), reinterpret_cast<unsigned char*>(mac.data()), &size);
    ASSERT(made != nullptr);
    mac.resize(size);
    return mac;
}

std::vector<std::byte> hashed(const EVP_MD* digest, Bytes bytes) {
    std::vector<std::byte> out(EVP_MAX_MD_SIZE);
    unsigned int size = 0;
    const int made = EVP_Digest(bytes.data(), bytes.size(), reinterpret_cast<unsigned char*>(out.data()),
                                &size, digest, nullptr);
    ASSERT(made == 1);
    out.resize(size);
    return out;
}

}  // namespace

ScramKeys scram_keys(ScramHash hash, Bytes salted_password) {
    const auto* digest = digest_of(hash);
    return {hashed(digest, hmac(digest, salted_password, "Client Key")),
            hmac(digest, salted_password, "Server Key")};
}

std::vector<std::byte> salted_password(std::string_view password, const PasswordSalting& salting) {
    const auto* digest = digest_of(salting.hash);
    std::vector<std::byte> out(static_cast<std::size_t>(EVP_MD_get_size(digest)));
    const int made =
        PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), chars(salting.salt),
                          static_cast<int>(salting.salt.size()), salting.iterations, digest,
                          static_cast<int>(out.size()), reinterpret_cast<unsigned char*>(out.data()));
    ASSERT(made == 1);
    return out;
}

}  // namespace gregor::security
