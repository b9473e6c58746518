#include "metadata/effective_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <span>

#include "base/assert.h"

namespace gregor::metadata {
namespace {

constexpr std::int64_t k_ms_per_minute = 60'000;
constexpr std::int64_t k_ms_per_hour = 3'600'000;

// As Double.toString prints it: plain from 10^-3 to below 10^7, else with an exponent, always with a point.
std::string java_double(double value) {
    if (std::isnan(value)) return "NaN";
    if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
    const auto magnitude = std::fabs(value);
    const bool is_plain = magnitude == 0 || (magnitude >= 1e-3 && magnitude < 1e7);
    std::array<char, 64> room{};
    const auto format = is_plain ? std::chars_format::fixed : std::chars_format::scientific;
    const auto end = std::to_chars(room.data(), room.data() + room.size(), value, format).ptr;
    const std::string_view text(room.data(), static_cast<std::size_t>(end - room.data()));
    const auto mantissa = text.substr(0, text.find('e'));
    const std::string_view point = mantissa.find('.') == std::string_view::npos ? ".0" : "";
    if (is_plain) return fmt::format("{}{}", mantissa, point);
    const auto exponent = text.substr(mantissa.size() + 1);
    return fmt::format("{}{}E{}", mantissa, point, to_int64(exponent));
}

// The value of a broker config in the unit of the topic config before it.
std::string in_unit_of_topic(const std::string& value, std::string_view unit) {
    if (unit != "minutes" && unit != "hours") return value;
    const auto count = to_int64(value);
    if (count < 0) return "-1";
    return std::to_string(count * (unit == "hours" ? k_ms_per_hour : k_ms_per_minute));
}

std::optional<std::string> default_of(const ConfigKey& key) {
    return key.default_value ? std::optional<std::string>(*key.default_value) : std::nullopt;
}

// The three layers of broker configs that can be set, nearest first.
class BrokerLayers {
public:
    explicit BrokerLayers(const ConfigContext& context)
        : context_(context),
          own_(context.state.config(ConfigResourceType::broker, std::to_string(context.node.value()))),
          all_(context.state.config(ConfigResourceType::broker, "")) {}

    std::optional<std::string> in_force(const ConfigKey& key) const {
        for (const auto origin : k_origins) {
            const auto value = at(origin, key.name);
            if (value && check_config_value(key, *value)) return canonical_value(key, *value);
        }
        return std::nullopt;
    }

    // Level by level, and in each of them the names that `key` may also be set by.
    std::vector<ConfigLayer> chain(const ConfigKey& key) const {
        std::vector<ConfigLayer> layers;
        const auto synonyms = key.synonym_list();
        for (const auto origin : k_origins) {
            for (const auto& synonym : synonyms) {
                if (auto value = at(origin, synonym.name))
                    layers.push_back({synonym.name, std::move(*value), origin});
            }
        }
        for (const auto& synonym : synonyms) {
            const auto* row = find_config(ConfigScope::broker, synonym.name);
            if (row != nullptr && row->default_value) {
                layers.push_back(
                    {synonym.name, std::string(*row->default_value), ConfigOrigin::default_config});
            }
        }
        layers.erase(layers.begin(), std::ranges::find(layers, key.name, &ConfigLayer::name));
        return layers;
    }

    // By the nearest level that sets any of the names that a topic's `key` may be set by.
    std::optional<GivenConfig> given_by_any_name(const ConfigKey& key) const {
        const auto synonyms = key.synonym_list();
        for (const auto origin : k_origins) {
            for (const auto& synonym : synonyms) {
                if (const auto value = at(origin, synonym.name))
                    return GivenConfig{in_unit_of_topic(*value, synonym.unit), origin};
            }
        }
        return std::nullopt;
    }

private:
    static constexpr std::array k_origins{ConfigOrigin::dynamic_broker, ConfigOrigin::dynamic_default_broker,
                                          ConfigOrigin::static_broker};

    std::optional<std::string> at(ConfigOrigin origin, std::string_view name) const {
        if (origin == ConfigOrigin::static_broker) return given(name);
        const auto* configs = origin == ConfigOrigin::dynamic_broker ? own_ : all_;
        const auto* value = configs == nullptr ? nullptr : configs->find(name);
        return value == nullptr ? std::nullopt : std::optional(*value);
    }
    std::optional<std::string> given(std::string_view name) const {
        if (const auto* value = context_.properties.static_value(name)) return *value;
        // Two names of one thing: Kafka fills in the one that is not given.
        if (name == "broker.id" || name == "node.id") return std::to_string(context_.node.value());
        return std::nullopt;
    }

    const ConfigContext& context_;
    const ConfigMap* own_;
    const ConfigMap* all_;
};

std::optional<std::string> own_value(const ConfigKey& key, const ConfigMap* overrides) {
    const auto* own = overrides == nullptr ? nullptr : overrides->find(key.name);
    if (own == nullptr || !check_config_value(key, *own)) return std::nullopt;
    return canonical_value(key, *own);
}

// What a topic or group config is worth without a value of its own.
std::optional<std::string> inherited_value(const BrokerLayers& brokers, const ConfigKey& key) {
    for (const auto& synonym : key.synonym_list()) {
        const auto* row = find_config(ConfigScope::broker, synonym.name);
        if (row == nullptr) continue;
        if (const auto value = brokers.in_force(*row)) return in_unit_of_topic(*value, synonym.unit);
    }
    return default_of(key);
}

EffectiveConfig inherited(const BrokerLayers& brokers, const ConfigKey& key) {
    EffectiveConfig config{.key = &key, .value = inherited_value(brokers, key), .layers = {}};
    const auto synonyms = key.synonym_list();
    const auto* preferred =
        synonyms.empty() ? nullptr : find_config(ConfigScope::broker, synonyms.front().name);
    if (preferred != nullptr) config.layers = brokers.chain(*preferred);
    if (!config.layers.empty()) config.origin = config.layers.front().origin;
    return config;
}

void add_own(EffectiveConfig& config, const ConfigMap* overrides, ConfigOrigin origin) {
    auto own = own_value(*config.key, overrides);
    if (!own) return;
    config.layers.insert(config.layers.begin(), {config.key->name, *own, origin});
    config.value = std::move(own);
    config.origin = origin;
}

}  // namespace

std::string canonical_value(const ConfigKey& key, std::string_view value) {
    switch (key.type) {
        case ConfigType::boolean: return to_bool(value) ? "true" : "false";
        case ConfigType::int16:
        case ConfigType::int32:
        case ConfigType::int64: return std::to_string(to_int64(value));
        case ConfigType::float64: return java_double(to_float64(value));
        case ConfigType::list: return fmt::format("{}", fmt::join(to_list(value), ","));
        case ConfigType::string:
        case ConfigType::class_name:
        case ConfigType::password: return std::string(trimmed_text(value));
    }
    UNREACHABLE();
}

std::optional<std::string> topic_value(const ConfigContext& context, const ConfigKey& key,
                                       const ConfigMap* overrides) {
    if (auto own = own_value(key, overrides)) return own;
    return inherited_value(BrokerLayers(context), key);
}

std::optional<std::string> broker_value(const ConfigContext& context, const ConfigKey& key) {
    if (auto value = BrokerLayers(context).in_force(key)) return value;
    return default_of(key);
}

std::int64_t topic_number_of_broker(const ConfigContext& context, std::string_view key) {
    return to_int64(topic_value(context, *find_config(ConfigScope::topic, key), nullptr).value_or("0"));
}

std::optional<std::string> static_value(const ConfigContext& context, const ConfigKey& key) {
    const ClusterState nothing_dynamic;
    const ConfigContext as_started{nothing_dynamic, context.properties, context.node};
    return key.scope == ConfigScope::topic ? topic_value(as_started, key, nullptr)
                                           : broker_value(as_started, key);
}

GivenConfig given_topic_config(const ConfigContext& context, const ConfigKey& key) {
    if (auto given = BrokerLayers(context).given_by_any_name(key)) return *std::move(given);
    return {.value = default_of(key), .origin = ConfigOrigin::default_config};
}

EffectiveConfig topic_config(const ConfigContext& context, const ConfigKey& key, const ConfigMap* overrides) {
    auto config = inherited(BrokerLayers(context), key);
    add_own(config, overrides, ConfigOrigin::dynamic_topic);
    return config;
}

EffectiveConfig broker_config(const ConfigContext& context, const ConfigKey& key) {
    EffectiveConfig config{.key = &key, .value = broker_value(context, key), .layers = {}};
    config.layers = BrokerLayers(context).chain(key);
    if (!config.layers.empty()) config.origin = config.layers.front().origin;
    return config;
}

EffectiveConfig resource_config(const ConfigContext& context, const ConfigKey& key,
                                const ConfigMap* overrides) {
    auto config = inherited(BrokerLayers(context), key);
    const bool is_group = key.scope == ConfigScope::group;
    if (is_group && key.synonyms.empty() && key.default_value)
        config.layers.push_back({key.name, std::string(*key.default_value), ConfigOrigin::default_config});
    add_own(config, overrides, is_group ? ConfigOrigin::group : ConfigOrigin::client_metrics);
    return config;
}

std::string topic_config_value(const ConfigContext& context, std::string_view topic, std::string_view key) {
    const auto* row = find_config(ConfigScope::topic, key);
    ASSERT(row != nullptr);
    return topic_value(context, *row, context.state.config(ConfigResourceType::topic, topic)).value_or("");
}

Status check_topic_configs(const ConfigContext& context, const ConfigMap& overrides) {
    for (const auto& [name, value] : overrides) {
        const auto* key = find_config(ConfigScope::topic, name);
        if (key == nullptr) {
            const auto nearest = nearest_config(ConfigScope::topic, name);
            return fail(ErrorCode::invalid_config,
                        fmt::format("Unknown topic config name: {}{}", name,
                                    nearest ? fmt::format("; did you mean {}?", *nearest) : ""));
        }
        if (value.size() > k_config_value_chars_max) {
            return fail(
                ErrorCode::invalid_config,
                fmt::format("The configuration value of {} cannot be added because it exceeds the maximum "
                            "value size of {} bytes.",
                            name, k_config_value_chars_max));
        }
        TRY_STATUS(check_config_value(*key, value));
    }
    const auto number = [&](std::string_view name) {
        return to_int64(
            topic_value(context, *find_config(ConfigScope::topic, name), &overrides).value_or("0"));
    };
    const auto min_lag = number("min.compaction.lag.ms");
    const auto max_lag = number("max.compaction.lag.ms");
    if (min_lag > max_lag) {
        return fail(
            ErrorCode::invalid_config,
            fmt::format(
                "conflict topic config setting min.compaction.lag.ms ({}) > max.compaction.lag.ms ({})",
                min_lag, max_lag));
    }
    const auto* tiered = overrides.find("remote.storage.enable");
    if (tiered != nullptr && to_bool(*tiered)) {
        return fail(
            ErrorCode::invalid_config,
            "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote "
            "log storage.");
    }
    return {};
}

}  // namespace gregor::metadata
