// The handlers of administration: configs, quotas, users, directories. As in handlers.h, one per API.
#pragma once

#include "base/completion.h"

namespace gregor::msg {
struct AlterConfigsRequest;
struct AlterConfigsResponse;
struct IncrementalAlterConfigsRequest;
struct IncrementalAlterConfigsResponse;
struct ListConfigResourcesRequest;
struct ListConfigResourcesResponse;
struct DescribeAclsRequest;
struct DescribeAclsResponse;
struct CreateAclsRequest;
struct CreateAclsResponse;
struct DeleteAclsRequest;
struct DeleteAclsResponse;
struct AlterReplicaLogDirsRequest;
struct AlterReplicaLogDirsResponse;
struct DescribeLogDirsRequest;
struct DescribeLogDirsResponse;
struct CreateDelegationTokenRequest;
struct CreateDelegationTokenResponse;
struct RenewDelegationTokenRequest;
struct RenewDelegationTokenResponse;
struct ExpireDelegationTokenRequest;
struct ExpireDelegationTokenResponse;
struct DescribeDelegationTokenRequest;
struct DescribeDelegationTokenResponse;
struct DescribeClientQuotasRequest;
struct DescribeClientQuotasResponse;
struct DescribeUserScramCredentialsRequest;
struct DescribeUserScramCredentialsResponse;
}  // namespace gregor::msg

namespace gregor::server {

class RequestContext;

// clang-format off
void handle_alter_configs(const msg::AlterConfigsRequest& request, RequestContext& context, Completion<msg::AlterConfigsResponse> done);
void handle_incremental_alter_configs(const msg::IncrementalAlterConfigsRequest& request, RequestContext& context, Completion<msg::IncrementalAlterConfigsResponse> done);
void handle_list_config_resources(const msg::ListConfigResourcesRequest& request, RequestContext& context, Completion<msg::ListConfigResourcesResponse> done);
void handle_describe_acls(const msg::DescribeAclsRequest& request, RequestContext& context, Completion<msg::DescribeAclsResponse> done);
void handle_create_acls(const msg::CreateAclsRequest& request, RequestContext& context, Completion<msg::CreateAclsResponse> done);
void handle_delete_acls(const msg::DeleteAclsRequest& request, RequestContext& context, Completion<msg::DeleteAclsResponse> done);
void handle_alter_replica_log_dirs(const msg::AlterReplicaLogDirsRequest& request, RequestContext& context, Completion<msg::AlterReplicaLogDirsResponse> done);
void handle_describe_log_dirs(const msg::DescribeLogDirsRequest& request, RequestContext& context, Completion<msg::DescribeLogDirsResponse> done);
void handle_create_delegation_token(const msg::CreateDelegationTokenRequest& request, RequestContext& context, Completion<msg::CreateDelegationTokenResponse> done);
void handle_renew_delegation_token(const msg::RenewDelegationTokenRequest& request, RequestContext& context, Completion<msg::RenewDelegationTokenResponse> done);
void handle_expire_delegation_token(const msg::ExpireDelegationTokenRequest& request, RequestContext& context, Completion<msg::ExpireDelegationTokenResponse> done);
void handle_describe_delegation_token(const msg::DescribeDelegationTokenRequest& request, RequestContext& context, Completion<msg::DescribeDelegationTokenResponse> done);
void handle_describe_client_quotas(const msg::DescribeClientQuotasRequest& request, RequestContext& context, Completion<msg::DescribeClientQuotasResponse> done);
void handle_describe_user_scram_credentials(const msg::DescribeUserScramCredentialsRequest& request, RequestContext& context, Completion<msg::DescribeUserScramCredentialsResponse> done);
// clang-format on

}  // namespace gregor::server
