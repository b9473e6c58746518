// What the format tool is asked for, and the plan that it comes to: the rules are those of Kafka's own tool,
// and so are the sentences of its refusals. No I/O.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "io/ports.h"
#include "node/format.h"
#include "node/settings.h"

namespace gregor::node {

struct FormatRequest {
    std::string cluster_id;
    bool standalone = false;              // this node is the only voter
    bool no_initial_controllers = false;  // the voters are elsewhere
    std::optional<std::string> initial_controllers{};
    std::vector<std::string> features{};  // "group.version=1"
    std::optional<std::string> release_version{};
    std::vector<std::string> scram{};  // see scram_argument.h
};

// At most one of the three choices of controllers is made: the command line sees to it.
Result<FormatPlan> plan_format(const Settings& settings, const FormatRequest& request, io::Random& random);

// The sentence for a release that nobody knows, or that is newer than the newest allowed.
Error unknown_release(std::string_view text, std::int16_t newest);

}  // namespace gregor::node
