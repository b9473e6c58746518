// The broker's log directories as the properties name them, in their order.
#pragma once

#include <string>
#include <vector>

#include "server/request_context.h"

namespace gregor::server {

struct LogDirectory {
    std::string path;
    bool is_cordoned = false;  // cordoned.log.dirs
};

std::vector<LogDirectory> log_directories(const RequestContext& context);

}  // namespace gregor::server
