// The settings of a node from its properties file and what overrides it.
#pragma once

#include <string>
#include <vector>

#include "node/settings.h"

namespace gregor::cli {

struct SettingsSource {
    std::string properties_file;  // empty: the embedded defaults
    std::vector<std::string> overrides{};
};

Result<std::string> read_file(const std::string& path);
Result<node::Settings> read_settings(const SettingsSource& source);

}  // namespace gregor::cli
