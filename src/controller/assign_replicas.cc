// AssignReplicasToDirs v0 (KIP-858): a broker says in which of its directories partitions live.
#include <algorithm>

#include "controller/directories.h"
#include "gen/meta/partition_change.h"
#include "metadata/features.h"
#include "metadata/record_codec.h"

namespace gregor::controller {
namespace {

using Request = msg::AssignReplicasToDirsRequest;

ErrorCode check(const metadata::Topic* topic, PartitionIndex index, BrokerId broker) {
    if (topic == nullptr) return ErrorCode::unknown_topic_id;
    const auto* partition = topic->partitions.find(index);
    if (partition == nullptr) return ErrorCode::unknown_topic_or_partition;
    return partition->has_replica(broker) ? ErrorCode::none : ErrorCode::not_leader_or_follower;
}

struct Assignment {
    const metadata::Topic& topic;
    PartitionIndex index;
    BrokerId broker;
    Uuid directory;
};

// None: it is so already.
std::optional<Slice> record_of(const Assignment& wish, std::int16_t metadata_version) {
    const auto& partition = *wish.topic.partitions.find(wish.index);
    if (partition.directory_of(wish.broker) == wish.directory) return std::nullopt;
    msg::PartitionChangeRecord record;
    record.partition_id = wish.index.value();
    record.topic_id = wish.topic.id;
    auto& directories = record.directories.emplace();
    for (std::size_t i = 0; i < partition.replicas.size(); ++i)
        directories.push_back(partition.replicas[i] == wish.broker ? wish.directory
                                                                   : partition.directories[i]);
    return metadata::encode_record(record, metadata::partition_version(metadata_version));
}

}  // namespace

Decision<msg::AssignReplicasToDirsResponse> decide(const Request& request, std::int16_t,
                                                   const DecisionContext& context) {
    Decision<msg::AssignReplicasToDirsResponse> decision;
    decision.atomic = false;
    const BrokerId id{request.broker_id};
    const auto* broker = context.state.broker(id);
    if (broker == nullptr || broker->epoch != request.broker_epoch) {
        decision.response.error_code = ErrorCode::stale_broker_epoch;
        return decision;
    }
    if (!metadata::has_directory_assignment(context.state.metadata_version)) {
        decision.response.error_code = ErrorCode::unsupported_version;
        return decision;
    }
    for (const auto& directory : request.directories) {
        auto& directory_row = decision.response.directories.emplace_back();
        directory_row.id = directory.id;
        const bool is_online = broker->has_online_dir(directory.id);
        for (const auto& wish : directory.topics) {
            auto& topic_row = directory_row.topics.emplace_back();
            topic_row.topic_id = wish.topic_id;
            const auto* topic = context.state.topic(wish.topic_id);
            for (const auto& partition : wish.partitions) {
                const PartitionIndex index{partition.partition_index};
                auto& row = topic_row.partitions.emplace_back();
                row.partition_index = index.value();
                row.error_code = is_online ? check(topic, index, id) : ErrorCode::log_dir_not_found;
                if (row.error_code != ErrorCode::none) continue;
                auto record = record_of({*topic, index, id, directory.id}, context.state.metadata_version);
                if (record) decision.records.push_back(*std::move(record));
            }
        }
    }
    return decision;
}

}  // namespace gregor::controller
