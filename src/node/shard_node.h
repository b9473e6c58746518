// Everything one shard runs: its partitions, its coordinators, its connections. Built by Node on shard 0
// before the shard sees its first task, used on its shard only, destroyed when no shard runs any more.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "coordinator/group_coordinator.h"
#include "coordinator/producer_ids.h"
#include "coordinator/txn_coordinator.h"
#include "io/ports.h"
#include "metadata/auto_topic_creation.h"
#include "metadata/controller_channel.h"
#include "metadata/delta.h"
#include "node/config.h"
#include "node/directory_assigner.h"
#include "node/marker_writer.h"
#include "node/partition_writer.h"
#include "node/placement.h"
#include "node/shard_image.h"
#include "replication/replica_shard.h"
#include "replication/replicas.h"
#include "security/authorizer.h"
#include "server/client_quotas.h"
#include "server/config.h"
#include "server/fetch_session.h"
#include "server/server.h"
#include "server/services.h"
#include "server/transaction_gate.h"
#include "server/waiting_fetches.h"
#include "storage/log_dirs.h"

namespace gregor::node {

// Hears on shard 0, once from every shard, that a log directory has failed.
class DirectoryObserver {
public:
    virtual ~DirectoryObserver() = default;
    virtual void on_directory_offline(std::size_t directory, const Error& why) = 0;
};

// What all shards of a node share; read only, or reached through the mailbox.
struct NodeParts {
    const NodeConfig& config;
    const server::ServerConfig& server;
    const MemoryPlan& memory;
    server::ConnectionQuotas* quotas;
    const storage::LogDirs& dirs;
    replication::Checkpointer& checkpointer;
    const security::Authorizer& authorizer;
    Ref<const metadata::Image> first_image;
};

// quota.window.num and quota.window.size.seconds.
server::QuotaWindow quota_window(const Settings& settings);

class ShardNode final : public replication::LeadershipObserver {
public:
    ShardNode(const io::ShardPorts& ports, const NodeParts& parts,
              std::unique_ptr<metadata::ControllerChannel> channel);
    ~ShardNode() override;

    // Once, before anything else, with the shards in the order of their numbers.
    void connect(const std::vector<std::unique_ptr<ShardNode>>& shards, DirectoryObserver& observer);

    void on_image(const Ref<const metadata::Image>& image, const metadata::Changes& changes);
    replication::ReplicaShard& replicas() { return replica_shard_; }
    server::ShardServer& server() { return server_; }
    metadata::ControllerChannel& channel() { return *channel_; }
    void check_invariants() const;

private:
    void on_led_here(const std::string& topic, TopicPartitionId partition, LeaderEpoch epoch) override;
    void on_not_led_here(const std::string& topic, TopicPartitionId partition) override;

    io::ShardPorts ports_;
    ShardImage image_;
    std::unique_ptr<metadata::ControllerChannel> channel_;
    DirectoryAssigner directory_assigner_;
    replication::ReplicaShard replica_shard_;
    replication::Replicas replicas_;
    ReplicaPartitionWriter partition_writer_;
    TopicPlacement offsets_placement_;
    TopicPlacement transactions_placement_;
    coordinator::GroupCoordinator groups_;
    metadata::AutoTopicCreation auto_topics_;
    coordinator::ProducerIds producer_ids_;
    ReplicaMarkerWriter markers_;
    coordinator::TxnCoordinator transactions_;
    server::TransactionGate gate_;
    server::FetchSessions fetch_sessions_;
    server::WaitingFetches waiting_fetches_;
    server::ClientQuotas client_quotas_;
    server::ShardServices services_;
    server::ShardServer server_;
};

}  // namespace gregor::node
