#include "coordinator/group_coordinator.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/ref.h"

namespace gregor::coordinator {
namespace {

template <class T>
using Done = Completion<Result<T>>;

// Which operation a request asks a machine for.
void execute(GroupMachine& machine, JoinRequest request, Turn& turn, Done<JoinResult> done) {
    machine.join(std::move(request), turn, std::move(done));
}
void execute(GroupMachine& machine, SyncRequest request, Turn& turn, Done<SyncResult> done) {
    machine.sync(std::move(request), turn, std::move(done));
}
void execute(GroupMachine& machine, const HeartbeatRequest& request, Turn& turn, Done<ErrorCode> done) {
    machine.heartbeat(request, turn, std::move(done));
}
void execute(GroupMachine& machine, const LeaveRequest& request, Turn& turn, Done<LeaveResult> done) {
    machine.leave(request, turn, std::move(done));
}
void execute(GroupMachine& machine, const OffsetCommitRequest& request, Turn& turn,
             Done<OffsetCommitResult> done) {
    machine.commit_offsets(request, turn, std::move(done));
}
void execute(GroupMachine& machine, const OffsetFetchRequest& request, Turn& turn,
             Done<OffsetFetchResult> done) {
    machine.fetch_offsets(request, turn, std::move(done));
}
void execute(GroupMachine& machine, const OffsetDeleteRequest& request, Turn& turn,
             Done<OffsetDeleteResult> done) {
    machine.delete_offsets(request, turn, std::move(done));
}
void execute(GroupMachine& machine, const GroupMarkerRequest& request, Turn& turn, Done<ErrorCode> done) {
    machine.end_transaction(request.end, turn, std::move(done));
}
void execute(GroupMachine& machine, const DescribeRequest& request, Turn& turn, Done<DescribedGroup> done) {
    machine.describe(request, turn, std::move(done));
}
void execute(GroupMachine& machine, const ConsumerHeartbeatRequest& request, Turn& turn,
             Done<ConsumerHeartbeatResult> done) {
    machine.consumer_heartbeat(request, turn, std::move(done));
}
void execute(GroupMachine& machine, const DescribeConsumerRequest& request, Turn& turn,
             Done<DescribedConsumerGroup> done) {
    machine.describe_consumer(request, turn, std::move(done));
}
void execute(GroupMachine& machine, const DeleteRequest& request, Turn& turn, Done<ErrorCode> done) {
    machine.remove(request.group_id, turn, std::move(done));
}

// A heartbeat is answered well while the coordinator still loads: the member will find out soon enough.
struct ForgiveLoading {
    Done<ErrorCode> done;

    void operator()(Result<ErrorCode> result) {
        const bool is_loading = !result && result.error().code == ErrorCode::coordinator_load_in_progress;
        done(is_loading ? Result<ErrorCode>(ErrorCode::none) : std::move(result));
    }
};

}  // namespace

// Carries an answer back to the shard that asked.
template <class T>
struct GroupCoordinator::ReturnHome {
    io::Shards* shards;
    ShardId home;
    Done<T> done;

    struct Delivery {
        Done<T> done;
        Result<T> result;
        void operator()() { done(std::move(result)); }
    };
    void operator()(Result<T> result) { shards->submit(home, Delivery{std::move(done), std::move(result)}); }
};

// Carries a request to the shard that owns its partition.
template <class T, class Request>
struct GroupCoordinator::Hop {
    GroupCoordinator* target;
    PartitionIndex partition;
    Request request;
    Done<T> done;

    void operator()() { target->run_here(partition, std::move(request), std::move(done)); }
};

GroupCoordinator::GroupCoordinator(const Options& options)
    : config_(options.config),
      ports_(options.ports),
      placement_(options.placement),
      images_(options.images),
      runtime_(options.ports, options.writer,
               [this](PartitionIndex) { return std::make_unique<GroupMachine>(config_, images_); }) {}

template <class T, class Request>
void GroupCoordinator::run_here(PartitionIndex partition, Request request, Done<T> done) {
    runtime_.run(partition, std::move(done), [&](GroupMachine& machine, Turn& turn, Done<T> held) {
        execute(machine, std::move(request), turn, std::move(held));
    });
}

template <class T, class Request>
void GroupCoordinator::route(Request request, Done<T> done) {
    const auto partition = partition_of(request.group_id);
    route_to(partition, std::move(request), std::move(done));
}

template <class T, class Request>
void GroupCoordinator::route_to(PartitionIndex partition, Request request, Done<T> done) {
    const auto owner = placement_.owner(partition);
    if (!owner) return done(fail(ErrorCode::not_coordinator));
    if (*owner == ports_.shard) return run_here(partition, std::move(request), std::move(done));
    ports_.shards.submit(*owner,
                         Hop<T, Request>{shards_.at(owner->value()), partition, std::move(request),
                                         ReturnHome<T>{&ports_.shards, ports_.shard, std::move(done)}});
}

void GroupCoordinator::join(JoinRequest request, Done<JoinResult> done) {
    JoinResult refused;
    refused.member_id = request.member_id;
    if (request.group_id.empty())
        refused.error = ErrorCode::invalid_group_id;
    else if (request.session_timeout_ms < config_.min_session_timeout_ms ||
             request.session_timeout_ms > config_.max_session_timeout_ms)
        refused.error = ErrorCode::invalid_session_timeout;
    if (refused.error != ErrorCode::none) return done(std::move(refused));
    route(std::move(request), std::move(done));
}

void GroupCoordinator::sync(SyncRequest request, Done<SyncResult> done) {
    if (request.group_id.empty()) return done(SyncResult{.error = ErrorCode::invalid_group_id});
    route(std::move(request), std::move(done));
}

void GroupCoordinator::heartbeat(HeartbeatRequest request, Done<ErrorCode> done) {
    if (request.group_id.empty()) return done(ErrorCode::invalid_group_id);
    route(std::move(request), Done<ErrorCode>(ForgiveLoading{std::move(done)}));
}

void GroupCoordinator::leave(LeaveRequest request, Done<LeaveResult> done) {
    if (request.group_id.empty())
        return done(LeaveResult{.error = ErrorCode::invalid_group_id, .members = {}});
    route(std::move(request), std::move(done));
}

void GroupCoordinator::commit_offsets(OffsetCommitRequest request, Done<OffsetCommitResult> done) {
    route(std::move(request), std::move(done));
}

void GroupCoordinator::fetch_offsets(OffsetFetchRequest request, Done<OffsetFetchResult> done) {
    route(std::move(request), std::move(done));
}

void GroupCoordinator::delete_offsets(OffsetDeleteRequest request, Done<OffsetDeleteResult> done) {
    if (request.group_id.empty()) return done(OffsetDeleteResult{.error = ErrorCode::invalid_group_id});
    route(std::move(request), std::move(done));
}

void GroupCoordinator::end_transaction(GroupMarkerRequest request, Done<ErrorCode> done) {
    const auto partition = request.partition;
    route_to(partition, std::move(request), std::move(done));
}

void GroupCoordinator::describe(DescribeRequest request, Done<DescribedGroup> done) {
    route(std::move(request), std::move(done));
}

void GroupCoordinator::describe_consumer(DescribeConsumerRequest request, Done<DescribedConsumerGroup> done) {
    route(std::move(request), std::move(done));
}

void GroupCoordinator::remove(DeleteRequest request, Done<ErrorCode> done) {
    route(std::move(request), std::move(done));
}

void GroupCoordinator::on_topic_deleted(const std::string& name, Uuid topic_id) {
    for (const auto partition : runtime_.active_partitions()) {
        const auto turn = runtime_.open_turn(partition);
        static_cast<GroupMachine&>(turn->machine()).forget_topic(name, topic_id, *turn);
        turn->finish();
    }
}

void GroupCoordinator::on_topics_changed(const std::set<std::string>& topics, bool has_new_topics) {
    for (const auto partition : runtime_.active_partitions()) {
        const auto turn = runtime_.open_turn(partition);
        static_cast<GroupMachine&>(turn->machine()).on_topics_changed(topics, has_new_topics);
        turn->finish();
    }
}

// ---------------------------------------------------------------- consumer groups

namespace {

bool is_blank(const std::optional<std::string>& text) {
    return text && std::ranges::all_of(*text, [](unsigned char c) { return c <= ' '; });
}

// What no group has to be asked for.
Status check_heartbeat(const ConsumerHeartbeatRequest& request, const ConsumerGroupConfig& config) {
    const auto invalid = [](std::string_view why) {
        return fail(ErrorCode::invalid_request, std::string(why));
    };
    const auto epoch = request.member_epoch;
    const bool needs_member_id =
        request.requires_member_id || epoch > k_joining_epoch || epoch == k_leaving_epoch;
    if (needs_member_id && is_blank(request.member_id)) return invalid("MemberId can't be empty.");
    if (is_blank(request.group_id)) return invalid("GroupId can't be empty.");
    if (is_blank(request.instance_id)) return invalid("InstanceId can't be empty.");
    if (is_blank(request.rack_id)) return invalid("RackId can't be empty.");
    if (epoch == k_joining_epoch) {
        if (request.rebalance_timeout_ms == -1)
            return invalid("RebalanceTimeoutMs must be provided in first request.");
        if (!request.owned || !request.owned->empty())
            return invalid("TopicPartitions must be empty when (re-)joining.");
        if (!request.subscribed_topics && !request.subscribed_regex)
            return invalid(
                "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.");
    }
    if (epoch == k_static_leaving_epoch && !request.instance_id) return invalid("InstanceId can't be null.");
    if (epoch < k_static_leaving_epoch) return invalid("MemberEpoch is invalid.");
    const auto& assignors = config.assignors;
    if (!request.server_assignor || std::ranges::find(assignors, *request.server_assignor) != assignors.end())
        return {};
    return fail(ErrorCode::unsupported_assignor,
                fmt::format("ServerAssignor {} is not supported. Supported assignors: {}.",
                            *request.server_assignor, fmt::join(assignors, ", ")));
}

}  // namespace

void GroupCoordinator::consumer_heartbeat(ConsumerHeartbeatRequest request,
                                          Done<ConsumerHeartbeatResult> done) {
    if (auto valid = check_heartbeat(request, config_.consumer); !valid)
        return done(std::unexpected(std::move(valid).error()));
    route(std::move(request), std::move(done));
}

// ---------------------------------------------------------------- listing

// Gathers parts until all are there; one error is the answer of the whole.
class GroupCoordinator::Listing final : public RefCounted {
public:
    using Groups = std::vector<ListedGroup>;

    Listing(std::size_t parts, Done<Groups> done) : missing_(parts), done_(std::move(done)) {}

    void add(Result<Groups> part) {
        if (part)
            std::ranges::move(*part, std::back_inserter(groups_));
        else
            error_ = std::move(part).error();
        if (--missing_ > 0) return;
        std::ranges::sort(groups_, {}, &ListedGroup::group_id);
        if (error_)
            done_(std::unexpected(std::move(*error_)));
        else
            done_(std::move(groups_));
    }

    // A completion of one part.
    struct Part {
        Ref<Listing> listing;
        void operator()(Result<Groups> part) const { listing->add(std::move(part)); }
    };

private:
    std::size_t missing_;
    Done<Groups> done_;
    Groups groups_;
    std::optional<Error> error_;
};

struct GroupCoordinator::ListHop {
    GroupCoordinator* target;
    ListFilter filter;
    Done<std::vector<ListedGroup>> done;

    void operator()() { target->list_here(filter, std::move(done)); }
};

void GroupCoordinator::list(ListFilter filter, Done<std::vector<ListedGroup>> done) {
    const auto listing = make_ref<Listing>(shards_.size(), std::move(done));
    for (auto* shard : shards_) {
        if (shard == this) {
            list_here(filter, Listing::Part{listing});
            continue;
        }
        ReturnHome<std::vector<ListedGroup>> home{&ports_.shards, ports_.shard, Listing::Part{listing}};
        ports_.shards.submit(shard->ports_.shard, ListHop{shard, filter, std::move(home)});
    }
}

void GroupCoordinator::list_here(const ListFilter& filter, Done<std::vector<ListedGroup>> done) {
    if (runtime_.is_loading()) return done(fail(ErrorCode::coordinator_load_in_progress));
    const auto partitions = runtime_.active_partitions();
    if (partitions.empty()) return done(std::vector<ListedGroup>{});
    const auto listing = make_ref<Listing>(partitions.size(), std::move(done));
    for (const auto partition : partitions)
        runtime_.run(partition, Done<std::vector<ListedGroup>>(Listing::Part{listing}),
                     [&](GroupMachine& machine, Turn& turn, Done<std::vector<ListedGroup>> held) {
                         turn.answer(std::move(held), machine.list(filter));
                     });
}

}  // namespace gregor::coordinator
