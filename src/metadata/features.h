// The features of a cluster (KIP-584): what this program supports, and what a new cluster starts with.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace gregor::metadata {

inline constexpr std::string_view k_metadata_version = "metadata.version";
inline constexpr std::string_view k_kraft_version = "kraft.version";
inline constexpr std::string_view k_elr_version = "eligible.leader.replicas.version";

inline constexpr std::int16_t k_metadata_version_min = 7;
inline constexpr std::int16_t k_metadata_version_max = 30;  // 4.3-IV0: what is advertised and written
inline constexpr std::int16_t k_metadata_version_readable_max = 31;  // the peer's unstable next one

struct FeatureRange {
    std::string_view name;
    std::int16_t min = 0;
    std::int16_t max = 0;
    std::int16_t initial =
        0;  // the level of a cluster formatted today; kraft.version's is in control records
};

// By name, as the registrations of brokers and controllers carry them.
std::span<const FeatureRange> supported_features();

// Versions of records that follow the finalised metadata.version.
constexpr std::int16_t register_broker_version(std::int16_t metadata_version) {
    if (metadata_version >= 30) return 4;
    if (metadata_version >= 17) return 3;
    return metadata_version >= 8 ? 2 : 1;
}
constexpr std::int16_t partition_version(
    std::int16_t metadata_version) {  // PartitionRecord, PartitionChangeRecord
    if (metadata_version >= 23) return 2;
    return metadata_version >= 17 ? 1 : 0;
}
constexpr bool has_scram(std::int16_t metadata_version) { return metadata_version >= 11; }
constexpr bool has_metadata_transactions(std::int16_t metadata_version) { return metadata_version >= 13; }
constexpr bool has_controller_registration(std::int16_t metadata_version) { return metadata_version >= 15; }
constexpr bool has_directory_assignment(std::int16_t metadata_version) { return metadata_version >= 17; }
constexpr bool has_cordoned_log_dirs(std::int16_t metadata_version) { return metadata_version >= 30; }

}  // namespace gregor::metadata
