#include "metadata/features.h"

#include <array>

namespace gregor::metadata {
namespace {

constexpr auto k_features = std::to_array<FeatureRange>({
    {"eligible.leader.replicas.version", 0, 1, 1},
    {"group.version", 0, 1, 1},
    {"kraft.version", 0, 1, 0},
    {"metadata.version", k_metadata_version_min, k_metadata_version_max, k_metadata_version_max},
    {"share.version", 0, 1, 1},
    {"streams.version", 0, 1, 1},
    {"transaction.version", 0, 2, 2},
});

}  // namespace

std::span<const FeatureRange> supported_features() { return k_features; }

}  // namespace gregor::metadata
