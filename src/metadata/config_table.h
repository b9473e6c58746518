// Every config key that Kafka knows, with its type, default, validator and synonyms: one table for the
// properties file, CreateTopics, AlterConfigs and DescribeConfigs. The rows are config_table.def, made by
// tools/config_table.py.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace gregor::metadata {

enum class ConfigScope : std::uint8_t {
    broker,
    topic,
    group,
    client_metrics,
    broker_quota,
    user_client_quota,
    ip_quota
};

// The numbers are those of DescribeConfigs' config_type.
enum class ConfigType : std::int8_t {
    boolean = 1,
    string = 2,
    int32 = 3,
    int16 = 4,
    int64 = 5,
    float64 = 6,
    list = 7,
    class_name = 8,
    password = 9
};

enum class UpdateMode : std::uint8_t { read_only, per_broker, cluster_wide };

// What a value must meet beyond its type.
enum class ConfigRule : std::uint8_t {
    none,
    at_least,              // "[1,...]"
    between,               // "[0,...,1]"
    between_or_minus_one,  // "[1,...,9] or -1"
    one_of,                // "[a, b]"
    one_of_ignoring_case,
    non_empty,
    throttled_replicas,  // "*" or "partition:broker" pairs
    offset_reset,        // latest, earliest, by_duration:P...
};

struct ConfigSynonym {
    std::string_view name;  // a broker config
    std::string_view unit;  // same, minutes, hours: what its value is counted in
};

struct ConfigKey {
    ConfigScope scope;
    std::string_view name;
    ConfigType type;
    bool is_required;                               // no default at all
    std::optional<std::string_view> default_value;  // Kafka's text form; none is null
    ConfigRule rule;
    std::string_view valid;  // the rule as Kafka prints it
    double min = 0;          // of at_least and between
    double max = 0;
    bool is_internal;
    UpdateMode update_mode;
    std::string_view synonyms;       // "a,b:hours": broker configs behind this one, first wins
    std::string_view documentation;  // a sentence

    bool is_sensitive() const { return type == ConfigType::password; }
    std::vector<ConfigSynonym> synonym_list() const;
};

inline constexpr std::size_t k_config_value_chars_max = 32'767;

// All keys of a scope, by name.
std::span<const ConfigKey> config_keys(ConfigScope scope);
const ConfigKey* find_config(ConfigScope scope, std::string_view name);  // nullptr when there is none

// The known key nearest to a misspelt one, if any is near (edit distance at most a third of its length).
std::optional<std::string_view> nearest_config(ConfigScope scope, std::string_view name);

// A value in Kafka's syntax for its type (numbers in decimal, lists by comma, white space around trimmed)
// that meets the key's rule. The error's detail is Kafka's sentence, its code invalid_config.
Status check_config_value(const ConfigKey& key, std::string_view value);

std::string_view trimmed_text(std::string_view text);  // as Java's trim() does it

// Typed reads of a value that check_config_value accepts.
std::int64_t to_int64(std::string_view value);
double to_float64(std::string_view value);
bool to_bool(std::string_view value);
std::vector<std::string_view> to_list(std::string_view value);  // trimmed; an empty value is the empty list

}  // namespace gregor::metadata
