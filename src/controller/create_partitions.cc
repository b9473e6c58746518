// CreatePartitions v0..v3.
#include <fmt/format.h>

#include <map>
#include <set>

#include "base/format.h"
#include "controller/placement.h"
#include "controller/topics.h"

namespace gregor::controller {
namespace {

using Wish = msg::CreatePartitionsRequest::CreatePartitionsTopic;

constexpr std::int32_t k_partitions_max = 10'000;  // of one topic in one request

Result<std::vector<metadata::Partition>> assign(const Wish& wish, std::size_t replication_factor,
                                                const metadata::ClusterState& state) {
    std::vector<metadata::Partition> partitions;
    for (const auto& assignment : *wish.assignments) {
        const std::vector<BrokerId> replicas(assignment.broker_ids.begin(), assignment.broker_ids.end());
        TRY_STATUS(check_assignment(state, replicas, replication_factor));
        partitions.push_back(new_partition(state, replicas));
        if (!partitions.back().isr.empty()) continue;
        return fail(ErrorCode::invalid_replica_assignment,
                    "All brokers specified in the manual partition assignment "
                    "are fenced or in controlled shutdown.");
    }
    return partitions;
}

// The partitions to add, everything checked.
Result<std::vector<metadata::Partition>> check(const Wish& wish, const DecisionContext& context,
                                               MutationQuota& quota) {
    const auto* topic = context.state.topic(wish.name);
    if (topic == nullptr) return fail(ErrorCode::unknown_topic_or_partition, "");  // as Kafka: without words
    const auto before = static_cast<std::int32_t>(topic->partitions.size());
    if (wish.count == before)
        return fail(ErrorCode::invalid_partitions, fmt::format("Topic already has {} partition(s).", before));
    if (wish.count < before) {
        return fail(ErrorCode::invalid_partitions,
                    fmt::format("The topic {} currently has {} partition(s); {} would not be an increase.",
                                wish.name, before, wish.count));
    }
    const auto added = wish.count - before;
    if (wish.assignments && static_cast<std::int32_t>(wish.assignments->size()) != added) {
        return fail(
            ErrorCode::invalid_replica_assignment,
            fmt::format(
                "Attempted to add {} additional partition(s), but only {} assignment(s) were specified.",
                added, wish.assignments->size()));
    }
    if (added > k_partitions_max) {
        return fail(
            ErrorCode::policy_violation,
            fmt::format("At most {} partitions can be added at a time, not {}.", k_partitions_max, added));
    }
    TRY_STATUS(quota.charge(static_cast<std::size_t>(added)));
    const auto replication_factor = topic->partitions.begin()->value.replicas.size();
    if (wish.assignments) return assign(wish, replication_factor, context.state);
    auto placed = TRY(
        place_replicas(context.state, {.first_partition = before,
                                       .partitions = added,
                                       .replication_factor = static_cast<std::int16_t>(replication_factor)}));
    std::vector<metadata::Partition> partitions;
    for (auto& replicas : placed) partitions.push_back(new_partition(context.state, std::move(replicas)));
    return partitions;
}

}  // namespace

Decision<msg::CreatePartitionsResponse> decide(const msg::CreatePartitionsRequest& request, std::int16_t,
                                               const DecisionContext& context, MutationQuota& quota) {
    Decision<msg::CreatePartitionsResponse> decision;
    std::map<std::string_view, int> mentions;
    for (const auto& wish : request.topics) ++mentions[wish.name];
    std::set<std::string_view> answered;
    for (const auto& wish : request.topics) {
        if (!answered.insert(wish.name).second) continue;
        auto& outcome = decision.response.results.emplace_back();
        outcome.name = wish.name;
        auto partitions = mentions[wish.name] > 1 ? fail(ErrorCode::invalid_request, "Duplicate topic name.")
                                                  : check(wish, context, quota);
        if (partitions && decision.records.size() + partitions->size() > k_records_per_batch_max)
            partitions =
                fail(ErrorCode::policy_violation, "Too many partitions for one request; send several.");
        if (!partitions) {
            outcome.error_code = partitions.error().code;
            if (const auto& why = partitions.error().detail; !why.empty())
                outcome.error_message = decision.keep(why);
            continue;
        }
        const auto* topic = context.state.topic(wish.name);
        auto index = static_cast<std::int32_t>(topic->partitions.size());
        for (const auto& partition : *partitions) {
            decision.records.push_back(
                encode_new_partition(context.state, topic->id, PartitionIndex{index++}, partition));
        }
    }
    if (request.validate_only) decision.records.clear();
    return decision;
}

}  // namespace gregor::controller
