#include "server/request_context.h"

namespace gregor::server {

bool RequestContext::allows(security::Operation operation, security::ResourceType type,
                            std::string_view name) const {
    return services_.authorizer.allows({.principal = principal(),
                                        .host = peer_host(),
                                        .listener = listener_name(),
                                        .operation = operation,
                                        .resource_type = type,
                                        .resource_name = name});
}

bool RequestContext::allows_cluster(security::Operation operation) const {
    return allows(operation, security::ResourceType::cluster, security::k_cluster_resource);
}

std::int32_t RequestContext::authorized_operations(security::ResourceType type, std::string_view name) const {
    constexpr int k_operations_end = 16;
    const auto supported = security::supported_operations(type);
    std::int32_t allowed = 0;
    for (int bit = 0; bit < k_operations_end; ++bit) {
        const auto flag = 1 << bit;
        if ((supported & flag) != 0 && allows(static_cast<security::Operation>(bit), type, name))
            allowed |= flag;
    }
    return allowed;
}

}  // namespace gregor::server
