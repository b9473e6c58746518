#include "cli/reset_offsets.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <set>

#include "cli/command_table.h"
#include "cli/group_state.h"
#include "cli/session.h"
#include "cli/table.h"
#include "cli/time_text.h"

namespace gregor::cli {
namespace {

struct ResetOptions {
    SessionOptions session;
    std::string group;
    std::vector<std::string> topics;  // "t" or "t:0,1"
    bool to_earliest = false;
    bool to_latest = false;
    std::optional<std::int64_t> to_offset;
    std::optional<std::int64_t> shift_by;
    std::optional<std::string> to_time;
    bool dry_run = false;
};

// "t:0,1" narrows a topic to two partitions.
Result<TopicInfo> choose_partitions(client::ClusterClient& cluster, const std::string& argument) {
    const auto colon = argument.find(':');
    const auto name = argument.substr(0, colon);
    auto topics = TRY(describe_topics(cluster, {name}));
    auto topic = std::move(topics.front());
    if (colon == std::string::npos) return topic;
    std::map<std::int32_t, PartitionInfo> chosen;
    std::string_view rest = std::string_view(argument).substr(colon + 1);
    while (!rest.empty()) {
        const auto part = rest.substr(0, rest.find(','));
        std::int32_t number = -1;
        const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), number);
        const auto found = topic.partitions.find(number);
        if (error != std::errc{} || end != part.data() + part.size() || found == topic.partitions.end())
            return fail(ErrorCode::unknown_topic_or_partition,
                        fmt::format("--topic {}: topic {} has no partition {}, only 0 to {}", argument, name,
                                    part, topic.partitions.size() - 1));
        chosen.insert(*found);
        rest.remove_prefix(std::min(part.size() + 1, rest.size()));
    }
    topic.partitions = std::move(chosen);
    return topic;
}

Result<Offsets> wanted_offsets(Session& session, const ResetOptions& options,
                               const std::vector<TopicInfo>& topics, const Offsets& before) {
    auto& cluster = session.cluster();
    const auto starts = TRY(list_offsets(cluster, topics, k_earliest));
    if (options.to_earliest) return starts;
    const auto ends = TRY(list_offsets(cluster, topics, k_latest));
    if (options.to_latest) return ends;
    if (options.to_time) {
        const auto time_ms = TRY(parse_time_ms(*options.to_time));
        return list_offsets(cluster, topics, time_ms);
    }
    Offsets wanted;
    for (const auto& [key, start] : starts) {
        const auto known = before.find(key);
        if (options.shift_by && known == before.end()) continue;  // nothing to shift
        std::int64_t offset = options.to_offset.value_or(0);
        const bool overflows =
            options.shift_by && __builtin_add_overflow(known->second, *options.shift_by, &offset);
        if (overflows) offset = *options.shift_by < 0 ? start : ends.at(key);
        wanted[key] = std::clamp(offset, start, ends.at(key));
    }
    return wanted;
}

Table change_table(const Offsets& before, const Offsets& after) {
    Table table({"topic", "partition", "before", "after"});
    for (const auto& [key, offset] : after) {
        const auto old = before.find(key);
        table.add({key.topic, std::int64_t{key.partition}, old == before.end() ? Cell() : Cell(old->second),
                   offset});
    }
    return table;
}

Result<int> reset(Session& session, const ResetOptions& options) {
    const int targets = int{options.to_earliest} + int{options.to_latest} +
                        int{options.to_offset.has_value()} + int{options.shift_by.has_value()} +
                        int{options.to_time.has_value()};
    if (targets != 1)
        return complain({ErrorCode::invalid_request,
                         "give one of --to-earliest, --to-latest, --to-offset, "
                         "--shift-by and --to-time"},
                        k_exit_usage);
    auto& cluster = session.cluster();
    std::vector<TopicInfo> topics;
    for (const auto& argument : options.topics) topics.push_back(TRY(choose_partitions(cluster, argument)));
    const auto before = TRY(committed_offsets(cluster, options.group));
    const auto after = TRY(wanted_offsets(session, options, topics, before));
    if (after.empty())
        return fail(ErrorCode::invalid_request, fmt::format("group {} has no committed offset to shift in {}",
                                                            options.group, options.topics.front()));
    if (!options.dry_run) TRY_STATUS(commit_offsets(cluster, options.group, after));
    const auto table = change_table(before, after);
    fmt::print("{}", session.is_json() ? table.json() + "\n" : table.text());
    if (options.dry_run && !session.is_json()) fmt::print("nothing was changed: --dry-run\n");
    return 0;
}

}  // namespace

void add_reset_offsets(CommandTable& table, CLI::App& groups) {
    auto [app, options] = table.add<ResetOptions>(
        groups, "reset-offsets", "set where a group goes on reading", in_session<ResetOptions, reset>);
    add_session_options(app, options.session);
    app.add_option("group", options.group, "its name; it has no members at the moment")->required();
    add_list(app, "--topic,-t", options.topics, "a topic, or topic:0,1 for some partitions; may be repeated")
        ->required();
    app.add_flag("--to-earliest", options.to_earliest, "the first record there is");
    app.add_flag("--to-latest", options.to_latest, "behind the last record");
    add_optional(app, "--to-offset", options.to_offset, "this offset, or the nearest there is");
    add_optional(app, "--shift-by", options.shift_by, "so many records on, or back with a minus");
    add_optional(app, "--to-time", options.to_time, "the first record at or after 2026-11-23T10:00:00Z");
    app.add_flag("--dry-run", options.dry_run, "only show what would change");
}

}  // namespace gregor::cli
