#include "server/handlers/cluster_view.h"

#include <algorithm>

namespace gregor::server {

std::vector<ReachableBroker> ClusterView::brokers() const {
    std::vector<ReachableBroker> reachable;
    for (const auto& [id, broker] : image_.brokers) {
        const auto* endpoint = broker.fenced ? nullptr : broker.endpoint(listener_);
        if (endpoint != nullptr) reachable.push_back({&broker, endpoint});
    }
    return reachable;
}

bool ClusterView::is_reachable(BrokerId id) const {
    const auto* broker = image_.broker(id);
    return broker != nullptr && !broker->fenced && broker->endpoint(listener_) != nullptr;
}

std::int32_t ClusterView::controller_id(std::uint64_t random) const {
    const auto reachable = brokers();
    return reachable.empty() ? k_no_broker.value() : reachable[random % reachable.size()].broker->id.value();
}

ClusterView::Leader ClusterView::leader(const metadata::Partition& partition,
                                        ErrorCode when_unreachable) const {
    if (is_reachable(partition.leader)) return {.id = partition.leader.value()};
    const bool is_known = image_.broker(partition.leader) != nullptr;
    return {.error = is_known ? when_unreachable : ErrorCode::leader_not_available};
}

std::vector<std::int32_t> ClusterView::offline_replicas(const metadata::Partition& partition) const {
    std::vector<std::int32_t> offline;
    for (const auto replica : partition.replicas) {
        const auto* broker = image_.broker(replica);
        if (!is_reachable(replica) || !broker->has_online_dir(partition.directory_of(replica)))
            offline.push_back(replica.value());
    }
    return offline;
}

std::vector<std::int32_t> to_numbers(const std::vector<BrokerId>& brokers) {
    std::vector<std::int32_t> numbers(brokers.size());
    std::ranges::transform(brokers, numbers.begin(), &BrokerId::value);
    return numbers;
}

std::int32_t cluster_operations(const RequestContext& context) {
    if (!context.allows_cluster(security::Operation::describe)) return 0;
    return context.authorized_operations(security::ResourceType::cluster, security::k_cluster_resource);
}

}  // namespace gregor::server
