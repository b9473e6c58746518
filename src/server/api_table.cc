#include "server/api_table.h"

#include <algorithm>
#include <array>

#include "base/assert.h"
#include "gen/api/add_offsets_to_txn.h"
#include "gen/api/add_partitions_to_txn.h"
#include "gen/api/alter_configs.h"
#include "gen/api/alter_replica_log_dirs.h"
#include "gen/api/api_versions.h"
#include "gen/api/consumer_group_describe.h"
#include "gen/api/consumer_group_heartbeat.h"
#include "gen/api/create_acls.h"
#include "gen/api/create_delegation_token.h"
#include "gen/api/delete_acls.h"
#include "gen/api/delete_groups.h"
#include "gen/api/delete_records.h"
#include "gen/api/describe_acls.h"
#include "gen/api/describe_client_quotas.h"
#include "gen/api/describe_cluster.h"
#include "gen/api/describe_configs.h"
#include "gen/api/describe_delegation_token.h"
#include "gen/api/describe_groups.h"
#include "gen/api/describe_log_dirs.h"
#include "gen/api/describe_producers.h"
#include "gen/api/describe_topic_partitions.h"
#include "gen/api/describe_transactions.h"
#include "gen/api/describe_user_scram_credentials.h"
#include "gen/api/end_txn.h"
#include "gen/api/expire_delegation_token.h"
#include "gen/api/fetch.h"
#include "gen/api/find_coordinator.h"
#include "gen/api/heartbeat.h"
#include "gen/api/incremental_alter_configs.h"
#include "gen/api/init_producer_id.h"
#include "gen/api/join_group.h"
#include "gen/api/leave_group.h"
#include "gen/api/list_config_resources.h"
#include "gen/api/list_groups.h"
#include "gen/api/list_offsets.h"
#include "gen/api/list_transactions.h"
#include "gen/api/metadata.h"
#include "gen/api/offset_commit.h"
#include "gen/api/offset_delete.h"
#include "gen/api/offset_fetch.h"
#include "gen/api/offset_for_leader_epoch.h"
#include "gen/api/produce.h"
#include "gen/api/renew_delegation_token.h"
#include "gen/api/sync_group.h"
#include "gen/api/txn_offset_commit.h"
#include "gen/api/write_txn_markers.h"
#include "server/call.h"
#include "server/handlers/admin_handlers.h"
#include "server/handlers/consumer_groups.h"
#include "server/handlers/handlers.h"
#include "server/handlers/metered_fetch.h"

namespace gregor::server {
namespace {

// The row of an API with a handler: HANDLED(api_versions, ApiVersions).
#define HANDLED(name, message) &run_handler<msg::message##Request, msg::message##Response, &handle_##name>

// By key. A new API: its header above, its row here.
constexpr auto k_rows = std::to_array<ServedApi>({
    {.key = ApiKey::produce,
     .run = HANDLED(produce, Produce),
     .overlap = Overlap::with_own_kind,  // a producer sends ahead, and all its batches share one fsync
     .authorisation = "topic write; transactional_id write",
     .advertised_min = 0},  // librdkafka looks for it (KAFKA-18659); versions 0 to 2 close the connection
    {.key = ApiKey::fetch,
     .run = HANDLED(metered_fetch, Fetch),
     .authorisation = "topic read; cluster cluster_action"},
    {.key = ApiKey::fetch, .authorisation = "cluster cluster_action"},
    {.key = ApiKey::list_offsets,
     .run = HANDLED(list_offsets, ListOffsets),
     .authorisation = "topic describe"},
    {.key = ApiKey::metadata,
     .run = HANDLED(metadata, Metadata),
     .authorisation = "topic describe; cluster create, else topic create"},
    {.key = ApiKey::offset_commit,
     .run = HANDLED(offset_commit, OffsetCommit),
     .overlap = Overlap::with_own_kind,  // as with Produce: commits sent ahead share an fsync
     .authorisation = "group read; topic read"},
    {.key = ApiKey::offset_fetch,
     .run = HANDLED(offset_fetch, OffsetFetch),
     .authorisation = "group describe; topic describe"},
    {.key = ApiKey::find_coordinator,
     .run = HANDLED(find_coordinator, FindCoordinator),
     .authorisation = "group describe; transactional_id describe"},
    {.key = ApiKey::join_group, .run = HANDLED(join_group, JoinGroup), .authorisation = "group read"},
    {.key = ApiKey::heartbeat, .run = HANDLED(heartbeat, Heartbeat), .authorisation = "group read"},
    {.key = ApiKey::leave_group, .run = HANDLED(leave_group, LeaveGroup), .authorisation = "group read"},
    {.key = ApiKey::sync_group, .run = HANDLED(sync_group, SyncGroup), .authorisation = "group read"},
    {.key = ApiKey::describe_groups,
     .run = HANDLED(describe_groups, DescribeGroups),
     .authorisation = "group describe"},
    {.key = ApiKey::list_groups,
     .run = HANDLED(list_groups, ListGroups),
     .authorisation = "cluster describe sees all, else group describe"},
    {.key = ApiKey::api_versions, .run = HANDLED(api_versions, ApiVersions), .authorisation = "none"},
    {.key = ApiKey::create_topics,
     .authorisation = "cluster create, else topic create; topic describe_configs to see configs"},
    {.key = ApiKey::delete_topics, .authorisation = "topic delete; topic describe to see the name"},
    {.key = ApiKey::delete_records,
     .run = HANDLED(delete_records, DeleteRecords),
     .authorisation = "topic delete"},
    {.key = ApiKey::init_producer_id,
     .run = HANDLED(init_producer_id, InitProducerId),
     .authorisation = "transactional_id write; cluster idempotent_write, or write on any topic"},
    {.key = ApiKey::offset_for_leader_epoch,
     .run = HANDLED(offset_for_leader_epoch, OffsetForLeaderEpoch),
     .authorisation = "topic describe; cluster cluster_action"},
    {.key = ApiKey::add_partitions_to_txn,
     .run = HANDLED(add_partitions_to_txn, AddPartitionsToTxn),
     .authorisation = "transactional_id write, topic write; cluster cluster_action"},
    {.key = ApiKey::add_offsets_to_txn,
     .run = HANDLED(add_offsets_to_txn, AddOffsetsToTxn),
     .authorisation = "transactional_id write; group read"},
    {.key = ApiKey::end_txn, .run = HANDLED(end_txn, EndTxn), .authorisation = "transactional_id write"},
    {.key = ApiKey::write_txn_markers,
     .run = HANDLED(write_txn_markers, WriteTxnMarkers),
     .authorisation = "cluster alter or cluster_action"},
    {.key = ApiKey::txn_offset_commit,
     .run = HANDLED(txn_offset_commit, TxnOffsetCommit),
     .authorisation = "transactional_id write; group read; topic read"},
    {.key = ApiKey::describe_acls,
     .run = HANDLED(describe_acls, DescribeAcls),
     .authorisation = "cluster describe"},
    {.key = ApiKey::create_acls, .run = HANDLED(create_acls, CreateAcls), .authorisation = "cluster alter"},
    {.key = ApiKey::delete_acls, .run = HANDLED(delete_acls, DeleteAcls), .authorisation = "cluster alter"},
    {.key = ApiKey::describe_configs,
     .run = HANDLED(describe_configs, DescribeConfigs),
     .authorisation = "topic, group or cluster describe_configs"},
    {.key = ApiKey::alter_configs,
     .run = HANDLED(alter_configs, AlterConfigs),
     .authorisation = "topic, group or cluster alter_configs"},
    {.key = ApiKey::alter_replica_log_dirs,
     .run = HANDLED(alter_replica_log_dirs, AlterReplicaLogDirs),
     .authorisation = "cluster alter"},
    {.key = ApiKey::describe_log_dirs,
     .run = HANDLED(describe_log_dirs, DescribeLogDirs),
     .authorisation = "cluster describe"},
    {.key = ApiKey::create_partitions, .authorisation = "topic alter"},
    {.key = ApiKey::create_delegation_token,
     .run = HANDLED(create_delegation_token, CreateDelegationToken),
     .authorisation = "none; authenticated listeners only"},
    {.key = ApiKey::renew_delegation_token,
     .run = HANDLED(renew_delegation_token, RenewDelegationToken),
     .authorisation = "none; authenticated listeners only"},
    {.key = ApiKey::expire_delegation_token,
     .run = HANDLED(expire_delegation_token, ExpireDelegationToken),
     .authorisation = "none; authenticated listeners only"},
    {.key = ApiKey::describe_delegation_token,
     .run = HANDLED(describe_delegation_token, DescribeDelegationToken),
     .authorisation = "none; authenticated listeners only"},
    {.key = ApiKey::delete_groups,
     .run = HANDLED(delete_groups, DeleteGroups),
     .authorisation = "group delete"},
    {.key = ApiKey::elect_leaders, .authorisation = "cluster alter"},
    {.key = ApiKey::incremental_alter_configs,
     .run = HANDLED(incremental_alter_configs, IncrementalAlterConfigs),
     .authorisation = "topic, group or cluster alter_configs"},
    {.key = ApiKey::alter_partition_reassignments, .authorisation = "cluster alter"},
    {.key = ApiKey::list_partition_reassignments, .authorisation = "cluster describe"},
    {.key = ApiKey::offset_delete,
     .run = HANDLED(offset_delete, OffsetDelete),
     .authorisation = "group delete; topic read"},
    {.key = ApiKey::describe_client_quotas,
     .run = HANDLED(describe_client_quotas, DescribeClientQuotas),
     .authorisation = "cluster describe_configs"},
    {.key = ApiKey::alter_client_quotas, .authorisation = "cluster alter_configs"},
    {.key = ApiKey::describe_user_scram_credentials,
     .run = HANDLED(describe_user_scram_credentials, DescribeUserScramCredentials),
     .authorisation = "cluster describe"},
    {.key = ApiKey::alter_user_scram_credentials, .authorisation = "cluster alter"},
    {.key = ApiKey::describe_quorum, .authorisation = "cluster describe"},
    {.key = ApiKey::update_features, .authorisation = "cluster alter"},
    {.key = ApiKey::fetch_snapshot, .authorisation = "cluster cluster_action"},
    {.key = ApiKey::describe_cluster,
     .run = HANDLED(describe_cluster, DescribeCluster),
     .authorisation = "none; cluster describe to see operations"},
    {.key = ApiKey::describe_producers,
     .run = HANDLED(describe_producers, DescribeProducers),
     .authorisation = "topic read"},
    {.key = ApiKey::unregister_broker, .authorisation = "cluster alter"},
    {.key = ApiKey::describe_transactions,
     .run = HANDLED(describe_transactions, DescribeTransactions),
     .authorisation = "transactional_id describe; topic describe"},
    {.key = ApiKey::list_transactions,
     .run = HANDLED(list_transactions, ListTransactions),
     .authorisation = "transactional_id describe, else hidden"},
    {.key = ApiKey::consumer_group_heartbeat,
     .run = HANDLED(consumer_group_heartbeat, ConsumerGroupHeartbeat),
     .authorisation = "group read; topic describe"},
    {.key = ApiKey::consumer_group_describe,
     .run = HANDLED(consumer_group_describe, ConsumerGroupDescribe),
     .authorisation = "group describe; topic describe"},
    {.key = ApiKey::list_config_resources,
     .run = HANDLED(list_config_resources, ListConfigResources),
     .authorisation = "cluster describe_configs"},
    {.key = ApiKey::describe_topic_partitions,
     .run = HANDLED(describe_topic_partitions, DescribeTopicPartitions),
     .authorisation = "topic describe"},
});

#undef HANDLED

static_assert(std::ranges::is_sorted(k_rows, {}, &ServedApi::key));

// What the controller's listener serves as well as the broker's.
constexpr auto k_on_both = std::to_array<ApiKey>(
    {ApiKey::api_versions, ApiKey::create_topics, ApiKey::delete_topics, ApiKey::create_partitions,
     ApiKey::elect_leaders, ApiKey::alter_partition_reassignments, ApiKey::list_partition_reassignments,
     ApiKey::alter_client_quotas, ApiKey::alter_user_scram_credentials, ApiKey::describe_quorum,
     ApiKey::update_features, ApiKey::describe_cluster, ApiKey::unregister_broker});
static_assert(std::ranges::is_sorted(k_on_both));

// Of the metadata log, which only the quorum has: a row of its own beside the broker's Fetch.
constexpr bool is_of_the_quorum(const ServedApi& row) {
    return row.key == ApiKey::fetch_snapshot || (row.key == ApiKey::fetch && row.is_forwarded());
}

}  // namespace

const ApiTable& ApiTable::standard() {
    static constexpr ApiTable table{std::span<const ServedApi>(k_rows)};
    return table;
}

const ServedApi* ApiTable::find(std::int16_t key, bool on_controller) const {
    const auto wanted = static_cast<ApiKey>(key);
    for (const auto& row : std::ranges::equal_range(rows_, wanted, {}, &ServedApi::key)) {
        if (is_on(row, on_controller)) return &row;
    }
    return nullptr;
}

VersionRange ApiTable::served_versions(const ServedApi& row) {
    const auto* api = protocol::find_api(static_cast<std::int16_t>(row.key));
    ASSERT(api != nullptr);
    const auto last_stable = static_cast<std::int16_t>(api->unstable_from - 1);
    return {api->min_version, std::min(api->max_version, last_stable)};
}

VersionRange ApiTable::advertised_versions(const ServedApi& row) {
    auto range = served_versions(row);
    if (row.advertised_min >= 0) range.min = row.advertised_min;
    return range;
}

bool ApiTable::is_on(const ServedApi& row, bool on_controller) {
    return std::ranges::binary_search(k_on_both, row.key) || is_of_the_quorum(row) == on_controller;
}

}  // namespace gregor::server
