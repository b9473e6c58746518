#include "metadata/effective_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace gregor::metadata {
namespace {

constexpr std::int64_t k_ms_per_minute = 60'000;
constexpr std::int64_t k_ms_per_hour = 3'600'000;
constexpr std::size_t k_value_chars_max = 32'767;

// The value of a broker config in the unit of the topic config before it.
std::string converted(std::string_view value, std::string_view unit) {
    if (unit == "same") return std::string(value);
    const auto number = to_int64(value);
    if (number < 0) return "-1";
    return std::to_string(number * (unit == "hours" ? k_ms_per_hour : k_ms_per_minute));
}

// The layers of broker configs behind a key, as they stand there, unconverted.
class BrokerLayers {
public:
    BrokerLayers(const ConfigContext& context, std::vector<ConfigSynonym> synonyms)
        : context_(context), synonyms_(std::move(synonyms)) {}

    std::vector<ConfigLayer> collect(std::string_view default_of) {
        const auto own = std::to_string(context_.node.value());
        for (const auto& synonym : synonyms_) dynamic(own, synonym.name, ConfigOrigin::dynamic_broker);
        for (const auto& synonym : synonyms_) dynamic("", synonym.name, ConfigOrigin::dynamic_default_broker);
        for (const auto& synonym : synonyms_)
            add(synonym.name, context_.properties.static_value(synonym.name));
        const auto* key = find_config(ConfigScope::broker, default_of);
        if (key != nullptr && key->default_value)
            layers_.push_back({default_of, std::string(*key->default_value), ConfigOrigin::default_config});
        return std::move(layers_);
    }

private:
    void dynamic(std::string_view broker, std::string_view name, ConfigOrigin origin) {
        const auto* value = context_.state.config(ConfigResourceType::broker, broker, name);
        if (value != nullptr) layers_.push_back({name, *value, origin});
    }
    void add(std::string_view name, const std::string* value) {
        if (value != nullptr) layers_.push_back({name, *value, ConfigOrigin::static_broker});
    }

    const ConfigContext& context_;
    const std::vector<ConfigSynonym> synonyms_;
    std::vector<ConfigLayer> layers_;
};

std::string_view unit_of(const std::vector<ConfigSynonym>& synonyms, std::string_view name) {
    const auto at = std::ranges::find(synonyms, name, &ConfigSynonym::name);
    return at == synonyms.end() ? "same" : at->unit;
}

std::optional<std::string> default_text(const ConfigKey& key) {
    return key.default_value ? std::optional(std::string(*key.default_value)) : std::nullopt;
}

}  // namespace

EffectiveConfig topic_config(const ConfigContext& context, const ConfigKey& key, const ConfigMap* overrides) {
    EffectiveConfig result{.key = &key, .value = default_text(key), .layers = {}};
    const auto synonyms = key.synonym_list();
    if (!synonyms.empty()) result.layers = BrokerLayers(context, synonyms).collect(synonyms.front().name);
    if (!result.layers.empty()) {
        const auto& nearest = result.layers.front();
        result.value = converted(nearest.value, unit_of(synonyms, nearest.name));
        result.origin = nearest.origin;
    }
    const auto* own = overrides == nullptr ? nullptr : overrides->find(key.name);
    if (own == nullptr) return result;
    result.value = *own;
    result.origin = ConfigOrigin::dynamic_topic;
    result.layers.insert(result.layers.begin(), {key.name, *own, ConfigOrigin::dynamic_topic});
    return result;
}

EffectiveConfig broker_config(const ConfigContext& context, const ConfigKey& key) {
    EffectiveConfig result{.key = &key, .value = std::nullopt, .layers = {}};
    result.is_read_only = key.update_mode == UpdateMode::read_only;
    result.layers = BrokerLayers(context, key.synonym_list()).collect(key.name);
    for (const auto& layer : result.layers) {
        if (layer.name != key.name) continue;  // a synonym's value counts in another unit
        result.value = layer.value;
        break;
    }
    if (!result.layers.empty()) result.origin = result.layers.front().origin;
    return result;
}

EffectiveConfig resource_config(const ConfigContext& context, const ConfigKey& key,
                                const ConfigMap* overrides) {
    EffectiveConfig result{.key = &key, .value = default_text(key), .layers = {}};
    const auto synonyms = key.synonym_list();
    if (!synonyms.empty()) result.layers = BrokerLayers(context, synonyms).collect(synonyms.front().name);
    if (synonyms.empty() && key.default_value)
        result.layers.push_back({key.name, std::string(*key.default_value), ConfigOrigin::default_config});
    if (!result.layers.empty()) {
        result.value = result.layers.front().value;
        result.origin = result.layers.front().origin;
    }
    const auto* own = overrides == nullptr ? nullptr : overrides->find(key.name);
    if (own == nullptr) return result;
    result.value = *own;
    result.origin = key.scope == ConfigScope::group ? ConfigOrigin::group : ConfigOrigin::client_metrics;
    result.layers.insert(result.layers.begin(), {key.name, *own, result.origin});
    return result;
}

std::string topic_config_value(const ConfigContext& context, std::string_view topic, std::string_view key) {
    const auto* row = find_config(ConfigScope::topic, key);
    ASSERT(row != nullptr);
    const auto* overrides = context.state.config(ConfigResourceType::topic, topic);
    return topic_config(context, *row, overrides).value.value_or("");
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
        if (value.size() > k_value_chars_max) {
            return fail(
                ErrorCode::invalid_config,
                fmt::format("The configuration value of {} cannot be added because it exceeds the maximum "
                            "value size of {} bytes.",
                            name, k_value_chars_max));
        }
        TRY_STATUS(check_config_value(*key, value));
    }
    const auto number = [&](std::string_view name) {
        return to_int64(
            topic_config(context, *find_config(ConfigScope::topic, name), &overrides).value.value_or("0"));
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
