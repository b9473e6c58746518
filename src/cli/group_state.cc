#include "cli/group_state.h"

#include <algorithm>

#include <fmt/format.h>

#include "cli/session.h"
#include "gen/api/consumer_group_describe.h"
#include "gen/api/describe_groups.h"
#include "gen/misc/consumer_protocol_assignment.h"
#include "protocol/reader.h"

namespace gregor::cli {
namespace {

Error group_error(const std::string& group, ErrorCode code, std::optional<std::string_view> message = {}) {
    return answer_error(fmt::format("group {}", group), code, message);
}

// The assignment that a classic member's leader wrote for it; empty when it is of another protocol.
std::vector<TopicPartition> classic_assignment(Bytes bytes) {
    std::vector<TopicPartition> partitions;
    protocol::Reader reader(bytes);
    const auto version = reader.i16();
    msg::ConsumerProtocolAssignment assignment;
    if (reader.failed() || version < 0) return partitions;
    assignment.decode(reader, std::min(version, msg::ConsumerProtocolAssignment::k_max_version));
    if (reader.failed()) return partitions;
    for (const auto& topic : assignment.assigned_partitions)
        for (const auto partition : topic.partitions)
            partitions.push_back({std::string(topic.topic), partition});
    return partitions;
}

Result<GroupInfo> describe_classic(client::ClusterClient& cluster, const std::string& group) {
    msg::DescribeGroupsRequest request;
    request.groups.emplace_back(group);
    const auto answer = TRY(cluster.ask_coordinator<msg::DescribeGroupsResponse>(group, request));
    if (answer.message.groups.empty())
        return std::unexpected(group_error(group, ErrorCode::unknown_server_error, "no answer"));
    const auto& row = answer.message.groups.front();
    if (row.error_code != ErrorCode::none)
        return std::unexpected(group_error(group, row.error_code, row.error_message));
    if (row.group_state == "Dead") return std::unexpected(group_error(group, ErrorCode::group_id_not_found));
    GroupInfo info{.type = "Classic",
                   .state = std::string(row.group_state),
                   .protocol = std::string(row.protocol_data),
                   .members = {}};
    for (const auto& member : row.members)
        info.members.push_back({.member_id = std::string(member.member_id),
                                .instance_id = std::string(member.group_instance_id.value_or("")),
                                .client_id = std::string(member.client_id),
                                .host = std::string(member.client_host),
                                .partitions = classic_assignment(member.member_assignment)});
    return info;
}

GroupInfo to_info(const msg::ConsumerGroupDescribeResponse::DescribedGroup& row) {
    GroupInfo info{.type = "Consumer",
                   .state = std::string(row.group_state),
                   .protocol = std::string(row.assignor_name),
                   .members = {}};
    for (const auto& member : row.members) {
        auto& out = info.members.emplace_back();
        out.member_id = member.member_id;
        out.instance_id = member.instance_id.value_or("");
        out.client_id = member.client_id;
        out.host = member.client_host;
        for (const auto& topic : member.assignment.topic_partitions)
            for (const auto partition : topic.partitions)
                out.partitions.push_back({std::string(topic.topic_name), partition});
    }
    return info;
}

}  // namespace

Result<GroupInfo> describe_group(client::ClusterClient& cluster, const std::string& group) {
    const auto coordinator = TRY(cluster.coordinator(group));
    if (cluster.version_of(coordinator, ApiKey::consumer_group_describe)) {
        msg::ConsumerGroupDescribeRequest request;
        request.group_ids.emplace_back(group);
        const auto answer = TRY(cluster.ask_broker<msg::ConsumerGroupDescribeResponse>(coordinator, request));
        for (const auto& row : answer.message.groups) {
            if (row.error_code == ErrorCode::group_id_not_found) continue;  // a classic one, or none
            if (row.error_code != ErrorCode::none)
                return std::unexpected(group_error(group, row.error_code, row.error_message));
            auto info = to_info(row);
            info.coordinator = coordinator.value();
            return info;
        }
    }
    auto info = TRY(describe_classic(cluster, group));
    info.coordinator = coordinator.value();
    return info;
}

Result<Offsets> committed_offsets(client::ClusterClient& cluster, const std::string& group) {
    msg::OffsetFetchRequest request;
    auto& wanted = request.groups.emplace_back();
    wanted.group_id = group;
    wanted.topics.reset();  // all
    const auto answer = TRY(cluster.ask_coordinator<msg::OffsetFetchResponse>(
        group, request, client::k_offset_fetch_by_name_max));
    Offsets offsets;
    for (const auto& row : answer.message.groups) {
        if (row.error_code != ErrorCode::none) return std::unexpected(group_error(group, row.error_code));
        for (const auto& topic : row.topics) {
            for (const auto& partition : topic.partitions) {
                const TopicPartition key{std::string(topic.name), partition.partition_index};
                if (partition.error_code != ErrorCode::none)
                    return std::unexpected(group_error(group, partition.error_code));
                if (partition.committed_offset >= 0) offsets[key] = partition.committed_offset;
            }
        }
    }
    return offsets;
}

Status commit_offsets(client::ClusterClient& cluster, const std::string& group, const Offsets& offsets) {
    msg::OffsetCommitRequest request;
    request.group_id = group;
    for (const auto& [key, offset] : offsets) {
        if (request.topics.empty() || request.topics.back().name != key.topic)
            request.topics.emplace_back().name = key.topic;
        auto& partition = request.topics.back().partitions.emplace_back();
        partition.partition_index = key.partition;
        partition.committed_offset = offset;
        partition.committed_metadata = "";
    }
    const auto answer = TRY(cluster.ask_coordinator<msg::OffsetCommitResponse>(
        group, request, client::k_offset_commit_by_name_max));
    for (const auto& topic : answer.message.topics) {
        for (const auto& partition : topic.partitions) {
            if (partition.error_code == ErrorCode::none) continue;
            return std::unexpected(answer_error(fmt::format("cannot commit the offset of {}-{} for group {}",
                                                            topic.name, partition.partition_index, group),
                                                partition.error_code));
        }
    }
    return {};
}

}  // namespace gregor::cli
