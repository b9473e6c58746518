#include "metadata/releases.h"

#include <algorithm>
#include <array>

#include "metadata/features.h"

namespace gregor::metadata {
namespace {

constexpr auto k_releases = std::to_array<Release>({
    {7, "3.3-IV3"},  {8, "3.4-IV0"},  {9, "3.5-IV0"},  {10, "3.5-IV1"}, {11, "3.5-IV2"},
    {12, "3.6-IV0"}, {13, "3.6-IV1"}, {14, "3.6-IV2"}, {15, "3.7-IV0"}, {16, "3.7-IV1"},
    {17, "3.7-IV2"}, {18, "3.7-IV3"}, {19, "3.7-IV4"}, {20, "3.8-IV0"}, {21, "3.9-IV0"},
    {22, "4.0-IV0"}, {23, "4.0-IV1"}, {24, "4.0-IV2"}, {25, "4.0-IV3"}, {26, "4.1-IV0"},
    {27, "4.1-IV1"}, {28, "4.2-IV0"}, {29, "4.2-IV1"}, {30, "4.3-IV0"}, {31, "4.4-IV0"},
});
static_assert(k_releases.front().metadata_version == k_metadata_version_min);
static_assert(k_releases.back().metadata_version == k_metadata_version_readable_max);

constexpr auto k_levels = std::to_array<FeatureLevel>({
    {"kraft.version", 1, 21, 0},
    {"transaction.version", 1, 0, 0},
    {"transaction.version", 2, 24, 0},
    {"group.version", 1, 22, 0},
    {"eligible.leader.replicas.version", 1, 26, 23},
    {"share.version", 1, 28, 0},
    {"streams.version", 1, 29, 0},
});
constexpr auto k_features = std::to_array<std::string_view>({
    "kraft.version",
    "transaction.version",
    "group.version",
    "eligible.leader.replicas.version",
    "share.version",
    "streams.version",
});

// "4.3.1" belongs to "4.3", "4.3-IV0" to itself.
std::string_view release_key(std::string_view text) {
    const auto first = text.find('.');
    if (first == std::string_view::npos) return text;
    return text.substr(0, text.find('.', first + 1));
}

}  // namespace

std::span<const Release> releases() { return k_releases; }

const Release* find_release(std::int16_t metadata_version) {
    const auto* found = std::ranges::find(k_releases, metadata_version, &Release::metadata_version);
    return found == k_releases.end() ? nullptr : found;
}

const Release* parse_release(std::string_view text) {
    const auto key = release_key(text);
    const Release* found = nullptr;
    for (const auto& release : k_releases) {
        if (release.name == key) return &release;
        const bool is_stable = release.metadata_version <= k_metadata_version_max;
        if (is_stable && release.name.substr(0, release.name.find('-')) == key) found = &release;
    }
    return found;
}

std::span<const FeatureLevel> feature_levels() { return k_levels; }

std::span<const std::string_view> optional_features() { return k_features; }

const FeatureLevel* find_feature_level(std::string_view feature, std::int16_t level) {
    for (const auto& row : k_levels) {
        if (row.feature == feature && row.level == level) return &row;
    }
    return nullptr;
}

bool is_feature_level(std::string_view feature, std::int16_t level) {
    if (level == 0) return std::ranges::find(k_features, feature) != k_features.end();
    return find_feature_level(feature, level) != nullptr;
}

std::int16_t default_level(std::string_view feature, std::int16_t metadata_version) {
    std::int16_t level = 0;
    for (const auto& row : k_levels) {
        const bool is_default = row.default_from != 0 && row.default_from <= metadata_version;
        if (row.feature == feature && is_default) level = row.level;
    }
    return level;
}

}  // namespace gregor::metadata
