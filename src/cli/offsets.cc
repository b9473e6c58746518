#include "cli/offsets.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/session.h"

namespace gregor::cli {
namespace {

constexpr std::int32_t k_remote_timeout_ms = 30'000;  // of a broker that must look into tiered storage

TopicInfo to_topic(const msg::MetadataResponse::MetadataResponseTopic& row) {
    TopicInfo topic{.name = std::string(row.name.value_or("")),
                    .id = row.topic_id,
                    .is_internal = row.is_internal,
                    .partitions = {}};
    for (const auto& partition : row.partitions)
        topic.partitions[partition.partition_index] = {.leader = BrokerId{partition.leader_id},
                                                       .topic_id = row.topic_id,
                                                       .replicas = partition.replica_nodes,
                                                       .isr = partition.isr_nodes,
                                                       .offline = partition.offline_replicas};
    return topic;
}

using ByLeader = std::map<BrokerId, std::map<std::string_view, std::vector<std::int32_t>>>;

msg::ListOffsetsRequest offsets_request(const ByLeader::mapped_type& topics, std::int64_t timestamp) {
    msg::ListOffsetsRequest request;
    request.replica_id = -1;
    request.timeout_ms = k_remote_timeout_ms;
    for (const auto& [name, partitions] : topics) {
        auto& topic = request.topics.emplace_back();
        topic.name = name;
        for (const auto number : partitions) {
            auto& partition = topic.partitions.emplace_back();
            partition.partition_index = number;
            partition.timestamp = timestamp;
        }
    }
    return request;
}

Result<Offsets> ask_leaders(client::ClusterClient& cluster, const ByLeader& leaders, std::int64_t timestamp) {
    Offsets offsets;
    for (const auto& [leader, topics] : leaders) {
        const auto request = offsets_request(topics, timestamp);
        const auto answer = TRY(cluster.ask_broker<msg::ListOffsetsResponse>(leader, request));
        for (const auto& topic : answer.message.topics) {
            for (const auto& partition : topic.partitions) {
                if (partition.error_code != ErrorCode::none)
                    return std::unexpected(answer_error(fmt::format("cannot read the offsets of {}-{}",
                                                                    topic.name, partition.partition_index),
                                                        partition.error_code));
                offsets[{std::string(topic.name), partition.partition_index}] = partition.offset;
            }
        }
    }
    return offsets;
}

}  // namespace

Result<std::vector<TopicInfo>> describe_topics(client::ClusterClient& cluster,
                                               const std::vector<std::string>& names) {
    const std::vector<std::string_view> views(names.begin(), names.end());
    auto request = client::metadata_request(views, false);
    if (names.empty()) request.topics.reset();
    const auto answer = TRY(cluster.ask<msg::MetadataResponse>(request));
    std::vector<TopicInfo> topics;
    for (const auto& row : answer.message.topics) {
        const auto name = row.name.value_or("");
        if (row.error_code != ErrorCode::none)
            return std::unexpected(answer_error(fmt::format("topic {}", name), row.error_code));
        topics.push_back(to_topic(row));
    }
    std::ranges::sort(topics, {}, &TopicInfo::name);
    return topics;
}

Result<Offsets> list_offsets(client::ClusterClient& cluster, const std::vector<TopicInfo>& topics,
                             std::int64_t timestamp) {
    ByLeader leaders;
    for (const auto& topic : topics) {
        for (const auto& [number, partition] : topic.partitions) {
            if (partition.leader.value() >= 0) leaders[partition.leader][topic.name].push_back(number);
        }
    }
    auto offsets = TRY(ask_leaders(cluster, leaders, timestamp));
    const bool has_gaps = std::ranges::any_of(offsets, [](const auto& entry) { return entry.second < 0; });
    if (!has_gaps) return offsets;
    const auto ends = TRY(ask_leaders(cluster, leaders, k_latest));
    for (auto& [partition, offset] : offsets) {
        if (offset < 0) offset = ends.at(partition);
    }
    return offsets;
}

}  // namespace gregor::cli
