#include "cli/topics.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>

#include "cli/command_table.h"
#include "cli/offsets.h"
#include "cli/session.h"
#include "cli/table.h"
#include "gen/api/create_partitions.h"
#include "gen/api/delete_topics.h"
#include "gen/api/describe_configs.h"
#include "gen/api/incremental_alter_configs.h"

namespace gregor::cli {
namespace {

constexpr std::int8_t k_topic_resource = 2;
constexpr std::int8_t k_set = 0;
constexpr std::int8_t k_unset = 1;
constexpr std::int8_t k_own_source = 1;  // DYNAMIC_TOPIC_CONFIG

struct KeyValue {
    std::string key;
    std::string value;
};

Result<std::vector<KeyValue>> parse_configs(const std::vector<std::string>& arguments) {
    std::vector<KeyValue> configs;
    for (const auto& argument : arguments) {
        const auto equals = argument.find('=');
        if (equals == std::string::npos || equals == 0)
            return fail(ErrorCode::invalid_config,
                        fmt::format("--config {}: give key=value, such as retention.ms=86400000", argument));
        configs.push_back({argument.substr(0, equals), argument.substr(equals + 1)});
    }
    return configs;
}

std::string list_text(const std::vector<std::int32_t>& ids) { return fmt::format("{}", fmt::join(ids, ",")); }

// "3 topics created", or with --json nothing but what --json asks for.
void say(const Session& session, std::string_view what, const std::vector<std::string>& names) {
    if (session.is_json()) {
        Table table({"topic", "result"});
        for (const auto& name : names) table.add({name, std::string(what)});
        fmt::print("{}\n", table.json());
        return;
    }
    for (const auto& name : names) fmt::print("topic {} {}\n", name, what);
}

// ---------------------------------------------------------------- list

struct ListOptions {
    SessionOptions session;
    bool internal = false;
};

Result<int> list(Session& session, const ListOptions& options) {
    const auto topics = TRY(describe_topics(session.cluster(), {}));
    Table table({"topic", "partitions", "replicas", "internal", "id"});
    for (const auto& topic : topics) {
        if (topic.is_internal && !options.internal) continue;
        const auto replicas = topic.partitions.empty() ? 0 : topic.partitions.begin()->second.replicas.size();
        table.add({topic.name, static_cast<std::int64_t>(topic.partitions.size()),
                   static_cast<std::int64_t>(replicas), topic.is_internal, topic.id.to_string()});
    }
    fmt::print("{}", session.is_json() ? table.json() + "\n" : table.text());
    return 0;
}

// ---------------------------------------------------------------- describe

struct DescribeOptions {
    SessionOptions session;
    std::vector<std::string> topics;
    bool all_configs = false;
};

Result<Table> describe_configs(client::ClusterClient& cluster, const std::vector<TopicInfo>& topics,
                               bool all) {
    msg::DescribeConfigsRequest request;
    for (const auto& topic : topics) {
        auto& resource = request.resources.emplace_back();
        resource.resource_type = k_topic_resource;
        resource.resource_name = topic.name;
        resource.configuration_keys.reset();
    }
    const auto answer = TRY(cluster.ask<msg::DescribeConfigsResponse>(request));
    Table table({"topic", "config", "value", "default"});
    for (const auto& result : answer.message.results) {
        if (result.error_code != ErrorCode::none)
            return std::unexpected(
                answer_error(fmt::format("cannot read the configs of topic {}", result.resource_name),
                             result.error_code, result.error_message));
        for (const auto& config : result.configs) {
            const bool is_own = config.config_source == k_own_source;
            if (!is_own && !all) continue;
            const auto value = config.is_sensitive ? "(hidden)" : config.value.value_or("");
            table.add(
                {std::string(result.resource_name), std::string(config.name), std::string(value), !is_own});
        }
    }
    return table;
}

Result<Table> describe_partitions(client::ClusterClient& cluster, const std::vector<TopicInfo>& topics) {
    const auto starts = TRY(list_offsets(cluster, topics, k_earliest));
    const auto ends = TRY(list_offsets(cluster, topics, k_latest));
    Table table({"topic", "partition", "leader", "replicas", "isr", "offline", "start", "end"});
    const auto offset_in = [](const Offsets& offsets, const TopicPartition& of) {
        const auto found = offsets.find(of);
        return found == offsets.end() ? Cell() : Cell(found->second);
    };
    for (const auto& topic : topics) {
        for (const auto& [number, partition] : topic.partitions) {
            const auto leader = partition.leader.value();
            table.add({topic.name, std::int64_t{number}, leader < 0 ? Cell() : Cell(std::int64_t{leader}),
                       list_text(partition.replicas), list_text(partition.isr), list_text(partition.offline),
                       offset_in(starts, {topic.name, number}), offset_in(ends, {topic.name, number})});
        }
    }
    return table;
}

Result<int> describe(Session& session, const DescribeOptions& options) {
    auto& cluster = session.cluster();
    const auto topics = TRY(describe_topics(cluster, options.topics));
    const auto partitions = TRY(describe_partitions(cluster, topics));
    const auto configs = TRY(describe_configs(cluster, topics, options.all_configs));
    if (session.is_json()) {
        fmt::print("{{\"partitions\":{},\"configs\":{}}}\n", partitions.json(), configs.json());
        return 0;
    }
    fmt::print("{}", partitions.text());
    if (!configs.empty()) fmt::print("\n{}", configs.text());
    return 0;
}

// ---------------------------------------------------------------- create

struct CreateOptions {
    SessionOptions session;
    std::vector<std::string> topics;
    std::int32_t partitions = -1;
    std::int16_t replicas = -1;
    std::vector<std::string> configs;
    bool if_not_exists = false;
    bool validate_only = false;
};

msg::CreateTopicsRequest create_request(const CreateOptions& options, const std::vector<KeyValue>& configs,
                                        const Session& session) {
    msg::CreateTopicsRequest request;
    request.timeout_ms = session.timeout_ms();
    request.validate_only = options.validate_only;
    for (const auto& name : options.topics) {
        auto& topic = request.topics.emplace_back();
        topic.name = name;
        topic.num_partitions = options.partitions;
        topic.replication_factor = options.replicas;
        for (const auto& [key, value] : configs) {
            auto& config = topic.configs.emplace_back();
            config.name = key;
            config.value = value;
        }
    }
    return request;
}

Result<int> create(Session& session, const CreateOptions& options) {
    const auto configs = TRY(parse_configs(options.configs));
    const auto answer = TRY(session.cluster().ask_controller<msg::CreateTopicsResponse>(
        create_request(options, configs, session)));
    int code = 0;
    std::vector<std::string> created;
    for (const auto& topic : answer.message.topics) {
        const bool may_exist = options.if_not_exists && topic.error_code == ErrorCode::topic_already_exists;
        if (topic.error_code == ErrorCode::none) created.emplace_back(topic.name);
        if (topic.error_code != ErrorCode::none && !may_exist)
            code = session.fail(answer_error(fmt::format("cannot create topic {}", topic.name),
                                             topic.error_code, topic.error_message));
    }
    say(session, options.validate_only ? "can be created" : "created", created);
    return code;
}

// ---------------------------------------------------------------- delete

struct DeleteOptions {
    SessionOptions session;
    std::vector<std::string> topics;
};

Result<int> remove(Session& session, const DeleteOptions& options) {
    msg::DeleteTopicsRequest request;
    request.timeout_ms = session.timeout_ms();
    for (const auto& name : options.topics) request.topics.emplace_back().name = name;
    const auto answer = TRY(session.cluster().ask_controller<msg::DeleteTopicsResponse>(request));
    int code = 0;
    std::vector<std::string> deleted;
    for (const auto& topic : answer.message.responses) {
        const auto name = topic.name.value_or("");
        if (topic.error_code == ErrorCode::none)
            deleted.emplace_back(name);
        else
            code = session.fail(answer_error(fmt::format("cannot delete topic {}", name), topic.error_code,
                                             topic.error_message));
    }
    say(session, "deleted", deleted);
    return code;
}

// ---------------------------------------------------------------- alter

struct AlterOptions {
    SessionOptions session;
    std::string topic;
    std::optional<std::int32_t> partitions;
    std::vector<std::string> configs;
    std::vector<std::string> deleted_configs;
};

Status alter_partitions(Session& session, const AlterOptions& options) {
    msg::CreatePartitionsRequest request;
    request.timeout_ms = session.timeout_ms();
    auto& topic = request.topics.emplace_back();
    topic.name = options.topic;
    topic.count = *options.partitions;
    topic.assignments.reset();
    const auto answer = TRY(session.cluster().ask_controller<msg::CreatePartitionsResponse>(request));
    for (const auto& result : answer.message.results) {
        if (result.error_code == ErrorCode::none) continue;
        return std::unexpected(answer_error(
            fmt::format("cannot give topic {} {} partitions", options.topic, *options.partitions),
            result.error_code, result.error_message));
    }
    return {};
}

Status alter_configs(Session& session, const AlterOptions& options) {
    const auto configs = TRY(parse_configs(options.configs));
    msg::IncrementalAlterConfigsRequest request;
    auto& resource = request.resources.emplace_back();
    resource.resource_type = k_topic_resource;
    resource.resource_name = options.topic;
    for (const auto& [key, value] : configs)
        resource.configs.push_back(
            {.name = key, .config_operation = k_set, .value = value, .unknown_tags = {}});
    for (const auto& key : options.deleted_configs)
        resource.configs.push_back(
            {.name = key, .config_operation = k_unset, .value = std::nullopt, .unknown_tags = {}});
    const auto answer = TRY(session.cluster().ask_controller<msg::IncrementalAlterConfigsResponse>(request));
    for (const auto& result : answer.message.responses) {
        if (result.error_code == ErrorCode::none) continue;
        return std::unexpected(
            answer_error(fmt::format("cannot change the configs of topic {}", options.topic),
                         result.error_code, result.error_message));
    }
    return {};
}

Result<int> alter(Session& session, const AlterOptions& options) {
    const bool has_configs = !options.configs.empty() || !options.deleted_configs.empty();
    if (!options.partitions && !has_configs) {
        return complain(
            {ErrorCode::invalid_request, "nothing to change: give --partitions, --config or --delete-config"},
            k_exit_usage);
    }
    if (has_configs) TRY_STATUS(alter_configs(session, options));
    if (options.partitions) TRY_STATUS(alter_partitions(session, options));
    say(session, "changed", {options.topic});
    return 0;
}

void add_create(CommandTable& table, CLI::App& topics) {
    auto [app, options] =
        table.add<CreateOptions>(topics, "create", "create topics", in_session<CreateOptions, create>);
    add_session_options(app, options.session);
    app.add_option("topic", options.topics, "their names")->required();
    app.add_option("--partitions,-p", options.partitions, "how many; default the broker's num.partitions")
        ->check(CLI::PositiveNumber);
    app.add_option("--replicas,-r", options.replicas, "of each partition; default the broker's setting")
        ->check(CLI::PositiveNumber);
    add_list(app, "--config", options.configs, "key=value, such as retention.ms=86400000; may be repeated");
    app.add_flag("--if-not-exists", options.if_not_exists, "a topic that is there is fine");
    app.add_flag("--validate-only", options.validate_only, "only say whether it would work");
}

void add_alter(CommandTable& table, CLI::App& topics) {
    auto [app, options] = table.add<AlterOptions>(topics, "alter", "more partitions, other configs",
                                                  in_session<AlterOptions, alter>);
    add_session_options(app, options.session);
    app.add_option("topic", options.topic, "its name")->required();
    add_optional(app, "--partitions,-p", options.partitions, "how many there shall be in all")
        ->check(CLI::PositiveNumber);
    add_list(app, "--config", options.configs, "key=value; may be repeated");
    add_list(app, "--delete-config", options.deleted_configs, "key: back to the default; may be repeated");
}

}  // namespace

void add_topics(CommandTable& table) {
    auto& topics = table.group("topics", "list, describe, create, delete and change topics");
    auto listing = table.add<ListOptions>(topics, "list", "the topics", in_session<ListOptions, list>);
    add_session_options(listing.app, listing.options.session);
    listing.app.add_flag("--internal", listing.options.internal, "those of the brokers, too");
    auto description = table.add<DescribeOptions>(
        topics, "describe", "leaders, replicas, offsets and configs", in_session<DescribeOptions, describe>);
    add_session_options(description.app, description.options.session);
    description.app.add_option("topic", description.options.topics, "some names; default all");
    description.app.add_flag("--all-configs", description.options.all_configs, "defaults, too");
    add_create(table, topics);
    auto deletion = table.add<DeleteOptions>(topics, "delete", "delete topics and all their records",
                                             in_session<DeleteOptions, remove>);
    add_session_options(deletion.app, deletion.options.session);
    deletion.app.add_option("topic", deletion.options.topics, "their names")->required();
    add_alter(table, topics);
}

}  // namespace gregor::cli
