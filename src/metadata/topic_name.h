// Which names a topic may have.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace gregor::metadata {

inline constexpr std::size_t k_topic_name_chars_max = 249;  // a folder's name is a little longer

// invalid_topic_exception with a sentence that names the fault.
Status check_topic_name(std::string_view name);

// Metric names turn '.' into '_', so two topics may not differ in those alone.
bool has_collision_chars(std::string_view name);
std::string collision_form(std::string_view name);

}  // namespace gregor::metadata
