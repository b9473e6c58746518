// The coordinators' way to the partitions of their topics: replication of the same shard, as their port wants
// it.
#pragma once

#include "coordinator/partition_writer.h"
#include "io/ports.h"
#include "replication/replica_shard.h"
#include "replication/replicas.h"

namespace gregor::node {

// Shard state; outlived by what it is given.
class ReplicaPartitionWriter final : public coordinator::PartitionWriter {
public:
    ReplicaPartitionWriter(const io::ShardPorts& ports, replication::ReplicaShard& shard,
                           replication::Replicas& replicas)
        : ports_(ports), shard_(shard), replicas_(replicas) {}

    void append(TopicPartitionId partition, LeaderEpoch epoch, coordinator::CoordinatorBatch batch,
                Completion<Result<coordinator::AppendedRange>> done) override;
    Status check(TopicPartitionId partition, LeaderEpoch epoch,
                 const coordinator::TransactionStamp& stamp) const override;
    Status check(TopicPartitionId partition, LeaderEpoch epoch,
                 const coordinator::TransactionEnd& end) const override;
    void load(TopicPartitionId partition, LeaderEpoch epoch, Ref<coordinator::LoadTarget> target) override;
    std::size_t max_batch_bytes(TopicPartitionId partition) const override {
        return shard_.max_batch_bytes(partition);
    }

private:
    class LoadRun;
    Result<storage::Log*> find_log(TopicPartitionId partition, LeaderEpoch epoch) const;

    io::ShardPorts ports_;
    replication::ReplicaShard& shard_;
    replication::Replicas& replicas_;
};

}  // namespace gregor::node
