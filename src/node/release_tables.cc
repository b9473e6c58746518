#include "node/release_tables.h"

#include <fmt/format.h>

#include "metadata/features.h"
#include "metadata/releases.h"
#include "node/format_request.h"
#include "node/text.h"

namespace gregor::node {
namespace {

std::unexpected<Error> refuse(std::string sentence) {
    return fail(ErrorCode::invalid_request, std::move(sentence));
}

Result<std::string> release_dependencies(std::int16_t level) {
    const auto* release = metadata::find_release(level);
    if (release == nullptr) return refuse(fmt::format("Unknown metadata.version {}", level));
    return fmt::format("metadata.version={} ({}) has no dependencies.\n", level, release->name);
}

}  // namespace

Result<std::string> version_mapping(const std::optional<std::string>& release) {
    const auto name =
        release.value_or(std::string(metadata::find_release(metadata::k_metadata_version_max)->name));
    const auto* found = metadata::parse_release(name);
    if (found == nullptr || found->metadata_version > metadata::k_metadata_version_max)
        return std::unexpected(unknown_release(name, metadata::k_metadata_version_readable_max));
    auto text = fmt::format("metadata.version={} ({})\n", found->metadata_version, name);
    for (const auto feature : metadata::optional_features())
        text += fmt::format("{}={}\n", feature, metadata::default_level(feature, found->metadata_version));
    return text;
}

Result<std::string> feature_dependencies(std::string_view feature_and_level) {
    const auto equals = feature_and_level.find('=');
    if (equals == std::string_view::npos)
        return refuse(
            fmt::format("Invalid feature format: {}. Expected format: 'feature=version' (e.g. "
                        "'group.version=1')",
                        feature_and_level));
    const auto feature = feature_and_level.substr(0, equals);
    const auto text = feature_and_level.substr(equals + 1);
    const auto number = parse_int(text);
    if (!number || *number != static_cast<std::int16_t>(*number))
        return refuse(fmt::format("Invalid version format: {} for feature {}", text, feature));
    const auto level = static_cast<std::int16_t>(*number);
    if (feature == metadata::k_metadata_version) return release_dependencies(level);
    if (!metadata::is_feature_level(feature, 0)) return refuse(fmt::format("Unknown feature: {}", feature));
    if (!metadata::is_feature_level(feature, level))
        return refuse(fmt::format("Feature level {} is not supported for feature {}", level, feature));
    const auto* row = metadata::find_feature_level(feature, level);
    if (row == nullptr || row->requires_metadata_version == 0)
        return fmt::format("{}={} has no dependencies.\n", feature, level);
    return fmt::format("{}={} requires:\n    metadata.version={} ({})\n", feature, level,
                       row->requires_metadata_version,
                       metadata::find_release(row->requires_metadata_version)->name);
}

}  // namespace gregor::node
