// Why a group rebalanced: what Gregor tells on top of Kafka's protocol, in tagged fields of DescribeGroups
// v5+ and ConsumerGroupDescribe that Kafka's brokers and clients skip (docs/adr/0008-tagged-fields.md).
//
//   request    tag k_rebalances_tag, empty: tell me
//   a group    tag k_rebalances_tag: version int8 = 0, then []Rebalance, each behind its size so that later
//              versions can add to it: start_ms int64, duration_ms int64, cause string, member_id string,
//              reason string, further_causes int32, generation int32, members int32
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "protocol/message.h"

namespace gregor::protocol {

inline constexpr std::uint32_t k_rebalances_tag = 0x6772;  // "gr"
inline constexpr std::int16_t k_describe_groups_with_tags = 5;

struct Rebalance {
    std::int64_t start_ms = 0;
    std::int64_t duration_ms = -1;    // negative: under way
    std::string cause;                // what made it start, in words: "member joined"
    std::string member_id;            // whose doing that was; empty: nobody's
    std::string reason;               // in the client's words; empty: none given
    std::int32_t further_causes = 0;  // that came while it was under way
    std::int32_t generation = -1;     // that it led to; of KIP-848: the group's epoch
    std::int32_t members = 0;         // in that
    friend bool operator==(const Rebalance&, const Rebalance&) = default;
};

bool has_tag(const UnknownTags& tags, std::uint32_t tag);
std::vector<std::byte> encode_rebalances(std::span<const Rebalance> rebalances);
// unsupported_version where the tag is missing: whoever answers is not Gregor.
Result<std::vector<Rebalance>> decode_rebalances(const UnknownTags& tags);

}  // namespace gregor::protocol
