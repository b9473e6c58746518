// The transaction coordinator as handlers see it: every transactional id of this broker, wherever its shard
// lives.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/completion.h"
#include "base/ids.h"
#include "base/result.h"
#include "coordinator/partition_placement.h"
#include "coordinator/partition_writer.h"
#include "coordinator/producer_ids.h"
#include "coordinator/runtime.h"
#include "coordinator/txn/marker_sender.h"
#include "coordinator/txn/marker_writer.h"
#include "coordinator/txn/txn_machine.h"
#include "coordinator/txn/types.h"
#include "io/ports.h"
#include "metadata/image_source.h"

namespace gregor::coordinator {

// Shard state: one per shard, built by node/. A call runs on the shard that owns the id's partition (one hop
// through the mailbox when that is another) and answers on this one. An error of Result is what the client is
// to be told for the whole call: not_coordinator, coordinator_load_in_progress and the like.
class TxnCoordinator final : private TxnEnvironment {
public:
    struct Options {
        TxnConfig config;
        io::ShardPorts ports;
        PartitionWriter& writer;
        const PartitionPlacement& placement;
        const metadata::ImageSource& images;
        MarkerWriter& markers;
        ProducerIds& producer_ids;
    };

    explicit TxnCoordinator(const Options& options);
    TxnCoordinator(const TxnCoordinator&) = delete;
    TxnCoordinator& operator=(const TxnCoordinator&) = delete;

    // Once, before the first call: the coordinators of all shards, this one at its own place. They live
    // equally long.
    void connect(std::vector<TxnCoordinator*> shards) { shards_ = std::move(shards); }

    // The leadership of __transaction_state partitions of this shard, from the image.
    void on_elected(TopicPartitionId partition, LeaderEpoch epoch) { runtime_.on_elected(partition, epoch); }
    void on_resigned(PartitionIndex partition) { runtime_.on_resigned(partition); }

    PartitionIndex partition_of(std::string_view transactional_id) const {
        return partition_for_key(transactional_id, placement_.partition_count());
    }

    void init_producer(InitProducerRequest request, Completion<Result<InitProducerResult>> done);
    void add_partitions(AddPartitionsRequest request, Completion<Result<AddPartitionsResult>> done);
    void end_transaction(EndTransactionRequest request, Completion<Result<EndTransactionResult>> done);
    void describe(DescribeTransactionRequest request, Completion<Result<DescribedTransaction>> done);
    // Those of all shards, sorted by id; coordinator_load_in_progress while any partition loads.
    void list(Completion<Result<std::vector<ListedTransaction>>> done);

    void check_invariants() const { runtime_.check_invariants(); }

private:
    class Listing;
    template <class T>
    struct ReturnHome;
    template <class T, class Request>
    struct Hop;
    struct ListHop;

    Result<ProducerId> next_producer_id() override { return producer_ids_.next(); }
    TransactionVersion finalised_version() const override;
    void send_markers(MarkerJob job) override;
    void forget_markers(PartitionIndex coordinator) override { sender_.forget(coordinator); }
    void on_markers_sent(const MarkerJob& job);

    std::unique_ptr<TxnMachine> make_machine(PartitionIndex partition);
    template <class T, class Request>
    void route(Request request, Completion<Result<T>> done);
    template <class T, class Request>
    void run_here(PartitionIndex partition, Request request, Completion<Result<T>> done);
    void list_here(Completion<Result<std::vector<ListedTransaction>>> done);

    const TxnConfig config_;
    io::ShardPorts ports_;
    const PartitionPlacement& placement_;
    const metadata::ImageSource& images_;
    ProducerIds& producer_ids_;
    std::vector<TxnCoordinator*> shards_;
    MarkerSender sender_;
    Runtime<TxnMachine> runtime_;
};

}  // namespace gregor::coordinator
