// What the properties file (and the command line) say about broker configs: the static layer below the
// dynamic ones that the image holds.
#pragma once

#include <string>
#include <string_view>

namespace gregor::metadata {

class ConfigSource {
public:
    virtual ~ConfigSource() = default;
    // The text given for `key`; nullptr when it was not given. Keys are those of config_table.h, scope
    // broker.
    virtual const std::string* static_value(std::string_view key) const = 0;
};

}  // namespace gregor::metadata
