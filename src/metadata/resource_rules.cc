#include "metadata/resource_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "metadata/config_table.h"

namespace gregor::metadata {
namespace {

Status check_length(std::string_view name, std::string_view value) {
    if (value.size() <= k_config_value_chars_max) return {};
    return fail(ErrorCode::invalid_config,
                fmt::format("The configuration value of {} cannot be added because it exceeds the maximum "
                            "value size of {} bytes.",
                            name, k_config_value_chars_max));
}

// ---------------------------------------------------------------- groups

// A group's numbers as they would be.
class GroupValues {
public:
    GroupValues(const ConfigContext& context, const ConfigMap& overrides)
        : context_(context), overrides_(overrides) {}

    std::int64_t own(std::string_view name) const {
        const auto* key = find_config(ConfigScope::group, name);
        const auto config = resource_config(context_, *key, &overrides_);
        return to_int64(config.value.value_or("0"));
    }
    std::optional<std::int64_t> of_broker(std::string_view name) const {
        const auto* key = find_config(ConfigScope::broker, name);
        if (key == nullptr) return std::nullopt;
        return to_int64(broker_value(context_, *key).value_or("0"));
    }

private:
    const ConfigContext& context_;
    const ConfigMap& overrides_;
};

// consumer.session.timeout.ms lies between group.consumer.min.session.timeout.ms and ...max....
Status check_bounds(const GroupValues& values, std::string_view name) {
    const auto dot = name.find('.');
    const auto kind = name.substr(0, dot);
    auto rest = name.substr(dot + 1);
    if (name == "streams.num.standby.replicas") rest = "standby.replicas";
    const auto value = values.own(name);
    const auto least = fmt::format("group.{}.min.{}", kind, rest);
    if (const auto bound = values.of_broker(least); bound && value < *bound) {
        return fail(ErrorCode::invalid_config,
                    fmt::format("{} must be greater than or equal to {}, which is {}", name, least, *bound));
    }
    const auto most = fmt::format("group.{}.max.{}", kind, rest);
    if (const auto bound = values.of_broker(most); bound && value > *bound) {
        return fail(ErrorCode::invalid_config,
                    fmt::format("{} must be less than or equal to {}, which is {}", name, most, *bound));
    }
    return {};
}

// ---------------------------------------------------------------- client metrics

constexpr std::int64_t k_push_interval_min_ms = 100;
constexpr std::int64_t k_push_interval_max_ms = 3'600'000;
constexpr auto k_match_names = std::to_array<std::string_view>(
    {"client_id", "client_instance_id", "client_software_name", "client_software_version",
     "client_source_address", "client_source_port"});

// Whether a regular expression's brackets close and its repetitions repeat something: what people get wrong.
bool is_regex(std::string_view text) {
    int open = 0;
    bool in_class = false;
    bool repeatable = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c == '\\' && ++i == text.size()) return false;
        if (in_class) {
            in_class = c != ']' || text[i - 1] == '[';
            continue;
        }
        if (c == '[') in_class = true;
        if (c == '(') ++open;
        if (c == ')' && --open < 0) return false;
        const bool repeats = c == '*' || c == '+' || c == '?';
        const bool is_group_flag = c == '?' && i > 0 && text[i - 1] == '(';
        if (repeats && !repeatable && !is_group_flag) return false;
        repeatable = c != '(' && c != '|';
    }
    return open == 0 && !in_class;
}

Status check_match(std::string_view pattern) {
    const auto equals = pattern.find('=');
    const auto name = equals == std::string_view::npos ? pattern : trimmed_text(pattern.substr(0, equals));
    const auto value = equals == std::string_view::npos ? "" : trimmed_text(pattern.substr(equals + 1));
    const bool is_good = equals != std::string_view::npos && !value.empty() &&
                         value.find('=') == std::string_view::npos && is_regex(value) &&
                         std::ranges::find(k_match_names, name) != k_match_names.end();
    if (is_good) return {};
    return fail(ErrorCode::invalid_config,
                fmt::format("Illegal client matching pattern: {}; use name=regex, with one of {}", pattern,
                            fmt::join(k_match_names, ", ")));
}

Status check_client_metrics_config(std::string_view name, std::string_view value) {
    TRY_STATUS(check_config_value(*find_config(ConfigScope::client_metrics, name), value));
    if (name == "interval.ms") {
        const auto interval = to_int64(value);
        if (interval >= k_push_interval_min_ms && interval <= k_push_interval_max_ms) return {};
        return fail(
            ErrorCode::invalid_request,
            fmt::format("Invalid value {} for interval.ms, interval must be between {} and {} (1 hour)",
                        value, k_push_interval_min_ms, k_push_interval_max_ms));
    }
    if (name == "match") {
        for (const auto pattern : to_list(value)) TRY_STATUS(check_match(pattern));
    }
    return {};
}

// ---------------------------------------------------------------- brokers

constexpr std::string_view k_listener_prefix = "listener.name.";

std::unexpected<Error> refused(std::string why) { return fail(ErrorCode::invalid_request, std::move(why)); }

// The broker's values as they are, and as they would be with the new configs.
class BrokerValues {
public:
    BrokerValues(const ConfigContext& context, const ConfigMap& overrides, BrokerLevel level)
        : now_(context), later_state_(context.state), later_{later_state_, context.properties, context.node} {
        const auto name = level == BrokerLevel::one_broker ? std::to_string(context.node.value()) : "";
        later_state_.configs.set({ConfigResourceType::broker, name}, overrides);
    }
    BrokerValues(const BrokerValues&) = delete;
    BrokerValues& operator=(const BrokerValues&) = delete;

    std::string now(std::string_view name) const { return value(now_, name); }
    std::string later(std::string_view name) const { return value(later_, name); }
    std::int64_t number(std::string_view name) const { return to_int64(later(name)); }
    const ConfigContext& later() const { return later_; }

private:
    static std::string value(const ConfigContext& context, std::string_view name) {
        return broker_value(context, *find_config(ConfigScope::broker, name)).value_or("");
    }

    const ConfigContext& now_;
    ClusterState later_state_;
    ConfigContext later_;
};

Status check_updatable(const ConfigMap& overrides, BrokerLevel level) {
    for (const auto& [name, value] : overrides) {
        const auto* key = find_broker_config(name);
        if (key == nullptr) continue;  // somebody's plugin's
        if (has_listener_prefix(name)) {
            if (level == BrokerLevel::all_brokers && key->update_mode == UpdateMode::per_broker) {
                return refused(
                    fmt::format("Cannot update {} at default cluster level: name the broker", name));
            }
            continue;
        }
        if (key->update_mode == UpdateMode::read_only) {
            return refused(fmt::format(
                "Cannot update these configs dynamically: [{}]; change the properties file and restart",
                name));
        }
        if (name.starts_with("ssl.") && key->update_mode == UpdateMode::per_broker) {
            return refused(
                fmt::format("These security configs can be dynamically updated only per-listener "
                            "using the listener prefix: [{}]",
                            name));
        }
        auto checked = check_config_value(*key, value);
        if (!checked) return refused(checked.error().detail);
        if (level == BrokerLevel::all_brokers && key->update_mode == UpdateMode::per_broker) {
            return refused(
                fmt::format("Cannot update these configs at default cluster level, broker id must "
                            "be specified: [{}]",
                            name));
        }
    }
    return {};
}

Status check_listener_values(const ConfigMap& overrides) {
    for (const auto& [name, value] : overrides) {
        const auto* key = has_listener_prefix(name) ? find_broker_config(name) : nullptr;
        if (key == nullptr || key->update_mode == UpdateMode::read_only) continue;
        auto checked = check_config_value(*key, value);
        if (!checked) return refused(checked.error().detail);
    }
    return {};
}

// Pools grow and shrink by half or double at a time. Gregor has none of these pools and still says what Kafka
// says, so that a script is told of its mistake by either.
Status check_threads(const BrokerValues& values) {
    constexpr auto k_pools = std::to_array<std::string_view>(
        {"background.threads", "log.cleaner.threads", "num.io.threads", "num.network.threads",
         "num.recovery.threads.per.data.dir", "num.replica.fetchers", "remote.log.reader.threads"});
    for (const auto name : k_pools) {
        const auto now = to_int64(values.now(name));
        const auto later = values.number(name);
        if (later == now || (later >= std::max<std::int64_t>(now / 2, 1) && later <= now * 2)) continue;
        return refused(
            fmt::format("Dynamic thread count update validation failed for {}={}, value should be "
                        "between half and double the current value {}",
                        name, later, now));
    }
    return {};
}

Status check_log_settings(const BrokerValues& values) {
    constexpr std::int64_t k_buffer_min = 1 << 20;
    if (values.number("log.cleaner.dedupe.buffer.size") /
            std::max<std::int64_t>(values.number("log.cleaner.threads"), 1) <=
        k_buffer_min)
        return refused("log.cleaner.dedupe.buffer.size must be more than 1 MiB per cleaner thread");
    const auto retention = topic_number_of_broker(values.later(), "retention.ms");
    if (retention == 0 || retention < -1)
        return refused("log.retention.ms must be unlimited (-1) or, greater than or equal to 1");
    if (topic_number_of_broker(values.later(), "segment.ms") < 1)
        return refused("log.roll.ms must be greater than or equal to 1");
    if (topic_number_of_broker(values.later(), "segment.jitter.ms") < 0)
        return refused("log.roll.jitter.ms must be greater than or equal to 0");
    const auto local = values.number("log.local.retention.ms");
    if (local > retention && retention != -1) {
        return refused(fmt::format(
            "Invalid value {} for configuration log.local.retention.ms: Value must not be more than "
            "log.retention.ms property value: {}",
            local, retention));
    }
    const auto local_bytes = values.number("log.local.retention.bytes");
    const auto bytes = values.number("log.retention.bytes");
    if (local_bytes > bytes && bytes != -1) {
        return refused(fmt::format(
            "Invalid value {} for configuration log.local.retention.bytes: Value must not be more than "
            "log.retention.bytes property value: {}",
            local_bytes, bytes));
    }
    return {};
}

// What a process that runs cannot take up: listeners with their security, and plugins.
Status check_fixed(const BrokerValues& values) {
    for (const auto& key : config_keys(ConfigScope::broker)) {
        const bool is_fixed = key.update_mode == UpdateMode::per_broker && key.name != "cordoned.log.dirs";
        if ((!is_fixed && key.name != "metric.reporters") || values.now(key.name) == values.later(key.name))
            continue;
        return refused(fmt::format(
            "{} cannot change while the broker runs: set it in the properties file and restart", key.name));
    }
    return {};
}

Status check_connection_limits(const BrokerValues& values) {
    const auto overrides = values.later("max.connections.per.ip.overrides");
    for (const auto entry : to_list(overrides)) {
        const auto colon = entry.rfind(':');
        const auto* count = find_config(ConfigScope::broker, "max.connections.per.ip");
        if (colon != std::string_view::npos && colon > 0 &&
            check_config_value(*count, entry.substr(colon + 1)))
            continue;
        return refused(
            fmt::format("max.connections.per.ip.overrides has '{}', which is not host:count", entry));
    }
    return {};
}

Status check_group_intervals(const BrokerValues& values) {
    for (const std::string_view kind : {"consumer", "share", "streams"}) {
        const auto name = fmt::format("group.{}.assignment.interval.ms", kind);
        const auto least = fmt::format("group.{}.min.assignment.interval.ms", kind);
        const auto most = fmt::format("group.{}.max.assignment.interval.ms", kind);
        const auto value = values.number(name);
        if (value < values.number(least))
            return refused(fmt::format("{} must be greater than or equal to {}", name, least));
        if (value > values.number(most))
            return refused(fmt::format("{} must be less than or equal to {}", name, most));
    }
    return {};
}

Status check_cordoned(const BrokerValues& values) {
    const auto cordoned = values.later("cordoned.log.dirs");
    const auto dirs = values.later("log.dirs").empty() ? values.later("log.dir") : values.later("log.dirs");
    const auto known = to_list(dirs);
    for (const auto dir : to_list(cordoned)) {
        if (dir == "*" && to_list(cordoned).size() == 1) return {};
        if (dir == "*")
            return refused("When cordoned.log.dirs is set to *, it must not contain other values");
        if (std::ranges::find(known, dir) != known.end()) continue;
        return refused(
            fmt::format("All entries in cordoned.log.dirs must be present in log.dirs or log.dir. "
                        "Missing entries : {}",
                        dir));
    }
    return {};
}

}  // namespace

Status check_group_configs(const ConfigContext& context, const ConfigMap& overrides) {
    for (const auto& [name, value] : overrides) {
        const auto* key = find_config(ConfigScope::group, name);
        if (key == nullptr) {
            const auto nearest = nearest_config(ConfigScope::group, name);
            return fail(ErrorCode::invalid_config,
                        fmt::format("Unknown group config name: {}{}", name,
                                    nearest ? fmt::format("; did you mean {}?", *nearest) : ""));
        }
        TRY_STATUS(check_length(name, value));
        TRY_STATUS(check_config_value(*key, value));
    }
    const GroupValues values(context, overrides);
    for (const auto& key : config_keys(ConfigScope::group)) {
        const bool is_number = key.type == ConfigType::int32;
        if (is_number) TRY_STATUS(check_bounds(values, key.name));
    }
    for (const std::string_view kind : {"consumer", "share", "streams"}) {
        const auto session = fmt::format("{}.session.timeout.ms", kind);
        const auto heartbeat = fmt::format("{}.heartbeat.interval.ms", kind);
        if (values.own(session) > values.own(heartbeat)) continue;
        return fail(ErrorCode::invalid_config, fmt::format("{} must be greater than {}", session, heartbeat));
    }
    return {};
}

Status check_client_metrics_configs(const ConfigMap& overrides) {
    for (const auto& [name, value] : overrides) {
        if (find_config(ConfigScope::client_metrics, name) != nullptr) continue;
        return fail(ErrorCode::invalid_request,
                    fmt::format("Unknown client metrics configuration: {}", name));
    }
    for (const auto& [name, value] : overrides) {
        TRY_STATUS(check_length(name, value));
        TRY_STATUS(check_client_metrics_config(name, value));
    }
    return {};
}

Status check_broker_configs(const ConfigContext& context, const ConfigMap& overrides, BrokerLevel level) {
    TRY_STATUS(check_updatable(overrides, level));
    const BrokerValues values(context, overrides, level);
    TRY_STATUS(check_fixed(values));
    TRY_STATUS(check_log_settings(values));
    TRY_STATUS(check_threads(values));
    TRY_STATUS(check_connection_limits(values));
    TRY_STATUS(check_group_intervals(values));
    TRY_STATUS(check_cordoned(values));
    return check_listener_values(overrides);
}

bool has_listener_prefix(std::string_view name) {
    return name.starts_with(k_listener_prefix) && name.find('.', k_listener_prefix.size()) != name.npos;
}

const ConfigKey* find_broker_config(std::string_view name) {
    if (has_listener_prefix(name))
        return find_config(ConfigScope::broker, name.substr(name.find('.', k_listener_prefix.size()) + 1));
    const auto* key = find_config(ConfigScope::broker, name);
    return key != nullptr ? key : find_config(ConfigScope::broker_quota, name);
}

}  // namespace gregor::metadata
