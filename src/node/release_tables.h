// What `gregor storage version-mapping` and `feature-dependencies` print, in the peer's words.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace gregor::node {

// The features that a cluster of this release starts with; of the newest stable one when none is given.
Result<std::string> version_mapping(const std::optional<std::string>& release);

// What "feature=level" needs of other features.
Result<std::string> feature_dependencies(std::string_view feature_and_level);

}  // namespace gregor::node
