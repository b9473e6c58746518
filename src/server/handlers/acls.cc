// DescribeAcls, CreateAcls and DeleteAcls, v1..v3. There is no authorizer to keep ACLs for yet, and the
// answers are those of a Kafka broker without one. Enum fields that say "unknown" end the connection, as
// there.
#include "gen/api/create_acls.h"
#include "gen/api/delete_acls.h"
#include "gen/api/describe_acls.h"
#include "server/handlers/admin_handlers.h"
#include "server/request_context.h"

namespace gregor::server {
namespace {

constexpr std::string_view k_disabled = "No Authorizer is configured.";

struct AclEnums {
    std::int8_t resource_type = 0;
    std::int8_t pattern_type = 0;
    std::int8_t operation = 0;
    std::int8_t permission_type = 0;

    bool any_unknown() const {
        return resource_type == 0 || pattern_type == 0 || operation == 0 || permission_type == 0;
    }
};

}  // namespace

void handle_describe_acls(const msg::DescribeAclsRequest& request, RequestContext& context,
                          Completion<msg::DescribeAclsResponse> done) {
    const AclEnums enums{request.resource_type_filter, request.pattern_type_filter, request.operation,
                         request.permission_type};
    if (enums.any_unknown()) context.close_connection();
    msg::DescribeAclsResponse response;
    response.error_code = ErrorCode::security_disabled;
    response.error_message = "No Authorizer is configured on the broker";
    done(std::move(response));
}

void handle_create_acls(const msg::CreateAclsRequest& request, RequestContext& context,
                        Completion<msg::CreateAclsResponse> done) {
    msg::CreateAclsResponse response;
    for (const auto& creation : request.creations) {
        const AclEnums enums{creation.resource_type, creation.resource_pattern_type, creation.operation,
                             creation.permission_type};
        if (enums.any_unknown()) context.close_connection();
        auto& row = response.results.emplace_back();
        row.error_code = ErrorCode::security_disabled;
        row.error_message = k_disabled;
    }
    done(std::move(response));
}

void handle_delete_acls(const msg::DeleteAclsRequest& request, RequestContext& context,
                        Completion<msg::DeleteAclsResponse> done) {
    msg::DeleteAclsResponse response;
    for (const auto& filter : request.filters) {
        const AclEnums enums{filter.resource_type_filter, filter.pattern_type_filter, filter.operation,
                             filter.permission_type};
        if (enums.any_unknown()) context.close_connection();
        auto& row = response.filter_results.emplace_back();
        row.error_code = ErrorCode::security_disabled;
        row.error_message = k_disabled;
    }
    done(std::move(response));
}

}  // namespace gregor::server
