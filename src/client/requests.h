// Ready-made requests about one topic, partition or group. Their views point at the arguments, which must
// live until the request is encoded.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/bytes.h"
#include "base/ids.h"
#include "gen/api/create_topics.h"
#include "gen/api/fetch.h"
#include "gen/api/find_coordinator.h"
#include "gen/api/list_offsets.h"
#include "gen/api/metadata.h"
#include "gen/api/offset_commit.h"
#include "gen/api/offset_fetch.h"
#include "gen/api/produce.h"

namespace gregor::client {

// Fetch and Produce name topics up to these versions, and identify them by id afterwards (KIP-516).
inline constexpr std::int16_t k_produce_by_name_max = 12;
inline constexpr std::int16_t k_fetch_by_name_max = 12;
inline constexpr std::int16_t k_offset_commit_by_name_max = 9;
inline constexpr std::int16_t k_offset_fetch_by_name_max = 9;
// Up to this version FindCoordinator asks for one key at a time.
inline constexpr std::int16_t k_find_one_coordinator_max = 3;

struct TopicPartitionRef {
    std::string_view topic;
    Uuid topic_id;
    std::int32_t partition = 0;
};

// No topics: the brokers only. For every topic reset() the message's `topics`.
msg::MetadataRequest metadata_request(std::span<const std::string_view> topics,
                                      bool allow_auto_topic_creation);
msg::CreateTopicsRequest create_topic_request(std::string_view topic, std::int32_t partitions,
                                              std::int16_t replication_factor = -1,
                                              std::int32_t timeout_ms = 30000);
struct ProduceSettings {
    std::int16_t acks = -1;
    std::int32_t timeout_ms = 30000;
};
msg::ProduceRequest produce_request(const TopicPartitionRef& to, Slice batch, ProduceSettings settings = {});

struct FetchSettings {
    std::int32_t max_wait_ms = 500;
    std::int32_t min_bytes = 1;
    std::int32_t max_bytes = 1 << 20;
    std::int8_t isolation_level = 0;
};
msg::FetchRequest fetch_request(const TopicPartitionRef& from, Offset offset, FetchSettings settings = {});
// timestamp: -1 the end, -2 the start.
msg::ListOffsetsRequest list_offset_request(const TopicPartitionRef& of, std::int64_t timestamp);
msg::FindCoordinatorRequest find_group_coordinator_request(
    std::string_view group);  // k_find_one_coordinator_max

struct GroupMember {
    std::string_view group;
    std::string_view member_id;  // empty when joining for the first time
    std::int32_t generation_id = -1;
};
msg::OffsetCommitRequest offset_commit_request(const GroupMember& member, const TopicPartitionRef& of,
                                               Offset offset);
// In the form of versions 8 and later.
msg::OffsetFetchRequest offset_fetch_request(std::string_view group, const TopicPartitionRef& of);

}  // namespace gregor::client
