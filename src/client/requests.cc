#include "client/requests.h"

#include <utility>

namespace gregor::client {

msg::MetadataRequest metadata_request(std::span<const std::string_view> topics,
                                      bool allow_auto_topic_creation) {
    msg::MetadataRequest request;
    for (const auto topic : topics) request.topics->emplace_back().name = topic;
    request.allow_auto_topic_creation = allow_auto_topic_creation;
    return request;
}

msg::CreateTopicsRequest create_topic_request(std::string_view topic, std::int32_t partitions,
                                              std::int16_t replication_factor, std::int32_t timeout_ms) {
    msg::CreateTopicsRequest request;
    auto& wanted = request.topics.emplace_back();
    wanted.name = topic;
    wanted.num_partitions = partitions;
    wanted.replication_factor = replication_factor;
    request.timeout_ms = timeout_ms;
    return request;
}

msg::ProduceRequest produce_request(const TopicPartitionRef& to, Slice batch, ProduceSettings settings) {
    msg::ProduceRequest request;
    request.acks = settings.acks;
    request.timeout_ms = settings.timeout_ms;
    auto& topic = request.topic_data.emplace_back();
    topic.name = to.topic;
    topic.topic_id = to.topic_id;
    auto& partition = topic.partition_data.emplace_back();
    partition.index = to.partition;
    partition.records = protocol::Records(std::move(batch));
    return request;
}

msg::FetchRequest fetch_request(const TopicPartitionRef& from, Offset offset, FetchSettings settings) {
    msg::FetchRequest request;
    request.max_wait_ms = settings.max_wait_ms;
    request.min_bytes = settings.min_bytes;
    request.max_bytes = settings.max_bytes;
    request.isolation_level = settings.isolation_level;
    auto& topic = request.topics.emplace_back();
    topic.topic = from.topic;
    topic.topic_id = from.topic_id;
    auto& partition = topic.partitions.emplace_back();
    partition.partition = from.partition;
    partition.fetch_offset = offset.value();
    partition.partition_max_bytes = settings.max_bytes;
    return request;
}

msg::ListOffsetsRequest list_offset_request(const TopicPartitionRef& of, std::int64_t timestamp) {
    msg::ListOffsetsRequest request;
    request.replica_id = -1;
    auto& topic = request.topics.emplace_back();
    topic.name = of.topic;
    auto& partition = topic.partitions.emplace_back();
    partition.partition_index = of.partition;
    partition.timestamp = timestamp;
    return request;
}

msg::FindCoordinatorRequest find_group_coordinator_request(std::string_view group) {
    msg::FindCoordinatorRequest request;
    request.key = group;
    request.key_type = 0;
    return request;
}

msg::OffsetCommitRequest offset_commit_request(const GroupMember& member, const TopicPartitionRef& of,
                                               Offset offset) {
    msg::OffsetCommitRequest request;
    request.group_id = member.group;
    request.member_id = member.member_id;
    request.generation_id_or_member_epoch = member.generation_id;
    auto& topic = request.topics.emplace_back();
    topic.name = of.topic;
    topic.topic_id = of.topic_id;
    auto& partition = topic.partitions.emplace_back();
    partition.partition_index = of.partition;
    partition.committed_offset = offset.value();
    partition.committed_metadata = "";
    return request;
}

msg::OffsetFetchRequest offset_fetch_request(std::string_view group, const TopicPartitionRef& of) {
    msg::OffsetFetchRequest request;
    auto& wanted = request.groups.emplace_back();
    wanted.group_id = group;
    auto& topic = wanted.topics->emplace_back();
    topic.name = of.topic;
    topic.topic_id = of.topic_id;
    topic.partition_indexes = {of.partition};
    return request;
}

}  // namespace gregor::client
