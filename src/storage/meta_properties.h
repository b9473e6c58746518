// meta.properties: whose directory this is (Java Properties text, version 0 or 1).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/result.h"

namespace gregor::storage {

inline constexpr const char* k_meta_properties_file = "meta.properties";

struct MetaProperties {
    int version = 1;
    std::optional<std::string> cluster_id;
    std::optional<BrokerId> node_id;
    std::optional<Uuid> directory_id;
    std::map<std::string, std::string> others;  // keys we do not know, kept
};

Result<MetaProperties> parse_meta_properties(std::string_view text, const std::string& path);
std::string format_meta_properties(const MetaProperties& properties);

}  // namespace gregor::storage
