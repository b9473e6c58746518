#include "metadata/image.h"

#include <algorithm>

namespace gregor::metadata {

const Endpoint* BrokerRegistration::endpoint(std::string_view listener) const {
    const auto at = std::ranges::find(endpoints, listener, &Endpoint::name);
    return at == endpoints.end() ? nullptr : &*at;
}

// Unassigned and migrating directories count as online, and a broker that names none has all (KIP-858).
bool BrokerRegistration::has_online_dir(Uuid directory) const {
    if (directory == k_unassigned_directory || directory == k_migrating_directory) return true;
    if (directory == k_lost_directory) return false;
    return log_dirs.empty() || std::ranges::find(log_dirs, directory) != log_dirs.end();
}

bool Partition::has_replica(BrokerId broker) const {
    return std::ranges::find(replicas, broker) != replicas.end();
}

bool Partition::in_isr(BrokerId broker) const { return std::ranges::find(isr, broker) != isr.end(); }

Uuid Partition::directory_of(BrokerId broker) const {
    const auto at = std::ranges::find(replicas, broker);
    const auto index = static_cast<std::size_t>(at - replicas.begin());
    return at == replicas.end() || index >= directories.size() ? k_migrating_directory : directories[index];
}

bool is_internal_topic(std::string_view name) {
    return name == "__consumer_offsets" || name == "__transaction_state" || name == "__share_group_state";
}

const Topic* ClusterState::topic(std::string_view name) const {
    const auto* found = topics_by_name.find(name);
    return found == nullptr ? nullptr : found->get();
}

const Topic* ClusterState::topic(Uuid id) const {
    const auto* found = topics_by_id.find(id);
    return found == nullptr ? nullptr : found->get();
}

const Partition* ClusterState::partition(Uuid topic_id, PartitionIndex index) const {
    const auto* found = topic(topic_id);
    return found == nullptr ? nullptr : found->partitions.find(index);
}

std::int16_t ClusterState::feature_level(std::string_view name) const {
    if (name == "metadata.version") return metadata_version;
    const auto* level = features.find(name);
    return level == nullptr ? std::int16_t{0} : *level;
}

const ConfigMap* ClusterState::config(ConfigResourceType type, std::string_view name) const {
    return configs.find(ConfigResource{type, std::string(name)});
}

const std::string* ClusterState::config(ConfigResourceType type, std::string_view name,
                                        std::string_view key) const {
    const auto* map = config(type, name);
    return map == nullptr ? nullptr : map->find(key);
}

namespace {

template <class Entry>
bool same_topic(const Entry& a, const Entry& b) {
    if (a.value == b.value) return true;
    return a.key == b.key && a.value->name == b.value->name && a.value->id == b.value->id &&
           a.value->partitions == b.value->partitions;
}
template <class Map>
bool same_topics(const Map& a, const Map& b) {
    return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), same_topic<typename Map::Entry>);
}

}  // namespace

bool operator==(const ClusterState& a, const ClusterState& b) {
    return a.metadata_version == b.metadata_version && a.features == b.features && a.brokers == b.brokers &&
           a.controllers == b.controllers && same_topics(a.topics_by_id, b.topics_by_id) &&
           same_topics(a.topics_by_name, b.topics_by_name) && a.configs == b.configs &&
           a.client_quotas == b.client_quotas && a.scram_credentials == b.scram_credentials &&
           a.acls == b.acls && a.delegation_tokens == b.delegation_tokens &&
           a.next_producer_id == b.next_producer_id;
}

Ref<const Image> Image::empty(std::string cluster) {
    return make_ref<const Image>(ClusterState{}, Provenance{}, std::move(cluster));
}

}  // namespace gregor::metadata
