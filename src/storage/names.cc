#include "storage/names.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"
#include "storage/checkpoint_text.h"

namespace gregor::storage {
namespace {

constexpr std::size_t k_file_name_max = 255;

std::string_view suffix_of(DirectoryKind kind) {
    switch (kind) {
        case DirectoryKind::live: return "";
        case DirectoryKind::future: return "-future";
        case DirectoryKind::to_delete: return "-delete";
        case DirectoryKind::stray: return "-stray";
    }
    UNREACHABLE();
}

std::optional<PartitionName> parse_partition_name(std::string_view name) {
    const auto dash = name.rfind('-');
    if (dash == std::string_view::npos || dash == 0) return std::nullopt;
    const auto index = parse_number<std::int32_t>(name.substr(dash + 1));
    if (!index) return std::nullopt;
    return PartitionName{std::string(name.substr(0, dash)), PartitionIndex{*index}};
}

}  // namespace

std::string PartitionName::to_string() const { return fmt::format("{}-{}", topic, partition.value()); }

std::optional<DirectoryName> parse_directory_name(std::string_view name) {
    for (const auto kind : {DirectoryKind::to_delete, DirectoryKind::future, DirectoryKind::stray}) {
        const auto suffix = suffix_of(kind);
        if (!name.ends_with(suffix)) continue;
        const auto stem = name.substr(0, name.size() - suffix.size());
        const auto dot = stem.rfind('.');
        if (dot == std::string_view::npos || dot + 1 == stem.size()) return std::nullopt;
        const auto partition = parse_partition_name(stem.substr(0, dot));
        if (!partition) return std::nullopt;
        return DirectoryName{*partition, kind};
    }
    const auto partition = parse_partition_name(name);
    if (!partition) return std::nullopt;
    return DirectoryName{*partition, DirectoryKind::live};
}

std::string suffixed_directory_name(const PartitionName& partition, std::string_view unique_hex,
                                    DirectoryKind kind) {
    const auto tail = fmt::format("-{}.{}{}", partition.partition.value(), unique_hex, suffix_of(kind));
    const bool may_cut = kind == DirectoryKind::to_delete || kind == DirectoryKind::stray;
    const auto room = k_file_name_max - std::min(k_file_name_max, tail.size());
    return (may_cut ? partition.topic.substr(0, room) : partition.topic) + tail;
}

std::string segment_stem(Offset base) { return fmt::format("{:020}", base.value()); }

std::string segment_path(const std::string& directory, Offset base, std::string_view extension) {
    return fmt::format("{}/{:020}{}", directory, base.value(), extension);
}

std::optional<Offset> offset_of_file(std::string_view file_name) {
    const auto value = parse_number<std::int64_t>(file_name.substr(0, file_name.find('.')));
    if (!value || *value < 0 || *value > k_offset_max) return std::nullopt;
    return Offset{*value};
}

std::string join_path(std::string_view directory, std::string_view name) {
    if (directory.ends_with('/')) return fmt::format("{}{}", directory, name);
    return fmt::format("{}/{}", directory, name);
}

std::string parent_path(std::string_view path) {
    const auto slash = path.rfind('/');
    if (slash == std::string_view::npos) return ".";
    return slash == 0 ? "/" : std::string(path.substr(0, slash));
}

std::string last_component(std::string_view path) {
    const auto slash = path.rfind('/');
    return std::string(slash == std::string_view::npos ? path : path.substr(slash + 1));
}

}  // namespace gregor::storage
