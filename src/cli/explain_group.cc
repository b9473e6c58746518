#include "cli/explain_group.h"

#include <fmt/format.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/table.h"
#include "cli/time_text.h"
#include "gen/api/consumer_group_describe.h"
#include "gen/api/describe_groups.h"
#include "protocol/rebalances.h"

namespace gregor::cli {
namespace {

Error no_history(BrokerId broker, std::string_view why) {
    return {
        ErrorCode::unsupported_version,
        fmt::format(
            "broker {} is not Gregor, or an older one: why groups rebalance is not in Kafka's protocol ({})",
            broker.value(), why)};
}

Cell text_or_none(const std::string& text) { return text.empty() ? Cell() : Cell(text); }

Table table_of(const std::vector<protocol::Rebalance>& rebalances) {
    Table table(
        {"start", "duration_ms", "cause", "member", "reason", "further_causes", "generation", "members"});
    for (const auto& each : rebalances) {
        const bool is_done = each.duration_ms >= 0;
        table.add({time_text(each.start_ms), is_done ? Cell(each.duration_ms) : Cell(), each.cause,
                   text_or_none(each.member_id), text_or_none(each.reason), std::int64_t{each.further_causes},
                   is_done ? Cell(std::int64_t{each.generation}) : Cell(),
                   is_done ? Cell(std::int64_t{each.members}) : Cell()});
    }
    return table;
}

// What a broker tells of the group, asked in one of its protocols.
struct Told {
    ErrorCode error = ErrorCode::none;
    std::optional<std::string> error_message;
    Result<std::vector<protocol::Rebalance>> rebalances;
};

template <class Response>
Result<Told> told_by(const Response& response, BrokerId coordinator) {
    if (response.groups.empty()) return std::unexpected(no_history(coordinator, "no answer"));
    const auto& group = response.groups.front();
    Told told{.error = group.error_code,
              .error_message = {},
              .rebalances = protocol::decode_rebalances(group.unknown_tags)};
    if (group.error_message) told.error_message = *group.error_message;
    return told;
}

Result<Told> ask_as_classic(client::ClusterClient& cluster, BrokerId coordinator, const std::string& group) {
    const auto version = TRY(cluster.version_of(coordinator, ApiKey::describe_groups));
    if (version < protocol::k_describe_groups_with_tags)
        return std::unexpected(no_history(coordinator, "its DescribeGroups has no tagged fields"));
    msg::DescribeGroupsRequest request;
    request.groups.emplace_back(group);
    request.unknown_tags.add(protocol::k_rebalances_tag, {});
    const auto answer = TRY(cluster.ask_broker<msg::DescribeGroupsResponse>(coordinator, request));
    auto told = TRY(told_by(answer.message, coordinator));
    if (!told.rebalances && told.error != ErrorCode::group_authorization_failed)
        return std::unexpected(no_history(coordinator, told.rebalances.error().detail));
    return told;
}

Result<Told> ask_as_consumer(client::ClusterClient& cluster, BrokerId coordinator, const std::string& group) {
    msg::ConsumerGroupDescribeRequest request;
    request.group_ids.emplace_back(group);
    request.unknown_tags.add(protocol::k_rebalances_tag, {});
    const auto answer = TRY(cluster.ask_broker<msg::ConsumerGroupDescribeResponse>(coordinator, request));
    return told_by(answer.message, coordinator);
}

// Each protocol knows its own groups only.
Result<Told> ask(client::ClusterClient& cluster, BrokerId coordinator, const std::string& group) {
    auto told = TRY(ask_as_classic(cluster, coordinator, group));
    if (told.error != ErrorCode::group_id_not_found) return told;
    auto as_consumer = TRY(ask_as_consumer(cluster, coordinator, group));
    return as_consumer.error == ErrorCode::group_id_not_found ? std::move(told) : std::move(as_consumer);
}

}  // namespace

Result<int> explain_group(Session& session, const ExplainOptions& options) {
    const auto coordinator = TRY(session.cluster().coordinator(options.group));
    const auto told = TRY(ask(session.cluster(), coordinator, options.group));
    if (told.error != ErrorCode::none)
        return std::unexpected(
            answer_error(fmt::format("group {}", options.group), told.error, told.error_message));
    if (!told.rebalances) return std::unexpected(no_history(coordinator, told.rebalances.error().detail));
    const auto& rebalances = *told.rebalances;
    if (session.is_json())
        fmt::print("{}\n", table_of(rebalances).json());
    else if (rebalances.empty())
        fmt::print("group {} has not rebalanced since broker {} coordinates it\n", options.group,
                   coordinator.value());
    else
        fmt::print("{}", table_of(rebalances).text());
    return 0;
}

}  // namespace gregor::cli
