// The keys are those that Kafka 4.3.1 wrote for the same salted passwords.
#include "security/scram_keys.h"

#include <gtest/gtest.h>

#include <span>
#include <string>

namespace gregor::security {
namespace {

std::string base64(const std::vector<std::byte>& bytes) {
    constexpr std::string_view k_chars = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string text;
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        std::uint32_t group = 0;
        for (std::size_t j = 0; j < 3; ++j)
            group = group << 8U | (i + j < bytes.size() ? static_cast<std::uint32_t>(bytes[i + j]) : 0U);
        for (std::size_t j = 0; j < 4; ++j)
            text += i + j > bytes.size() ? '=' : k_chars[group >> (18U - 6U * j) & 63U];
    }
    return text;
}

TEST(ScramKeys, AreThoseOfThePeer) {
    const auto bob = scram_keys(ScramHash::sha_256, as_bytes(std::string(32, 'p')));
    EXPECT_EQ(base64(bob.stored_key), "5fFUxV0AD26xWkoJJg7bXVrfsC18oO/9teoJx9PJtT0=");
    EXPECT_EQ(base64(bob.server_key), "HEtYAvOwTubW02jJL+5MEEljbbOmsXhQuGr9eFqJSO0=");
    const auto eve = scram_keys(ScramHash::sha_512, as_bytes(std::string(64, 'q')));
    EXPECT_EQ(base64(eve.stored_key),
              "V1Ubw7+XgnJBffT/UCOo/Xfn14II8NFVj5tO5km2+dUHowl6ilwS7x+xMKJB0Vzt8ta9cPT0SlbgkEQZ8zddEQ==");
    EXPECT_EQ(base64(eve.server_key),
              "YalWVFueqRtlccyLO9xzm+28Biu7KxMwyvsMpe189fyAw/eIb10bH43YoCWPb3jhPWTESsVi3MuQ5EsWVOcwxw==");
}

// RFC 7677, section 3: user "user", password "pencil".
TEST(ScramKeys, SaltAPasswordAsTheRfcDoes) {
    constexpr unsigned char k_salt[] = {0x5b, 0x6d, 0x99, 0x68, 0x9d, 0x12, 0x35, 0x8e,
                                        0xec, 0xa0, 0x4b, 0x14, 0x12, 0x36, 0xfa, 0x81};
    const PasswordSalting salting{
        .hash = ScramHash::sha_256, .salt = std::as_bytes(std::span(k_salt)), .iterations = 4'096};
    const auto keys = scram_keys(ScramHash::sha_256, salted_password("pencil", salting));
    EXPECT_EQ(base64(keys.server_key), "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=");
    EXPECT_EQ(base64(keys.stored_key), "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=");
}

}  // namespace
}  // namespace gregor::security
