#include "cli/groups.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "cli/command_table.h"
#include "cli/explain_group.h"
#include "cli/group_state.h"
#include "cli/reset_offsets.h"
#include "cli/session.h"
#include "cli/table.h"
#include "gen/api/delete_groups.h"
#include "gen/api/list_groups.h"

namespace gregor::cli {
namespace {

// ---------------------------------------------------------------- list

struct ListOptions {
    SessionOptions session;
};

Result<int> list(Session& session, const ListOptions&) {
    Table table({"group", "type", "state", "protocol", "coordinator"});
    for (const auto broker : TRY(session.cluster().brokers())) {
        const auto answer =
            TRY(session.cluster().ask_broker<msg::ListGroupsResponse>(broker, msg::ListGroupsRequest{}));
        if (answer.message.error_code != ErrorCode::none)
            return std::unexpected(answer_error(fmt::format("broker {} lists no groups", broker.value()),
                                                answer.message.error_code));
        for (const auto& group : answer.message.groups)
            table.add({std::string(group.group_id), std::string(group.group_type),
                       std::string(group.group_state), std::string(group.protocol_type),
                       std::int64_t{broker.value()}});
    }
    fmt::print("{}", session.is_json() ? table.json() + "\n" : table.text());
    return 0;
}

// ---------------------------------------------------------------- describe

struct DescribeOptions {
    SessionOptions session;
    std::string group;
};

const GroupMemberInfo* owner_of(const GroupInfo& info, const TopicPartition& partition) {
    for (const auto& member : info.members)
        if (std::ranges::find(member.partitions, partition) != member.partitions.end()) return &member;
    return nullptr;
}

Table member_table(const GroupInfo& info) {
    Table table({"member", "instance", "client", "host", "partitions"});
    for (const auto& member : info.members)
        table.add({member.member_id, member.instance_id, member.client_id, member.host,
                   static_cast<std::int64_t>(member.partitions.size())});
    return table;
}

// What is committed, and what members read without having committed yet.
Result<Table> lag_table(client::ClusterClient& cluster, const std::string& group, const GroupInfo& info) {
    const auto committed = TRY(committed_offsets(cluster, group));
    std::map<TopicPartition, std::optional<std::int64_t>> rows;
    for (const auto& [key, offset] : committed) rows[key] = offset;
    for (const auto& member : info.members)
        for (const auto& partition : member.partitions) rows.try_emplace(partition);
    std::vector<std::string> names;
    for (const auto& [key, offset] : rows)
        if (names.empty() || names.back() != key.topic) names.push_back(key.topic);
    Offsets ends;
    for (const auto& name : names) {  // one by one: a topic may be gone
        const auto topic = describe_topics(cluster, {name});
        if (topic) ends.merge(TRY(list_offsets(cluster, *topic, k_latest)));
    }
    Table table({"topic", "partition", "committed", "end", "lag", "member", "client"});
    for (const auto& [key, offset] : rows) {
        const auto end = ends.find(key);
        const bool has_lag = offset && end != ends.end();
        const auto* member = owner_of(info, key);
        table.add({key.topic, std::int64_t{key.partition}, cell_or_none(offset),
                   end == ends.end() ? Cell() : Cell(end->second),
                   has_lag ? Cell(end->second - *offset) : Cell(),
                   member == nullptr ? Cell() : Cell(member->member_id),
                   member == nullptr ? Cell() : Cell(member->client_id)});
    }
    return table;
}

Result<int> describe(Session& session, const DescribeOptions& options) {
    auto& cluster = session.cluster();
    const auto info = TRY(describe_group(cluster, options.group));
    const auto offsets = TRY(lag_table(cluster, options.group, info));
    const auto members = member_table(info);
    if (session.is_json()) {
        fmt::print(
            "{{\"group\":{},\"type\":{},\"state\":{},\"protocol\":{},\"coordinator\":{},\"offsets\":{},"
            "\"members\":{}}}\n",
            json_string(options.group), json_string(info.type), json_string(info.state),
            json_string(info.protocol), info.coordinator, offsets.json(), members.json());
        return 0;
    }
    Table summary({"group", "type", "state", "protocol", "coordinator", "members"});
    summary.add({options.group, info.type, info.state, info.protocol, std::int64_t{info.coordinator},
                 static_cast<std::int64_t>(info.members.size())});
    fmt::print("{}", summary.text());
    if (!offsets.empty()) fmt::print("\n{}", offsets.text());
    if (!members.empty()) fmt::print("\n{}", members.text());
    return 0;
}

// ---------------------------------------------------------------- delete

struct DeleteOptions {
    SessionOptions session;
    std::vector<std::string> groups;
};

Result<int> remove(Session& session, const DeleteOptions& options) {
    int code = 0;
    Table table({"group", "result"});
    for (const auto& group : options.groups) {
        msg::DeleteGroupsRequest request;
        request.groups_names.emplace_back(group);
        const auto answer = TRY(session.cluster().ask_coordinator<msg::DeleteGroupsResponse>(group, request));
        for (const auto& result : answer.message.results) {
            if (result.error_code == ErrorCode::none) {
                table.add({group, "deleted"});
                if (!session.is_json()) fmt::print("group {} deleted\n", group);
            } else {
                code = session.fail(
                    answer_error(fmt::format("cannot delete group {}", group), result.error_code));
            }
        }
    }
    if (session.is_json()) fmt::print("{}\n", table.json());
    return code;
}

}  // namespace

void add_groups(CommandTable& table) {
    auto& groups = table.group("groups", "list and describe consumer groups, delete them, set their offsets");
    auto listing =
        table.add<ListOptions>(groups, "list", "the groups of all brokers", in_session<ListOptions, list>);
    add_session_options(listing.app, listing.options.session);
    auto description =
        table.add<DescribeOptions>(groups, "describe", "state, members, committed offsets and lag",
                                   in_session<DescribeOptions, describe>);
    add_session_options(description.app, description.options.session);
    description.app.add_option("group", description.options.group, "its name")->required();
    auto explanation = table.add<ExplainOptions>(groups, "explain", "why a group rebalanced, the last times",
                                                 in_session<ExplainOptions, explain_group>);
    add_session_options(explanation.app, explanation.options.session);
    explanation.app.add_option("group", explanation.options.group, "its name")->required();
    auto deletion = table.add<DeleteOptions>(groups, "delete", "delete groups and their offsets",
                                             in_session<DeleteOptions, remove>);
    add_session_options(deletion.app, deletion.options.session);
    deletion.app.add_option("group", deletion.options.groups, "their names")->required();
    add_reset_offsets(table, groups);
}

}  // namespace gregor::cli
