#include "node/config.h"

#include <fmt/format.h>

#include <algorithm>

#include "node/connection_limits.h"
#include "node/quorum_voters.h"
#include "node/text.h"

namespace gregor::node {
namespace {

std::vector<std::string> to_strings(const std::vector<std::string_view>& views) {
    return {views.begin(), views.end()};
}

Status check_roles(const Settings& settings) {
    const auto roles = settings.list("process.roles");
    const auto has = [&roles](std::string_view role) {
        return std::ranges::find(roles, role) != roles.end();
    };
    if (!has("broker") || !has("controller")) {
        return std::unexpected(settings.error_at(
            "process.roles",
            "is not supported yet: this version runs a single node with process.roles=broker,controller"));
    }
    return {};
}

Result<std::vector<Listener>> read_listeners(const Settings& settings, std::string_view key) {
    auto parsed = parse_listeners(settings.text(key), settings.text("listener.security.protocol.map"));
    if (!parsed) return std::unexpected(settings.error_at(key, ": " + parsed.error().detail));
    return parsed;
}

Status check_protocols(const NodeConfig& config) {
    for (const auto& listener : config.listeners) {
        if (listener.protocol != SecurityProtocol::plaintext) {
            return std::unexpected(config.settings.error_at(
                "listeners", fmt::format("names {}, whose protocol is not supported yet: map it to PLAINTEXT",
                                         listener.name)));
        }
    }
    return {};
}

// Where clients are told to go: what is advertised, else where we listen.
Result<std::vector<Listener>> read_advertised(const NodeConfig& config) {
    const auto& settings = config.settings;
    std::vector<Listener> advertised;
    if (settings.is_given("advertised.listeners")) {
        advertised = TRY(read_listeners(settings, "advertised.listeners"));
    } else {
        advertised = config.listeners;
    }
    std::erase_if(advertised,
                  [&](const Listener& listener) { return config.is_controller_listener(listener.name); });
    for (auto& listener : advertised) {
        if (listener.endpoint.host == "0.0.0.0" || listener.endpoint.host == "::") {
            return std::unexpected(settings.error_at(
                settings.is_given("advertised.listeners") ? "advertised.listeners" : "listeners",
                "is an address clients cannot connect to: name the host they can reach in "
                "advertised.listeners"));
        }
        if (listener.endpoint.host.empty()) listener.endpoint.host = "localhost";
    }
    return advertised;
}

bool has_listener(const std::vector<Listener>& listeners, const std::string& name) {
    return std::ranges::find(listeners, name, &Listener::name) != listeners.end();
}

// Names that one setting takes from another.
Status check_listener_names(const NodeConfig& config) {
    const auto& settings = config.settings;
    for (const auto& name : config.controller_listener_names) {
        if (has_listener(config.listeners, name)) continue;
        return std::unexpected(settings.error_at(
            "controller.listener.names",
            fmt::format("names {0}, which is not in listeners: add {0}://localhost:9093 there", name)));
    }
    for (const auto& listener : config.advertised_listeners) {
        if (has_listener(config.listeners, listener.name)) continue;
        return std::unexpected(settings.error_at(
            "advertised.listeners",
            fmt::format("names {}, which is not in listeners: add it there or remove it here",
                        listener.name)));
    }
    if (!config.inter_broker_listener.empty() &&
        !has_listener(config.advertised_listeners, config.inter_broker_listener)) {
        return std::unexpected(settings.error_at("inter.broker.listener.name",
                                                 "is not a listener for clients: name one of "
                                                 "advertised.listeners, or remove this line"));
    }
    return {};
}

Status read_all_listeners(NodeConfig& config) {
    const auto& settings = config.settings;
    config.controller_listener_names = to_strings(settings.list("controller.listener.names"));
    for (auto& name : config.controller_listener_names) name = to_upper(name);
    if (config.controller_listener_names.empty()) {
        return std::unexpected(settings.error_at(
            "controller.listener.names",
            "is missing: name the controller's listener, such as controller.listener.names=CONTROLLER"));
    }
    config.listeners = TRY(read_listeners(settings, "listeners"));
    const auto is_broker = [&](const Listener& listener) {
        return !config.is_controller_listener(listener.name);
    };
    if (std::ranges::none_of(config.listeners, is_broker)) {
        return std::unexpected(
            settings.error_at("listeners", "has no listener for clients: add PLAINTEXT://localhost:9092"));
    }
    TRY_STATUS(check_protocols(config));
    config.advertised_listeners = TRY(read_advertised(config));
    config.controller_listeners = TRY(read_controller_listeners(settings));
    config.inter_broker_listener = to_upper(settings.text("inter.broker.listener.name"));
    return check_listener_names(config);
}

// Kafka's rules. Voters of the properties count only where the metadata log names none, so both may be given.
Status read_quorum(NodeConfig& config) {
    const auto& settings = config.settings;
    config.quorum_voters = TRY(read_quorum_voters(settings, config.controller_listener_names.front()));
    TRY_STATUS(check_quorum_voters(settings, config.quorum_voters, config.node_id));
    if (!config.quorum_voters.empty()) return {};
    if (!settings.list("controller.quorum.bootstrap.servers").empty()) return {};
    return std::unexpected(
        settings.error_at("controller.quorum.bootstrap.servers",
                          "is missing, and so is controller.quorum.voters: give one of them, such as "
                          "controller.quorum.bootstrap.servers=localhost:9093"));
}

Status check_ip_overrides(const Settings& settings) {
    constexpr std::string_view k_overrides = "max.connections.per.ip.overrides";
    if (parse_ip_overrides(settings.text(k_overrides))) return {};
    return std::unexpected(
        settings.error_at(k_overrides, "must be a list of address:number, such as 10.0.0.1:200"));
}

// Kafka's rule: what may be queued holds at least one request.
Status check_memory(const Settings& settings) {
    const auto queued = settings.number("queued.max.request.bytes");
    if (queued <= 0 || queued >= settings.number("socket.request.max.bytes")) return {};
    return std::unexpected(
        settings.error_at("queued.max.request.bytes",
                          "must be larger or equal to socket.request.max.bytes, or -1 for the default"));
}

MetadataLogLimits read_metadata_log(const Settings& settings) {
    // The second key is for tests, which want segments smaller than the first one allows.
    const auto* bytes = settings.is_given("internal.metadata.log.segment.bytes")
                            ? "internal.metadata.log.segment.bytes"
                            : "metadata.log.segment.bytes";
    return {.segment_bytes = static_cast<std::int32_t>(settings.number(bytes)),
            .segment_ms = settings.number("metadata.log.segment.ms")};
}

raft::SnapshotLimits read_snapshot_limits(const Settings& settings) {
    return {.bytes_between = settings.number("metadata.log.max.record.bytes.between.snapshots"),
            .interval_ms = settings.number("metadata.log.max.snapshot.interval.ms"),
            .retention_bytes = settings.number("metadata.max.retention.bytes"),
            .retention_ms = settings.number("metadata.max.retention.ms")};
}

metadata::AutoTopicSettings read_auto_topics(const Settings& settings) {
    const auto number32 = [&](std::string_view key) {
        return static_cast<std::int32_t>(settings.number(key));
    };
    const auto number16 = [&](std::string_view key) {
        return static_cast<std::int16_t>(settings.number(key));
    };
    metadata::AutoTopicSettings topics;
    if (settings.is_given("num.partitions")) topics.num_partitions = number32("num.partitions");
    if (settings.is_given("default.replication.factor")) {
        topics.default_replication_factor = number16("default.replication.factor");
    }
    topics.offsets_partitions = number32("offsets.topic.num.partitions");
    topics.offsets_replication_factor = number16("offsets.topic.replication.factor");
    topics.offsets_segment_bytes = number32("offsets.topic.segment.bytes");
    topics.transaction_partitions = number32("transaction.state.log.num.partitions");
    topics.transaction_replication_factor = number16("transaction.state.log.replication.factor");
    topics.transaction_segment_bytes = number32("transaction.state.log.segment.bytes");
    topics.transaction_min_isr = number32("transaction.state.log.min.isr");
    topics.share_partitions = number32("share.coordinator.state.topic.num.partitions");
    topics.share_replication_factor = number16("share.coordinator.state.topic.replication.factor");
    topics.share_segment_bytes = number32("share.coordinator.state.topic.segment.bytes");
    topics.share_min_isr = number32("share.coordinator.state.topic.min.isr");
    return topics;
}

}  // namespace

Result<BrokerId> read_node_id(const Settings& settings) {
    const auto* key = settings.is_given("node.id") ? "node.id" : "broker.id";
    const auto id = settings.number(key);
    if (!settings.is_given(key) || id < 0) {
        return std::unexpected(settings.error_at(
            "node.id", "is missing: give this node a number of its own, such as node.id=1"));
    }
    return BrokerId{static_cast<std::int32_t>(id)};
}

Result<std::vector<Listener>> read_controller_listeners(const Settings& settings) {
    std::vector<Listener> controllers;
    const auto advertised = TRY(read_listeners(settings, "advertised.listeners"));
    const auto bound = TRY(read_listeners(settings, "listeners"));
    for (const auto text : settings.list("controller.listener.names")) {
        const auto name = to_upper(text);
        const auto* from = has_listener(advertised, name) ? &advertised : &bound;
        const auto found = std::ranges::find(*from, name, &Listener::name);
        if (found == from->end()) continue;
        auto& controller = controllers.emplace_back(*found);
        if (controller.endpoint.host.empty() || controller.endpoint.host == "0.0.0.0")
            controller.endpoint.host = "localhost";
    }
    return controllers;
}

storage::LogDirsConfig read_log_dirs(const Settings& settings, BrokerId node_id) {
    storage::LogDirsConfig dirs;
    dirs.directories = to_strings(settings.list(settings.is_given("log.dirs") ? "log.dirs" : "log.dir"));
    if (settings.is_given("metadata.log.dir"))
        dirs.metadata_directory = std::string(settings.text("metadata.log.dir"));
    dirs.node_id = node_id;
    return dirs;
}

bool NodeConfig::is_controller_listener(const std::string& name) const {
    return std::ranges::find(controller_listener_names, name) != controller_listener_names.end();
}

Result<NodeConfig> make_config(Settings settings) {
    NodeConfig config;
    config.settings = std::move(settings);
    TRY_STATUS(check_roles(config.settings));
    config.node_id = TRY(read_node_id(config.settings));
    TRY_STATUS(read_all_listeners(config));
    TRY_STATUS(read_quorum(config));
    config.log_dirs = read_log_dirs(config.settings, config.node_id);
    config.durability = config.settings.text("gregor.ack.durability") == "disk"
                            ? storage::Durability::disk
                            : storage::Durability::page_cache;
    config.shards = static_cast<std::uint32_t>(config.settings.number("gregor.shards"));
    config.metadata_log = read_metadata_log(config.settings);
    config.snapshots = read_snapshot_limits(config.settings);
    config.auto_topics = read_auto_topics(config.settings);
    TRY_STATUS(check_ip_overrides(config.settings));
    TRY_STATUS(check_memory(config.settings));
    return config;
}

std::vector<Property> embedded_defaults() {
    return {{"process.roles", "broker,controller"},
            {"node.id", "1"},
            {"listeners", "PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093"},
            {"controller.listener.names", "CONTROLLER"},
            {"controller.quorum.bootstrap.servers", "localhost:9093"},
            {"inter.broker.listener.name", "PLAINTEXT"},
            {"listener.security.protocol.map", "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT"},
            {"log.dirs", "data"},
            {"offsets.topic.replication.factor", "1"},
            {"transaction.state.log.replication.factor", "1"},
            {"transaction.state.log.min.isr", "1"},
            {"share.coordinator.state.topic.replication.factor", "1"},
            {"share.coordinator.state.topic.min.isr", "1"}};
}

MemoryPlan memory_plan(const NodeConfig& config, std::uint32_t shards) {
    const auto& settings = config.settings;
    return plan_memory(
        {.machine_bytes = config.machine_bytes,
         .limit_bytes = static_cast<std::uint64_t>(settings.number("gregor.memory.bytes")),
         .queued_request_bytes = settings.number("queued.max.request.bytes"),
         .request_bytes_max = static_cast<std::uint64_t>(settings.number("socket.request.max.bytes")),
         .shards = shards,
         .log_directories = config.log_dirs.directories.size()});
}

server::ServerConfig server_config(const NodeConfig& config, const MemoryPlan& memory) {
    const auto& settings = config.settings;
    server::ServerConfig server;
    server.broker_id = config.node_id;
    if (settings.is_given("broker.rack")) server.rack = std::string(settings.text("broker.rack"));
    for (const auto& listener : config.listeners) {
        server::ListenerConfig row{.name = listener.name,
                                   .host = listener.endpoint.host,
                                   .port = listener.endpoint.port,
                                   .is_controller = config.is_controller_listener(listener.name)};
        const auto advertised =
            std::ranges::find(config.advertised_listeners, listener.name, &Listener::name);
        const auto& told = advertised == config.advertised_listeners.end() ? listener : *advertised;
        row.advertised_host = told.endpoint.host;
        row.advertised_port = told.endpoint.port;
        server.listeners.push_back(std::move(row));
    }
    server.limits.request_bytes_max = memory.frame_bytes_max;
    server.limits.shard_request_bytes_max = memory.request_bytes;
    server.limits.shard_small_request_bytes_max = memory.small_request_bytes;
    server.limits.shard_response_bytes_max = memory.answer_bytes;
    server.limits.idle_max = Duration::millis(settings.number("connections.max.idle.ms"));
    server.auto_create_topics = settings.flag("auto.create.topics.enable");
    server.num_partitions = static_cast<std::int32_t>(settings.number("num.partitions"));
    server.default_replication_factor =
        static_cast<std::int16_t>(settings.number("default.replication.factor"));
    // So that no single answer takes all the memory there is for them.
    constexpr std::int64_t k_answers_min = 4;
    const auto answer_max = static_cast<std::int64_t>(memory.answer_bytes) / k_answers_min;
    server.fetch_bytes_max =
        static_cast<std::int32_t>(std::min(settings.number("fetch.max.bytes"), answer_max));
    server.fetch_session_slots_max =
        static_cast<std::int32_t>(settings.number("max.incremental.fetch.session.cache.slots"));
    server.request_timeout = Duration::millis(settings.number("request.timeout.ms"));
    return server;
}

}  // namespace gregor::node
