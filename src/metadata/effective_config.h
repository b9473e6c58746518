// What a config is worth, and where that comes from: the layers below a key in Kafka's order. The one place
// that knows it, for the broker's own decisions, for CreateTopics and for DescribeConfigs.
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
    std::string value;  // as it was given; of a topic's or group's own config as canonical_value prints it
    ConfigOrigin origin = ConfigOrigin::unknown;
};

struct EffectiveConfig {
    const ConfigKey* key = nullptr;
    std::optional<std::string> value;                    // none is null
    ConfigOrigin origin = ConfigOrigin::default_config;  // as DescribeConfigs tells it
    std::vector<ConfigLayer> layers;                     // what DescribeConfigs calls synonyms, nearest first
};

struct ConfigContext {
    const ClusterState& state;
    const ConfigSource& properties;  // of this node
    BrokerId node;                   // whose dynamic broker configs count
};

// A value as Java prints it once parsed: "0.50" is "0.5", " a , b" of a list is "a,b", " TRUE" is "true".
std::string canonical_value(const ConfigKey& key, std::string_view value);

// The value in force, canonical; none is null. `overrides` are the topic's own, nullptr for none. Values that
// do not parse were refused before they became records; such a one counts as absent here.
std::optional<std::string> topic_value(const ConfigContext& context, const ConfigKey& key,
                                       const ConfigMap* overrides);
std::optional<std::string> broker_value(const ConfigContext& context, const ConfigKey& key);

// What a topic without configs of its own has, as a number.
std::int64_t topic_number_of_broker(const ConfigContext& context, std::string_view key);
// Of a topic or broker config when nothing dynamic counts: of the properties file, or the default.
std::optional<std::string> static_value(const ConfigContext& context, const ConfigKey& key);

// What a topic without configs of its own is said to have when it is created: the text that was given, as it
// was given but for its unit, and where, by whichever of the key's names.
struct GivenConfig {
    std::optional<std::string> value;
    ConfigOrigin origin = ConfigOrigin::default_config;
};
GivenConfig given_topic_config(const ConfigContext& context, const ConfigKey& key);

// The value with the layers it comes from. The layers of a topic config are those of its first broker synonym
// with their raw values; they start at the first that bears that synonym's name. So retention.ms has none
// as long as only log.retention.hours is set, and its origin is then said to be the default.
EffectiveConfig topic_config(const ConfigContext& context, const ConfigKey& key, const ConfigMap* overrides);
EffectiveConfig broker_config(const ConfigContext& context, const ConfigKey& key);
// A group or client-metrics config: its own value, for groups the broker config behind it, or the default.
EffectiveConfig resource_config(const ConfigContext& context, const ConfigKey& key,
                                const ConfigMap* overrides);

// The value alone, by names, for decisions; "" for null.
std::string topic_config_value(const ConfigContext& context, std::string_view topic, std::string_view key);

// Rules between a topic's configs, over the whole set it would have; invalid_config with a sentence.
Status check_topic_configs(const ConfigContext& context, const ConfigMap& overrides);

}  // namespace gregor::metadata
