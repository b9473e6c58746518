// What IncrementalAlterConfigs asks of one key, and what lists become by it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace gregor::metadata {

// The numbers are those of the request.
enum class ConfigOperation : std::int8_t { set = 0, remove = 1, append = 2, subtract = 3 };

bool is_known(ConfigOperation operation);
constexpr bool changes_list(ConfigOperation operation) {
    return operation == ConfigOperation::append || operation == ConfigOperation::subtract;
}

struct ConfigChange {
    std::string_view name;
    ConfigOperation operation = ConfigOperation::set;
    std::optional<std::string_view> value;
};

// The elements of `list` with those of `value` that it lacks, or without those of `value`. Nothing is
// trimmed and nothing checked, as Kafka does it: the result is validated like any other value.
std::string changed_list(ConfigOperation operation, std::string_view list, std::string_view value);

}  // namespace gregor::metadata
