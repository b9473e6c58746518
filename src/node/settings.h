// The settings of a node: what the properties file and --override say, checked against the table of every key
// that Kafka knows, over its defaults. Also the static layer that DescribeConfigs shows.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "metadata/config_source.h"
#include "node/properties.h"

namespace gregor::node {

class Settings final : public metadata::ConfigSource {
public:
    // Later properties win. `file` is only named in messages. Unknown keys are kept and become warnings; a
    // value that does not parse or lies out of range is an error naming file, line, key, value and rule.
    static Result<Settings> make(std::string file, const std::vector<Property>& properties);

    // One sentence each, for the log.
    const std::vector<std::string>& warnings() const { return warnings_; }

    const std::string* static_value(std::string_view key) const override;
    bool is_given(std::string_view key) const { return static_value(key) != nullptr; }
    // What is in force: given, else the default; "" where that is null. `key` must be in the table or one of
    // ours.
    std::string_view text(std::string_view key) const;
    std::int64_t number(std::string_view key) const;
    bool flag(std::string_view key) const;
    std::vector<std::string_view> list(std::string_view key) const;

    // An error about a key, in the form of make()'s.
    Error error_at(std::string_view key, std::string_view what) const;

private:
    struct Given {
        std::string value;
        std::size_t line = 0;
    };
    Status add(const Property& property);

    std::string file_;
    std::map<std::string, Given, std::less<>> given_;
    std::vector<std::string> warnings_;
};

}  // namespace gregor::node
