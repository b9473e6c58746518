// The transaction coordinators' way to the partitions that a transaction touched: replication, and for
// offsets the group coordinator, as their port wants it.
#pragma once

#include <vector>

#include "coordinator/group_coordinator.h"
#include "coordinator/txn/marker_writer.h"
#include "io/ports.h"
#include "metadata/image_source.h"
#include "replication/replicas.h"

namespace gregor::node {

// Shard state; outlived by what it is given.
class ReplicaMarkerWriter final : public coordinator::MarkerWriter {
public:
    ReplicaMarkerWriter(const io::ShardPorts& ports, const metadata::ImageSource& images,
                        replication::Replicas& replicas, coordinator::GroupCoordinator& groups)
        : ports_(ports), images_(images), replicas_(replicas), groups_(groups) {}

    void write(const coordinator::TransactionEnd& end,
               const std::vector<coordinator::TxnPartition>& partitions,
               Completion<std::vector<ErrorCode>> done) override;

private:
    class Gather;

    io::ShardPorts ports_;
    const metadata::ImageSource& images_;
    replication::Replicas& replicas_;
    coordinator::GroupCoordinator& groups_;
};

}  // namespace gregor::node
