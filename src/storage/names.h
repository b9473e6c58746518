// Names on disk: segment files and partition directories, in Kafka's grammar.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/result.h"

namespace gregor::storage {

// Above it nothing is believed: offsets of a segment, and one past its last, stay representable.
inline constexpr std::int64_t k_offset_max = INT64_MAX - (std::int64_t{1} << 32);

inline constexpr std::string_view k_metadata_topic = "__cluster_metadata";

struct PartitionName {
    std::string topic;
    PartitionIndex partition;
    friend auto operator<=>(const PartitionName&, const PartitionName&) = default;
    std::string to_string() const;  // "<topic>-<partition>"
};

enum class DirectoryKind : std::uint8_t { live, future, to_delete, stray };

struct DirectoryName {
    PartitionName partition;
    DirectoryKind kind = DirectoryKind::live;
};

// nullopt: Kafka would refuse to start over a directory of this name.
std::optional<DirectoryName> parse_directory_name(std::string_view name);
// "<topic>-<partition>.<unique_hex>-delete" and the like; the topic is cut so that 255 characters suffice.
std::string suffixed_directory_name(const PartitionName& partition, std::string_view unique_hex,
                                    DirectoryKind kind);

std::string segment_stem(Offset base);  // twenty digits
std::string segment_path(const std::string& directory, Offset base, std::string_view extension);
// The offset before the first '.', nullopt when that is no offset.
std::optional<Offset> offset_of_file(std::string_view file_name);

std::string join_path(std::string_view directory, std::string_view name);
std::string parent_path(std::string_view path);
std::string last_component(std::string_view path);

}  // namespace gregor::storage
