#include "controller/leadership.h"

#include <algorithm>

#include "metadata/features.h"

namespace gregor::controller {
namespace {

class Elections {
public:
    explicit Elections(const DecisionContext& context) : context_(context), state_(context.state) {}

    // The broker that is on its way out or in, and counts as such already.
    BrokerId leaving = k_no_broker;
    BrokerId joining = k_no_broker;
    bool unclean_shutdown = false;

    std::optional<Slice> run_one(const metadata::Topic& topic, PartitionIndex index, Election election) {
        read_settings(topic);
        if (election_ != Election::unclean) election_ = election;
        elect(topic, index, *topic.partitions.find(index));
        return records_.empty() ? std::nullopt : std::optional(records_.front());
    }

    template <class Concerned>
    std::vector<Slice> run(Concerned concerned) {
        for (const auto& [id, topic] : state_.topics_by_id) {
            settings_known_ = false;
            for (const auto& [index, partition] : topic->partitions) {
                if (concerned(partition)) elect(*topic, index, partition);
            }
        }
        return std::move(records_);
    }

private:
    void elect(const metadata::Topic& topic, PartitionIndex index, const metadata::Partition& partition) {
        if (!settings_known_) read_settings(topic);
        PartitionChange change{.partition = partition,
                               .topic_id = topic.id,
                               .index = index,
                               .target_isr = partition.isr,
                               .unclean_shutdown = {},
                               .election = election_,
                               .min_isr = min_isr_,
                               .has_elr = state_.has_elr(),
                               .record_version = metadata::partition_version(state_.metadata_version)};
        std::erase(change.target_isr, leaving);
        if (unclean_shutdown) change.unclean_shutdown.push_back(leaving);
        auto record = build_partition_change(
            change, [this, &partition](BrokerId broker) { return may_lead(broker, partition); });
        if (record) records_.push_back(std::move(*record));
    }

    bool may_lead(BrokerId broker, const metadata::Partition& partition) const {
        const auto* registration = state_.broker(broker);
        if (broker == leaving || registration == nullptr) return false;
        return (broker == joining || registration->is_active()) &&
               registration->has_online_dir(partition.directory_of(broker));
    }

    // Once a topic, and only for topics that are concerned.
    void read_settings(const metadata::Topic& topic) {
        const auto configs = context_.configs();
        const auto unclean =
            metadata::topic_config_value(configs, topic.name, "unclean.leader.election.enable");
        election_ = metadata::to_bool(unclean) ? Election::unclean : Election::online;
        min_isr_ = static_cast<std::int32_t>(
            metadata::to_int64(metadata::topic_config_value(configs, topic.name, "min.insync.replicas")));
        settings_known_ = true;
    }

    const DecisionContext& context_;
    const metadata::ClusterState& state_;
    bool settings_known_ = false;
    Election election_ = Election::online;
    std::int32_t min_isr_ = 1;
    std::vector<Slice> records_;
};

bool contains(const std::vector<BrokerId>& brokers, BrokerId broker) {
    return std::ranges::find(brokers, broker) != brokers.end();
}

}  // namespace

std::vector<Slice> broker_left(const DecisionContext& context, BrokerId broker, bool unclean) {
    Elections elections(context);
    elections.leaving = broker;
    elections.unclean_shutdown = unclean;
    return elections.run([broker, unclean](const metadata::Partition& partition) {
        return partition.in_isr(broker) || (unclean && contains(partition.elr, broker));
    });
}

std::vector<Slice> broker_joined(const DecisionContext& context, BrokerId broker) {
    Elections elections(context);
    elections.joining = broker;
    return elections.run([broker](const metadata::Partition& partition) {
        return partition.leader == k_no_broker && partition.has_replica(broker);
    });
}

std::optional<Slice> elect_leader(const DecisionContext& context, const metadata::Topic& topic,
                                  PartitionIndex index, Election election) {
    return Elections(context).run_one(topic, index, election);
}

bool leads_any_partition(const metadata::ClusterState& state, BrokerId broker) {
    for (const auto& [id, topic] : state.topics_by_id) {
        for (const auto& [index, partition] : topic->partitions) {
            if (partition.leader == broker) return true;
        }
    }
    return false;
}

}  // namespace gregor::controller
