#include "node/cordoned_directories.h"

#include <algorithm>

namespace gregor::node {

std::vector<Uuid> cordoned_directories(const metadata::ConfigContext& configs, const storage::LogDirs& dirs) {
    const auto* key = metadata::find_config(metadata::ConfigScope::broker, "cordoned.log.dirs");
    const auto value = metadata::broker_value(configs, *key).value_or("");
    const auto named = metadata::to_list(value);
    std::vector<Uuid> cordoned;
    for (std::size_t i = 0; i < dirs.log_directories(); ++i) {
        const auto& directory = dirs.directories()[i];
        const bool is_named = std::ranges::any_of(
            named, [&](std::string_view each) { return each == "*" || each == directory.path; });
        if (is_named && directory.properties && directory.properties->directory_id)
            cordoned.push_back(*directory.properties->directory_id);
    }
    std::ranges::sort(cordoned);
    return cordoned;
}

}  // namespace gregor::node
