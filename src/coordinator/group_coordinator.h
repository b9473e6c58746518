// The group coordinator as handlers see it: every group of this broker, wherever its shard lives.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/completion.h"
#include "base/ids.h"
#include "base/result.h"
#include "coordinator/group/consumer/consumer_types.h"
#include "coordinator/group/group_machine.h"
#include "coordinator/group/types.h"
#include "coordinator/partition_placement.h"
#include "coordinator/partition_writer.h"
#include "coordinator/runtime.h"
#include "io/ports.h"
#include "metadata/image_source.h"

namespace gregor::coordinator {

// Shard state: one per shard, built by node/. A call runs on the shard that owns the group's partition (one
// hop through the mailbox when that is another) and answers on this one. An error of Result is what the
// client is to be told for the whole call: not_coordinator, coordinator_load_in_progress and the like.
class GroupCoordinator {
public:
    struct Options {
        GroupConfig config;
        io::ShardPorts ports;
        PartitionWriter& writer;
        const PartitionPlacement& placement;
        const metadata::ImageSource& images;
    };

    explicit GroupCoordinator(const Options& options);
    GroupCoordinator(const GroupCoordinator&) = delete;
    GroupCoordinator& operator=(const GroupCoordinator&) = delete;

    // Once, before the first call: the coordinators of all shards, this one at its own place. They live
    // equally long.
    void connect(std::vector<GroupCoordinator*> shards) { shards_ = std::move(shards); }

    // The leadership of __consumer_offsets partitions of this shard, from the image.
    void on_elected(TopicPartitionId partition, LeaderEpoch epoch) { runtime_.on_elected(partition, epoch); }
    void on_resigned(PartitionIndex partition) { runtime_.on_resigned(partition); }
    // A topic is gone, from the image; to be told on every shard.
    void on_topic_deleted(const std::string& name, Uuid topic_id);
    // Topics whose partitions changed, that came or went; the image that says so is already current.
    void on_topics_changed(const std::set<std::string>& topics, bool has_new_topics);

    PartitionIndex partition_of(std::string_view group_id) const {
        return partition_for_key(group_id, placement_.partition_count());
    }
    const GroupConfig& config() const { return config_; }

    void join(JoinRequest request, Completion<Result<JoinResult>> done);
    void sync(SyncRequest request, Completion<Result<SyncResult>> done);
    void heartbeat(HeartbeatRequest request, Completion<Result<ErrorCode>> done);
    void leave(LeaveRequest request, Completion<Result<LeaveResult>> done);
    void commit_offsets(OffsetCommitRequest request, Completion<Result<OffsetCommitResult>> done);
    void fetch_offsets(OffsetFetchRequest request, Completion<Result<OffsetFetchResult>> done);
    void delete_offsets(OffsetDeleteRequest request, Completion<Result<OffsetDeleteResult>> done);
    void end_transaction(GroupMarkerRequest request, Completion<Result<ErrorCode>> done);
    void describe(DescribeRequest request, Completion<Result<DescribedGroup>> done);
    void consumer_heartbeat(ConsumerHeartbeatRequest request,
                            Completion<Result<ConsumerHeartbeatResult>> done);
    void describe_consumer(DescribeConsumerRequest request, Completion<Result<DescribedConsumerGroup>> done);
    void remove(DeleteRequest request, Completion<Result<ErrorCode>> done);
    // All groups of all shards, sorted by id; coordinator_load_in_progress while any partition loads.
    void list(ListFilter filter, Completion<Result<std::vector<ListedGroup>>> done);

    Runtime<GroupMachine>& runtime() { return runtime_; }
    void check_invariants() const { runtime_.check_invariants(); }

private:
    class Listing;
    template <class T>
    struct ReturnHome;
    template <class T, class Request>
    struct Hop;
    struct ListHop;

    template <class T, class Request>
    void route(Request request, Completion<Result<T>> done);
    template <class T, class Request>
    void route_to(PartitionIndex partition, Request request, Completion<Result<T>> done);
    template <class T, class Request>
    void run_here(PartitionIndex partition, Request request, Completion<Result<T>> done);
    void list_here(const ListFilter& filter, Completion<Result<std::vector<ListedGroup>>> done);

    const GroupConfig config_;
    io::ShardPorts ports_;
    const PartitionPlacement& placement_;
    const metadata::ImageSource& images_;
    std::vector<GroupCoordinator*> shards_;
    Runtime<GroupMachine> runtime_;
};

}  // namespace gregor::coordinator
