// The APIs of delegation tokens. Tokens stand for somebody who is authenticated; on a listener without
// authentication every one of these requests is refused, and there are no others yet.
#include "gen/api/create_delegation_token.h"
#include "gen/api/describe_delegation_token.h"
#include "gen/api/expire_delegation_token.h"
#include "gen/api/renew_delegation_token.h"
#include "server/handlers/admin_handlers.h"
#include "server/request_context.h"

namespace gregor::server {
namespace {

constexpr std::int16_t k_requester_from = 3;  // CreateDelegationToken: somebody may ask for another

}  // namespace

// Whose token it would be: whom the request names, else who asks. Kafka fails over a name without a type.
void handle_create_delegation_token(const msg::CreateDelegationTokenRequest& request, RequestContext& context,
                                    Completion<msg::CreateDelegationTokenResponse> done) {
    msg::CreateDelegationTokenResponse response;
    response.error_code = ErrorCode::delegation_token_request_not_allowed;
    response.principal_type = context.principal().type;
    response.principal_name = context.principal().name;
    const bool names_owner = request.owner_principal_name && !request.owner_principal_name->empty();
    if (names_owner && !request.owner_principal_type) {
        response.error_code = ErrorCode::unknown_server_error;
    } else if (names_owner) {
        response.principal_type = *request.owner_principal_type;
        response.principal_name = *request.owner_principal_name;
    }
    if (context.api_version() >= k_requester_from) {
        response.token_requester_principal_type = context.principal().type;
        response.token_requester_principal_name = context.principal().name;
    }
    response.issue_timestamp_ms = -1;
    response.expiry_timestamp_ms = -1;
    response.max_timestamp_ms = -1;
    done(std::move(response));
}

void handle_renew_delegation_token(const msg::RenewDelegationTokenRequest&, RequestContext&,
                                   Completion<msg::RenewDelegationTokenResponse> done) {
    msg::RenewDelegationTokenResponse response;
    response.error_code = ErrorCode::delegation_token_request_not_allowed;
    response.expiry_timestamp_ms = -1;
    done(std::move(response));
}

void handle_expire_delegation_token(const msg::ExpireDelegationTokenRequest&, RequestContext&,
                                    Completion<msg::ExpireDelegationTokenResponse> done) {
    msg::ExpireDelegationTokenResponse response;
    response.error_code = ErrorCode::delegation_token_request_not_allowed;
    response.expiry_timestamp_ms = -1;
    done(std::move(response));
}

void handle_describe_delegation_token(const msg::DescribeDelegationTokenRequest&, RequestContext&,
                                      Completion<msg::DescribeDelegationTokenResponse> done) {
    msg::DescribeDelegationTokenResponse response;
    response.error_code = ErrorCode::delegation_token_request_not_allowed;
    done(std::move(response));
}

}  // namespace gregor::server
