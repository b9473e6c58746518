// The hashes are those of Kafka's own test of its Utils.murmur2.
#include "client/partitioner.h"

#include <gtest/gtest.h>

#include <string_view>

namespace gregor::client {
namespace {

TEST(Partitioner, HashesAsKafkaDoes) {
    const auto hash = [](std::string_view text) { return murmur2(as_bytes(text)); };
    EXPECT_EQ(hash("21"), -973932308);
    EXPECT_EQ(hash("foobar"), -790332482);
    EXPECT_EQ(hash("a-little-bit-long-string"), -985981536);
    EXPECT_EQ(hash("a-little-bit-longer-string"), -1486304829);
    EXPECT_EQ(hash("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8"), -58897971);
    EXPECT_EQ(hash("abc"), 479470107);
}

TEST(Partitioner, StaysWithinThePartitions) {
    for (const auto* key : {"", "a", "ab", "abc", "abcd", "abcde"}) {
        const auto partition = partition_of_key(as_bytes(std::string_view(key)), 7);
        EXPECT_TRUE(partition >= 0 && partition < 7) << key;
    }
}

}  // namespace
}  // namespace gregor::client
