// AlterPartitionReassignments v0..v1, ListPartitionReassignments v0 (KIP-455).
// Replicas are not copied between brokers yet: a reassignment that only drops or reorders replicas is done at
// once, one that adds any is refused. What a directory brings along unfinished can be listed and cancelled.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "controller/administration.h"
#include "controller/placement.h"
#include "gen/meta/partition_change.h"
#include "metadata/features.h"
#include "metadata/record_codec.h"

namespace gregor::controller {
namespace {

using Brokers = std::vector<BrokerId>;

bool contains(const Brokers& brokers, BrokerId broker) {
    return std::ranges::find(brokers, broker) != brokers.end();
}

List<std::int32_t> to_numbers(const Brokers& brokers) {
    List<std::int32_t> numbers;
    for (const auto broker : brokers) numbers.push_back(broker.value());
    return numbers;
}

// The record that leaves a partition with these replicas and nothing under way.
class NewReplicas {
public:
    NewReplicas(const metadata::Partition& partition, const DecisionContext& context)
        : partition_(partition), context_(context) {}

    Result<std::optional<Slice>> record(const TopicPartitionId& id, const Brokers& replicas) const {
        Brokers isr = partition_.isr;
        std::erase_if(isr, [&replicas](BrokerId broker) { return !contains(replicas, broker); });
        if (isr.empty() && !partition_.isr.empty()) {
            return fail(ErrorCode::invalid_replica_assignment,
                        "None of the replicas that would stay is in sync.");
        }
        msg::PartitionChangeRecord record;
        record.partition_id = id.partition.value();
        record.topic_id = id.topic_id;
        if (replicas != partition_.replicas) set_replicas(record, replicas);
        if (isr != partition_.isr) record.isr = to_numbers(isr);
        if (!partition_.removing_replicas.empty()) record.removing_replicas.emplace();
        if (!partition_.adding_replicas.empty()) record.adding_replicas.emplace();
        set_leader(record, replicas, isr);
        const bool changes =
            record.replicas || record.isr || record.removing_replicas || record.adding_replicas;
        if (!changes) return std::nullopt;
        return metadata::encode_record(record, metadata::partition_version(context_.state.metadata_version));
    }

private:
    void set_replicas(msg::PartitionChangeRecord& record, const Brokers& replicas) const {
        record.replicas = to_numbers(replicas);
        if (!metadata::has_directory_assignment(context_.state.metadata_version)) return;
        auto& directories = record.directories.emplace();
        for (const auto replica : replicas) directories.push_back(partition_.directory_of(replica));
    }

    // The epoch grows whenever a replica goes, so that it cannot be taken for one of them afterwards.
    void set_leader(msg::PartitionChangeRecord& record, const Brokers& replicas, const Brokers& isr) const {
        const bool keeps = contains(isr, partition_.leader);
        const bool loses_one = std::ranges::any_of(
            partition_.replicas, [&replicas](BrokerId broker) { return !contains(replicas, broker); });
        if (keeps && loses_one) record.leader = partition_.leader.value();
        if (keeps || isr.empty()) return;
        const auto alive = std::ranges::find_if(isr, [this](BrokerId broker) {
            const auto* registration = context_.state.broker(broker);
            return registration != nullptr && registration->is_active();
        });
        record.leader = alive == isr.end() ? k_no_broker.value() : alive->value();
    }

    const metadata::Partition& partition_;
    const DecisionContext& context_;
};

class Reassignment {
public:
    Reassignment(const msg::AlterPartitionReassignmentsRequest& request, const DecisionContext& context)
        : request_(request), context_(context) {}

    Decision<msg::AlterPartitionReassignmentsResponse> decide() {
        auto& response = decision_.response;
        if (request_.topics.empty()) return std::move(decision_);  // with the defaults of every field
        response.allow_replication_factor_change = request_.allow_replication_factor_change;
        response.error_message = std::nullopt;
        for (const auto& topic : request_.topics) {
            auto& row = response.responses.emplace_back();
            row.name = topic.name;
            for (const auto& wish : topic.partitions) {
                auto& result = row.partitions.emplace_back();
                result.partition_index = wish.partition_index;
                result.error_message = std::nullopt;
                const auto status = reassign(topic.name, wish);
                if (status) continue;
                result.error_code = status.error().code;
                if (!status.error().detail.empty())
                    result.error_message = decision_.keep(status.error().detail);
            }
        }
        return std::move(decision_);
    }

private:
    using Wish = msg::AlterPartitionReassignmentsRequest::ReassignablePartition;

    Status reassign(std::string_view name, const Wish& wish) {
        const auto* topic = context_.state.topic(name);
        if (topic == nullptr) {
            return fail(ErrorCode::unknown_topic_or_partition,
                        fmt::format("Unable to find a topic named {}.", name));
        }
        const PartitionIndex index{wish.partition_index};
        const auto* partition = topic->partitions.find(index);
        if (partition == nullptr) {
            return fail(ErrorCode::unknown_topic_or_partition,
                        fmt::format("Unable to find partition {}:{}.", name, wish.partition_index));
        }
        const TopicPartitionId id{topic->id, index};
        const auto replicas = TRY(wish.replicas ? target(wish, *partition) : reverted(*partition));
        auto record = TRY(NewReplicas(*partition, context_).record(id, replicas));
        if (!record || !changed_.insert(id).second) return {};
        decision_.records.push_back(std::move(*record));
        return {};
    }

    Result<Brokers> target(const Wish& wish, const metadata::Partition& partition) const {
        const Brokers replicas(wish.replicas->begin(), wish.replicas->end());
        TRY_STATUS(check_assignment(context_.state, replicas, 0));
        Brokers settled = partition.replicas;
        std::erase_if(settled,
                      [&partition](BrokerId broker) { return contains(partition.adding_replicas, broker); });
        if (!request_.allow_replication_factor_change && replicas.size() != settled.size()) {
            return fail(ErrorCode::invalid_replication_factor,
                        fmt::format("The replication factor is {} and may not become {} by this request.",
                                    settled.size(), replicas.size()));
        }
        for (const auto replica : replicas) {
            if (contains(partition.replicas, replica)) continue;
            return fail(ErrorCode::invalid_replica_assignment,
                        fmt::format("Broker {} cannot get a copy: replication between brokers is not "
                                    "supported yet.",
                                    replica.value()));
        }
        return replicas;
    }

    static Result<Brokers> reverted(const metadata::Partition& partition) {
        if (partition.adding_replicas.empty() && partition.removing_replicas.empty())
            return fail(ErrorCode::no_reassignment_in_progress, "");  // the code says it all
        Brokers replicas = partition.replicas;
        std::erase_if(replicas,
                      [&partition](BrokerId broker) { return contains(partition.adding_replicas, broker); });
        return replicas;
    }

    const msg::AlterPartitionReassignmentsRequest& request_;
    const DecisionContext& context_;
    std::set<TopicPartitionId> changed_;
    Decision<msg::AlterPartitionReassignmentsResponse> decision_{
        .records = {}, .atomic = false, .response = {}, .texts = {}};
};

using ListResponse = msg::ListPartitionReassignmentsResponse;

void list_topic(const metadata::Topic& topic, const List<std::int32_t>* wanted, ListResponse& response) {
    ListResponse::OngoingTopicReassignment row;
    row.name = topic.name;
    for (const auto& [index, partition] : topic.partitions) {
        if (wanted != nullptr && std::ranges::find(*wanted, index.value()) == wanted->end()) continue;
        if (partition.adding_replicas.empty() && partition.removing_replicas.empty()) continue;
        auto& entry = row.partitions.emplace_back();
        entry.partition_index = index.value();
        entry.replicas = to_numbers(partition.replicas);
        entry.adding_replicas = to_numbers(partition.adding_replicas);
        entry.removing_replicas = to_numbers(partition.removing_replicas);
    }
    if (!row.partitions.empty()) response.topics.push_back(std::move(row));
}

}  // namespace

Decision<msg::AlterPartitionReassignmentsResponse> decide(
    const msg::AlterPartitionReassignmentsRequest& request, std::int16_t, const DecisionContext& context) {
    return Reassignment(request, context).decide();
}

Decision<ListResponse> decide(const msg::ListPartitionReassignmentsRequest& request, std::int16_t,
                              const DecisionContext& context) {
    Decision<ListResponse> decision;
    decision.response.error_message = std::nullopt;
    if (!request.topics) {
        for (const auto& [name, topic] : context.state.topics_by_name)
            list_topic(*topic, nullptr, decision.response);
        return decision;
    }
    for (const auto& wanted : *request.topics) {
        const auto* topic = context.state.topic(wanted.name);
        if (topic != nullptr) list_topic(*topic, &wanted.partition_indexes, decision.response);
    }
    return decision;
}

}  // namespace gregor::controller
