#include "cli/storage.h"

#include <fmt/format.h>

#include <cstdio>

#include "base/log.h"
#include "cli/command_table.h"
#include "cli/read_settings.h"
#include "io/asio/machine.h"
#include "io/asio/runtime.h"
#include "node/config.h"
#include "node/format_tool.h"
#include "node/release_tables.h"
#include "node/storage_info.h"

namespace gregor::cli {
namespace {

int complain(const Error& error) {
    fmt::print(stderr, "{}\n", error.detail);
    return 1;
}

int print(const Result<std::string>& text) {
    if (!text) return complain(text.error());
    fmt::print("{}", *text);
    return 0;
}

// ---------------------------------------------------------------- format

struct FormatArguments {
    std::string config;
    node::FormatOptions format;
};

int run_format(const FormatArguments& arguments) {
    const auto settings = read_settings({.properties_file = arguments.config});
    if (!settings) return complain(settings.error());
    set_log_level(LogLevel::error);
    io::AsioRuntime runtime;
    io::MachineRandom random;
    return print(node::run_format(runtime.files(), random, *settings, arguments.format,
                                  io::MachineClock().wall_clock_ms()));
}

void add_config(CLI::App& app, std::string& into) {
    app.add_option("--config,-c", into, "the server.properties of the node")->required();
}

void add_format(CommandTable& table, CLI::App& storage) {
    auto [app, arguments] =
        table.add<FormatArguments>(storage, "format", "format the log directories of a node", run_format);
    auto& request = arguments.format.request;
    add_config(app, arguments.config);
    app.add_option("--cluster-id,-t", request.cluster_id, "the cluster's id, such as random-uuid prints")
        ->required();
    app.add_flag("--ignore-formatted,-g", arguments.format.ignore_formatted,
                 "leave formatted directories alone instead of failing");
    add_optional(app, "--release-version,-r", request.release_version,
                 "the release whose features the cluster starts with, from 3.3-IV3; default 4.3-IV0");
    add_list(app, "--feature,-f", request.features,
             "feature=level, such as group.version=0; may be repeated");
    add_list(app, "--add-scram,-S", request.scram,
             "a credential, such as SCRAM-SHA-256=[name=alice,password=alice-secret]; may be repeated");
    auto* standalone = app.add_flag("--standalone,-s", request.standalone,
                                    "this node is the only voter of a dynamic quorum");
    auto* none = app.add_flag("--no-initial-controllers,-N", request.no_initial_controllers,
                              "the voters of the dynamic quorum are elsewhere");
    auto* initial = add_optional(app, "--initial-controllers,-I", request.initial_controllers,
                                 "id@host:port:directory-id,...: the voters, the same for all of them");
    standalone->excludes(none)->excludes(initial);
    none->excludes(initial);
}

// ---------------------------------------------------------------- the others

struct InfoArguments {
    std::string config;
};

int run_info(const InfoArguments& arguments) {
    const auto settings = read_settings({.properties_file = arguments.config});
    if (!settings) return complain(settings.error());
    if (settings->list("process.roles").empty())
        return complain(settings->error_at("process.roles", "is missing: give broker, controller or both"));
    const auto node_id = node::read_node_id(*settings);
    if (!node_id) return complain(node_id.error());
    io::AsioRuntime runtime;
    const auto info = node::describe_storage(runtime.files(), node::read_log_dirs(*settings, *node_id));
    fmt::print("{}", info.text);
    return info.has_problems ? 1 : 0;
}

struct MappingArguments {
    std::optional<std::string> release;
};

int run_mapping(const MappingArguments& arguments) { return print(node::version_mapping(arguments.release)); }

struct DependencyArguments {
    std::vector<std::string> features;
};

int run_dependencies(const DependencyArguments& arguments) {
    for (const auto& feature : arguments.features) {
        if (const auto code = print(node::feature_dependencies(feature)); code != 0) return code;
    }
    return 0;
}

struct NoArguments {};

int run_uuid(const NoArguments&) {
    io::MachineRandom random;
    fmt::print("{}\n", io::random_uuid(random).to_string());
    return 0;
}

}  // namespace

void add_storage(CommandTable& table) {
    auto& storage = table.group("storage", "format and inspect log directories, as kafka-storage does");
    add_format(table, storage);
    auto info = table.add<InfoArguments>(storage, "info", "what the log directories of a node are", run_info);
    add_config(info.app, info.options.config);
    auto mapping = table.add<MappingArguments>(storage, "version-mapping",
                                               "the feature levels that a release starts with", run_mapping);
    add_optional(mapping.app, "--release-version,-r", mapping.options.release,
                 "such as 4.0; default 4.3-IV0");
    auto needs = table.add<DependencyArguments>(
        storage, "feature-dependencies", "what a level of a feature needs of others", run_dependencies);
    add_list(needs.app, "--feature,-f", needs.options.features, "feature=level; may be repeated")->required();
    table.add<NoArguments>(storage, "random-uuid", "print an id for a new cluster or directory", run_uuid);
}

}  // namespace gregor::cli
