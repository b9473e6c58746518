// What a config is worth, and where that comes from: the layers below a key in Kafka's order.
//
//   topic override → dynamic of this broker → dynamic of all brokers → properties file → default
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "metadata/config_source.h"
#include "metadata/config_table.h"
#include "metadata/image.h"

namespace gregor::metadata {

// The numbers are those of DescribeConfigs' config_source.
enum class ConfigOrigin : std::int8_t {
    unknown = 0,
    dynamic_topic = 1,
    dynamic_broker = 2,
    dynamic_default_broker = 3,
    static_broker = 4,
    default_config = 5,
    dynamic_broker_logger = 6,
    client_metrics = 7,
    group = 8
};

struct ConfigLayer {
    std::string_view name;
    std::string value;
    ConfigOrigin origin = ConfigOrigin::unknown;
};

struct EffectiveConfig {
    const ConfigKey* key = nullptr;
    std::optional<std::string> value;
    ConfigOrigin origin = ConfigOrigin::default_config;
    std::vector<ConfigLayer> layers;  // what DescribeConfigs calls synonyms, nearest first
    bool is_read_only = false;
};

struct ConfigContext {
    const ClusterState& state;
    const ConfigSource& properties;  // of this node
    BrokerId node;                   // whose dynamic broker configs count
};

// A topic's config with its name as key; `overrides` are the topic's own, nullptr for none.
EffectiveConfig topic_config(const ConfigContext& context, const ConfigKey& key, const ConfigMap* overrides);
EffectiveConfig broker_config(const ConfigContext& context, const ConfigKey& key);
// A group or client-metrics config: its own value, for groups the broker config behind it, or the default.
EffectiveConfig resource_config(const ConfigContext& context, const ConfigKey& key,
                                const ConfigMap* overrides);

// The value alone, for decisions.
std::string topic_config_value(const ConfigContext& context, std::string_view topic, std::string_view key);

// Rules between a topic's configs, over the whole set it would have; invalid_config with a sentence.
Status check_topic_configs(const ConfigContext& context, const ConfigMap& overrides);

}  // namespace gregor::metadata
