#include "records/crc32c.h"

#include <numeric>

#include <gtest/gtest.h>

#include "records/xxh32.h"

namespace gregor::records {
namespace {

std::vector<std::byte> counting(std::size_t size, int from, int step) {
    std::vector<std::byte> bytes;
    for (std::size_t i = 0; i < size; ++i)
        bytes.push_back(static_cast<std::byte>(from + step * static_cast<int>(i)));
    return bytes;
}

// RFC 3720, B.4 (there as little-endian bytes).
TEST(Crc32c, GivesTheVectorsOfRfc3720) {
    EXPECT_EQ(crc32c(counting(32, 0, 0)), 0x8a9136aaU);
    EXPECT_EQ(crc32c(counting(32, 0xff, 0)), 0x62a8ab43U);
    EXPECT_EQ(crc32c(counting(32, 0, 1)), 0x46dd794eU);
    EXPECT_EQ(crc32c(counting(32, 31, -1)), 0x113fdb5cU);
    EXPECT_EQ(crc32c(as_bytes("123456789")), 0xe3069283U);
    EXPECT_EQ(crc32c({}), 0U);
}

TEST(Crc32c, GoesOnOverPieces) {
    const auto bytes = counting(1000, 3, 7);
    const auto whole = crc32c(bytes);
    for (const std::size_t cut : {0U, 1U, 7U, 500U, 999U, 1000U})
        EXPECT_EQ(crc32c(Bytes(bytes).subspan(cut), crc32c(Bytes(bytes).first(cut))), whole);
}

// Vectors of the reference implementation's documentation and of its well-known ports.
TEST(Xxh32, GivesKnownVectors) {
    EXPECT_EQ(xxh32({}), 0x02cc5d05U);
    EXPECT_EQ(xxh32(as_bytes("a")), 0x550d7456U);
    EXPECT_EQ(xxh32(as_bytes("abc")), 0x32d153ffU);
    EXPECT_EQ(xxh32(as_bytes("Nobody inspects the spammish repetition")), 0xe2293b2fU);
}

}  // namespace
}  // namespace gregor::records
