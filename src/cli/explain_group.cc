#include "cli/explain_group.h"

#include <fmt/format.h>

#include <utility>

#include "cli/table.h"
#include "cli/time_text.h"
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

}  // namespace

Result<int> explain_group(Session& session, const ExplainOptions& options) {
    auto& cluster = session.cluster();
    const auto coordinator = TRY(cluster.coordinator(options.group));
    const auto version = TRY(cluster.version_of(coordinator, ApiKey::describe_groups));
    if (version < protocol::k_describe_groups_with_tags)
        return std::unexpected(no_history(coordinator, "its DescribeGroups has no tagged fields"));
    msg::DescribeGroupsRequest request;
    request.groups.emplace_back(options.group);
    request.unknown_tags.add(protocol::k_rebalances_tag, {});
    const auto answer = TRY(cluster.ask_broker<msg::DescribeGroupsResponse>(coordinator, request));
    if (answer.message.groups.empty()) return std::unexpected(no_history(coordinator, "no answer"));
    const auto& group = answer.message.groups.front();
    const auto rebalances = protocol::decode_rebalances(group.unknown_tags);
    if (!rebalances && group.error_code != ErrorCode::group_authorization_failed)
        return std::unexpected(no_history(coordinator, rebalances.error().detail));
    if (group.error_code != ErrorCode::none)
        return std::unexpected(
            answer_error(fmt::format("group {}", options.group), group.error_code, group.error_message));
    if (session.is_json())
        fmt::print("{}\n", table_of(*rebalances).json());
    else if (rebalances->empty())
        fmt::print("group {} has not rebalanced since broker {} coordinates it\n", options.group,
                   coordinator.value());
    else
        fmt::print("{}", table_of(*rebalances).text());
    return 0;
}

}  // namespace gregor::cli
