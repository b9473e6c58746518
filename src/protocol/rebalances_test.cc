#include "protocol/rebalances.h"

#include <gtest/gtest.h>

namespace gregor::protocol {
namespace {

const std::vector<Rebalance> k_rebalances{{.start_ms = 1'700'000'000'000,
                                           .duration_ms = 3'012,
                                           .cause = "member joined",
                                           .member_id = "m-1",
                                           .reason = "",
                                           .further_causes = 2,
                                           .generation = 7,
                                           .members = 3},
                                          {.start_ms = 1'700'000'060'000,
                                           .cause = "member left",
                                           .member_id = "m-2",
                                           .reason = "the consumer is being closed"}};

UnknownTags tagged(Bytes bytes) {
    UnknownTags tags;
    tags.add(k_rebalances_tag, bytes);
    return tags;
}

TEST(Rebalances, ComeBackAsTheyWere) {
    const auto bytes = encode_rebalances(k_rebalances);
    const auto decoded = decode_rebalances(tagged(bytes));
    ASSERT_TRUE(decoded);
    EXPECT_EQ(*decoded, k_rebalances);
    EXPECT_TRUE(decode_rebalances(tagged(encode_rebalances({})))->empty());
}

TEST(Rebalances, WhoDoesNotTellIsSomebodyElse) {
    UnknownTags other;
    other.add(3, {});
    EXPECT_EQ(decode_rebalances({}).error().code, ErrorCode::unsupported_version);
    EXPECT_EQ(decode_rebalances(other).error().code, ErrorCode::unsupported_version);
    EXPECT_FALSE(has_tag(other, k_rebalances_tag));
}

TEST(Rebalances, DamagedOnesAreErrors) {
    const auto bytes = encode_rebalances(k_rebalances);
    for (std::size_t size = 0; size < bytes.size(); ++size)
        EXPECT_FALSE(decode_rebalances(tagged(Bytes(bytes).first(size)))) << size;
    auto longer = bytes;
    longer.push_back(std::byte{0});
    EXPECT_FALSE(decode_rebalances(tagged(longer)));
    auto newer = bytes;
    newer[0] = std::byte{1};
    EXPECT_EQ(decode_rebalances(tagged(newer)).error().code, ErrorCode::unsupported_version);
}

}  // namespace
}  // namespace gregor::protocol
