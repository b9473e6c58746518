// `gregor groups explain`: why a group rebalanced.
#pragma once

#include <string>

#include "cli/session.h"

namespace gregor::cli {

struct ExplainOptions {
    SessionOptions session;
    std::string group;
};

Result<int> explain_group(Session& session, const ExplainOptions& options);

}  // namespace gregor::cli
