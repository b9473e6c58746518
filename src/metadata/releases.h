// The releases of Kafka as a format tool speaks of them: the names of metadata.version's levels, the level at
// which each other feature starts under them, and what a level needs.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace gregor::metadata {

struct Release {
    std::int16_t metadata_version = 0;
    std::string_view name;  // "4.3-IV0"
};

// Ascending. What lies above k_metadata_version_max is not stable yet.
std::span<const Release> releases();
const Release* find_release(std::int16_t metadata_version);  // nullptr when there is none
// "4.3-IV0", or "4.3", or "4.3.1": the last stable level of that release. nullptr when there is none.
const Release* parse_release(std::string_view text);

// A level of a feature other than metadata.version.
struct FeatureLevel {
    std::string_view feature;
    std::int16_t level = 0;
    std::int16_t default_from = 0;  // the metadata.version under which a new cluster starts with it; 0: none
    std::int16_t requires_metadata_version = 0;  // 0: any
};

// By feature in the order in which the peer lists them, ascending by level; level 0 of each goes without
// saying.
std::span<const FeatureLevel> feature_levels();
// The features of feature_levels(), each once, in its order.
std::span<const std::string_view> optional_features();
bool is_feature_level(std::string_view feature, std::int16_t level);
const FeatureLevel* find_feature_level(std::string_view feature, std::int16_t level);
std::int16_t default_level(std::string_view feature, std::int16_t metadata_version);

}  // namespace gregor::metadata
