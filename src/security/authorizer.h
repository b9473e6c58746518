// The question every handler asks before it answers: may this principal do that to this resource? Names and
// numbers are those of Kafka's AclOperation and ResourceType, since both travel in requests and responses.
#pragma once

#include <cstdint>
#include <string_view>

#include "security/principal.h"

namespace gregor::security {

enum class Operation : std::int8_t {
    any = 1,
    all = 2,
    read = 3,
    write = 4,
    create = 5,
    remove = 6,  // DELETE
    alter = 7,
    describe = 8,
    cluster_action = 9,
    describe_configs = 10,
    alter_configs = 11,
    idempotent_write = 12,
    create_tokens = 13,
    describe_tokens = 14,
    two_phase_commit = 15,
};

enum class ResourceType : std::int8_t {
    topic = 2,
    group = 3,
    cluster = 4,
    transactional_id = 5,
    delegation_token = 6,
    user = 7,
};

// The one resource of type cluster.
inline constexpr std::string_view k_cluster_resource = "kafka-cluster";
// What the "authorized operations" fields carry when the request did not ask for them.
inline constexpr std::int32_t k_operations_not_requested = INT32_MIN;

// One bit per operation, at its number: the form of the "authorized operations" fields.
std::int32_t supported_operations(ResourceType type);

struct AccessQuestion {
    const Principal& principal;
    std::string_view host;      // the peer's address
    std::string_view listener;  // the name of the listener it came in by
    Operation operation;
    ResourceType resource_type;
    std::string_view resource_name;
};

// Port. Called on any shard; implementations read an immutable image and never block.
class Authorizer {
public:
    virtual ~Authorizer() = default;
    virtual bool allows(const AccessQuestion& question) const = 0;
    // Whether some resource of the type, whatever its name, is allowed (the rule of idempotent writes).
    virtual bool allows_any_resource(const AccessQuestion& question) const = 0;
};

// A cluster without an authorizer: everything is allowed to everybody.
class AllowAll final : public Authorizer {
public:
    bool allows(const AccessQuestion&) const override { return true; }
    bool allows_any_resource(const AccessQuestion&) const override { return true; }
};

}  // namespace gregor::security
