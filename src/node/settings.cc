#include "node/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "base/assert.h"
#include "metadata/config_table.h"
#include "node/text.h"

namespace gregor::node {
namespace {

using metadata::ConfigScope;

// The keys that only Gregor has.
struct OwnKey {
    std::string_view name;
    std::string_view default_value;
    std::string_view rule;
    bool (*accepts)(std::string_view value);
};

bool is_durability(std::string_view value) { return value == "disk" || value == "page_cache"; }
bool is_shard_count(std::string_view value) {
    const auto count = parse_int(value);
    return count && *count >= 0 && *count <= 256;
}

bool is_size(std::string_view value) {
    const auto bytes = parse_int(value);
    return bytes && *bytes >= 0;
}

bool is_memory_size(std::string_view value) {
    constexpr std::int64_t k_min = 32 << 20;
    const auto bytes = parse_int(value);
    return bytes && (*bytes == 0 || *bytes >= k_min);
}

bool is_pause(std::string_view value) {
    const auto span_ms = parse_int(value);
    return span_ms && *span_ms > 0;
}

constexpr auto k_own_keys = std::to_array<OwnKey>({
    {"gregor.ack.durability", "disk", "disk or page_cache", is_durability},
    {"gregor.disk.reserve.bytes", "268435456", "a number from 0 (none)", is_size},
    {"gregor.memory.bytes", "0", "0 (half of the memory there is) or at least 33554432", is_memory_size},
    {"gregor.partition.idle.ms", "60000", "a number from 1", is_pause},
    {"gregor.shards", "0", "a number from 0 (one a CPU) to 256", is_shard_count},
});

const OwnKey* find_own(std::string_view name) {
    const auto* found = std::ranges::find(k_own_keys, name, &OwnKey::name);
    return found == k_own_keys.end() ? nullptr : found;
}

// "node.id" for "nodeid"; nothing when no known key is near.
std::string suggestion(std::string_view key) {
    const auto nearest = metadata::nearest_config(ConfigScope::broker, key);
    return nearest ? fmt::format("; did you mean {}?", *nearest) : std::string();
}

}  // namespace

Result<Settings> Settings::make(std::string file, const std::vector<Property>& properties) {
    Settings settings;
    settings.file_ = std::move(file);
    for (const auto& property : properties) TRY_STATUS(settings.add(property));
    return settings;
}

Status Settings::add(const Property& property) {
    given_[property.key] = {std::string(trim(property.value)), property.line};
    const auto& value = given_.find(property.key)->second.value;
    if (const auto* own = find_own(property.key)) {
        if (!own->accepts(value))
            return std::unexpected(error_at(property.key, fmt::format("must be {}", own->rule)));
        return {};
    }
    const auto* key = metadata::find_config(ConfigScope::broker, property.key);
    if (key == nullptr) {
        // Per-listener forms and the settings of plug-ins have no row of their own.
        const bool is_prefixed = property.key.starts_with("listener.name.");
        if (!is_prefixed) {
            warnings_.push_back(
                error_at(property.key,
                         "is not a key that this broker knows; it has no effect" + suggestion(property.key))
                    .detail);
        }
        return {};
    }
    if (const auto checked = metadata::check_config_value(*key, value); !checked) {
        const auto rule = key->valid.empty() ? checked.error().detail : fmt::format("must be {}", key->valid);
        return std::unexpected(error_at(property.key, rule));
    }
    return {};
}

const std::string* Settings::static_value(std::string_view key) const {
    const auto found = given_.find(key);
    return found == given_.end() ? nullptr : &found->second.value;
}

std::string_view Settings::text(std::string_view key) const {
    if (const auto* value = static_value(key)) return *value;
    if (const auto* own = find_own(key)) return own->default_value;
    const auto* row = metadata::find_config(ConfigScope::broker, key);
    ASSERT_MSG(row != nullptr, key);
    return row->default_value.value_or("");
}

std::int64_t Settings::number(std::string_view key) const {
    const auto value = text(key);
    return value.empty() ? 0 : metadata::to_int64(value);
}

bool Settings::flag(std::string_view key) const { return metadata::to_bool(text(key)); }

std::vector<std::string_view> Settings::list(std::string_view key) const { return split_list(text(key)); }

Error Settings::error_at(std::string_view key, std::string_view what) const {
    const auto given = given_.find(key);
    if (given == given_.end()) return {ErrorCode::invalid_config, fmt::format("{}: {} {}", file_, key, what)};
    const auto& [value, line] = given->second;
    const auto place = line == 0 ? std::string("--override") : fmt::format("{}:{}", file_, line);
    return {ErrorCode::invalid_config, fmt::format("{}: {}={} {}", place, key, value, what)};
}

}  // namespace gregor::node
