#include "security/authorizer.h"

#include <initializer_list>

namespace gregor::security {
namespace {

std::int32_t bits(std::initializer_list<Operation> operations) {
    std::int32_t set = 0;
    for (const auto operation : operations) set |= 1 << static_cast<int>(operation);
    return set;
}

}  // namespace

std::int32_t supported_operations(ResourceType type) {
    using enum Operation;
    switch (type) {
        case ResourceType::topic:
            return bits({read, write, create, describe, remove, alter, describe_configs, alter_configs});
        case ResourceType::group: return bits({read, describe, remove, describe_configs, alter_configs});
        case ResourceType::cluster:
            return bits(
                {create, cluster_action, describe_configs, alter_configs, idempotent_write, alter, describe});
        case ResourceType::transactional_id: return bits({describe, write, two_phase_commit});
        case ResourceType::delegation_token: return bits({describe});
        case ResourceType::user: return bits({create_tokens, describe_tokens});
    }
    return 0;
}

}  // namespace gregor::security
