#include "cli/read_settings.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "node/config.h"
#include "node/properties.h"

namespace gregor::cli {

Result<std::string> read_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file)
        return fail(ErrorCode::invalid_config,
                    fmt::format("{}: cannot be read: {}", path, std::strerror(errno)));
    std::ostringstream text;
    text << file.rdbuf();
    if (!file) return fail(ErrorCode::invalid_config, fmt::format("{}: cannot be read: is it a file?", path));
    return std::move(text).str();
}

Result<node::Settings> read_settings(const SettingsSource& source) {
    std::vector<node::Property> properties = node::embedded_defaults();
    if (!source.properties_file.empty()) {
        auto parsed = node::parse_properties(TRY(read_file(source.properties_file)));
        if (!parsed) {
            return fail(ErrorCode::invalid_config,
                        fmt::format("{}: {}", source.properties_file, parsed.error().detail));
        }
        properties = std::move(*parsed);
    }
    for (const auto& text : source.overrides) properties.push_back(TRY(node::parse_override(text)));
    return node::Settings::make(source.properties_file, properties);
}

}  // namespace gregor::cli
