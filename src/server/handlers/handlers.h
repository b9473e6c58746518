// Every handler that is not forwarded to the controller, one per API and file: handlers/produce.cc defines
// handle_produce. The contract between a handler and its caller is in server/request_context.h; its row
// (versions, authorisation, ordering) is in server/api_table.cc.
#pragma once

#include "base/completion.h"

namespace gregor::msg {
struct ApiVersionsRequest;
struct ApiVersionsResponse;
struct MetadataRequest;
struct MetadataResponse;
struct ProduceRequest;
struct ProduceResponse;
struct FetchRequest;
struct FetchResponse;
struct ListOffsetsRequest;
struct ListOffsetsResponse;
struct DeleteRecordsRequest;
struct DeleteRecordsResponse;
struct OffsetForLeaderEpochRequest;
struct OffsetForLeaderEpochResponse;
struct DescribeConfigsRequest;
struct DescribeConfigsResponse;
struct DescribeClusterRequest;
struct DescribeClusterResponse;
struct DescribeTopicPartitionsRequest;
struct DescribeTopicPartitionsResponse;
struct FindCoordinatorRequest;
struct FindCoordinatorResponse;
struct JoinGroupRequest;
struct JoinGroupResponse;
struct SyncGroupRequest;
struct SyncGroupResponse;
struct HeartbeatRequest;
struct HeartbeatResponse;
struct LeaveGroupRequest;
struct LeaveGroupResponse;
struct OffsetCommitRequest;
struct OffsetCommitResponse;
struct OffsetFetchRequest;
struct OffsetFetchResponse;
struct ListGroupsRequest;
struct ListGroupsResponse;
struct DescribeGroupsRequest;
struct DescribeGroupsResponse;
struct DeleteGroupsRequest;
struct DeleteGroupsResponse;
struct OffsetDeleteRequest;
struct OffsetDeleteResponse;
struct InitProducerIdRequest;
struct InitProducerIdResponse;
struct AddPartitionsToTxnRequest;
struct AddPartitionsToTxnResponse;
struct AddOffsetsToTxnRequest;
struct AddOffsetsToTxnResponse;
struct EndTxnRequest;
struct EndTxnResponse;
struct WriteTxnMarkersRequest;
struct WriteTxnMarkersResponse;
struct TxnOffsetCommitRequest;
struct TxnOffsetCommitResponse;
struct DescribeProducersRequest;
struct DescribeProducersResponse;
struct DescribeTransactionsRequest;
struct DescribeTransactionsResponse;
struct ListTransactionsRequest;
struct ListTransactionsResponse;
}  // namespace gregor::msg

namespace gregor::server {

class RequestContext;

// clang-format off
void handle_api_versions(const msg::ApiVersionsRequest& request, RequestContext& context, Completion<msg::ApiVersionsResponse> done);
void handle_metadata(const msg::MetadataRequest& request, RequestContext& context, Completion<msg::MetadataResponse> done);
void handle_produce(const msg::ProduceRequest& request, RequestContext& context, Completion<msg::ProduceResponse> done);
void handle_fetch(const msg::FetchRequest& request, RequestContext& context, Completion<msg::FetchResponse> done);
void handle_list_offsets(const msg::ListOffsetsRequest& request, RequestContext& context, Completion<msg::ListOffsetsResponse> done);
void handle_delete_records(const msg::DeleteRecordsRequest& request, RequestContext& context, Completion<msg::DeleteRecordsResponse> done);
void handle_offset_for_leader_epoch(const msg::OffsetForLeaderEpochRequest& request, RequestContext& context, Completion<msg::OffsetForLeaderEpochResponse> done);
void handle_describe_configs(const msg::DescribeConfigsRequest& request, RequestContext& context, Completion<msg::DescribeConfigsResponse> done);
void handle_describe_cluster(const msg::DescribeClusterRequest& request, RequestContext& context, Completion<msg::DescribeClusterResponse> done);
void handle_describe_topic_partitions(const msg::DescribeTopicPartitionsRequest& request, RequestContext& context, Completion<msg::DescribeTopicPartitionsResponse> done);
void handle_find_coordinator(const msg::FindCoordinatorRequest& request, RequestContext& context, Completion<msg::FindCoordinatorResponse> done);
void handle_join_group(const msg::JoinGroupRequest& request, RequestContext& context, Completion<msg::JoinGroupResponse> done);
void handle_sync_group(const msg::SyncGroupRequest& request, RequestContext& context, Completion<msg::SyncGroupResponse> done);
void handle_heartbeat(const msg::HeartbeatRequest& request, RequestContext& context, Completion<msg::HeartbeatResponse> done);
void handle_leave_group(const msg::LeaveGroupRequest& request, RequestContext& context, Completion<msg::LeaveGroupResponse> done);
void handle_offset_commit(const msg::OffsetCommitRequest& request, RequestContext& context, Completion<msg::OffsetCommitResponse> done);
void handle_offset_fetch(const msg::OffsetFetchRequest& request, RequestContext& context, Completion<msg::OffsetFetchResponse> done);
void handle_list_groups(const msg::ListGroupsRequest& request, RequestContext& context, Completion<msg::ListGroupsResponse> done);
void handle_describe_groups(const msg::DescribeGroupsRequest& request, RequestContext& context, Completion<msg::DescribeGroupsResponse> done);
void handle_delete_groups(const msg::DeleteGroupsRequest& request, RequestContext& context, Completion<msg::DeleteGroupsResponse> done);
void handle_offset_delete(const msg::OffsetDeleteRequest& request, RequestContext& context, Completion<msg::OffsetDeleteResponse> done);
void handle_init_producer_id(const msg::InitProducerIdRequest& request, RequestContext& context, Completion<msg::InitProducerIdResponse> done);
void handle_add_partitions_to_txn(const msg::AddPartitionsToTxnRequest& request, RequestContext& context, Completion<msg::AddPartitionsToTxnResponse> done);
void handle_add_offsets_to_txn(const msg::AddOffsetsToTxnRequest& request, RequestContext& context, Completion<msg::AddOffsetsToTxnResponse> done);
void handle_end_txn(const msg::EndTxnRequest& request, RequestContext& context, Completion<msg::EndTxnResponse> done);
void handle_write_txn_markers(const msg::WriteTxnMarkersRequest& request, RequestContext& context, Completion<msg::WriteTxnMarkersResponse> done);
void handle_txn_offset_commit(const msg::TxnOffsetCommitRequest& request, RequestContext& context, Completion<msg::TxnOffsetCommitResponse> done);
void handle_describe_producers(const msg::DescribeProducersRequest& request, RequestContext& context, Completion<msg::DescribeProducersResponse> done);
void handle_describe_transactions(const msg::DescribeTransactionsRequest& request, RequestContext& context, Completion<msg::DescribeTransactionsResponse> done);
void handle_list_transactions(const msg::ListTransactionsRequest& request, RequestContext& context, Completion<msg::ListTransactionsResponse> done);
// clang-format on

}  // namespace gregor::server
