// Small steps between group messages and the values of the group coordinator. Shared by the group handlers.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "coordinator/state_machine.h"
#include "server/request_context.h"

namespace gregor::server {

inline std::optional<std::string> owned(std::optional<std::string_view> text) {
    return text ? std::optional<std::string>(*text) : std::nullopt;
}
inline coordinator::OwnedBytes owned(Bytes bytes) { return {bytes.begin(), bytes.end()}; }

inline bool may_read_group(const RequestContext& context, std::string_view group_id) {
    return context.allows(security::Operation::read, security::ResourceType::group, group_id);
}
inline bool may_describe_group(const RequestContext& context, std::string_view group_id) {
    return context.allows(security::Operation::describe, security::ResourceType::group, group_id);
}

}  // namespace gregor::server
