// The cluster's state as the metadata log tells it: immutable, published whole to every shard as Ref<const
// Image>.
//
// Every collection is a persistent map, so an image costs what differs from the one before it. Delta
// (delta.h) makes the next image by replaying records; nothing else changes one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/persistent_map.h"
#include "base/ref.h"

namespace gregor::metadata {

// ---------------------------------------------------------------- nodes

struct Endpoint {
    std::string name;  // the listener's
    std::string host;
    std::uint16_t port = 0;
    std::int16_t security_protocol = 0;
    friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

struct SupportedFeature {
    std::string name;
    std::int16_t min_version = 0;
    std::int16_t max_version = 0;
    friend bool operator==(const SupportedFeature&, const SupportedFeature&) = default;
};

struct BrokerRegistration {
    BrokerId id;
    std::int64_t epoch = -1;
    Uuid incarnation_id;
    std::vector<Endpoint> endpoints;
    std::vector<SupportedFeature> features;
    std::optional<std::string> rack;
    bool fenced = true;
    bool in_controlled_shutdown = false;
    bool is_migrating_zk_broker = false;
    std::vector<Uuid> log_dirs;  // online ones, sorted
    std::optional<std::vector<Uuid>> cordoned_log_dirs;

    bool is_active() const { return !fenced && !in_controlled_shutdown; }
    const Endpoint* endpoint(std::string_view listener) const;  // nullptr when it has none of that name
    bool has_online_dir(Uuid directory) const;
    friend bool operator==(const BrokerRegistration&, const BrokerRegistration&) = default;
};

struct ControllerRegistration {
    BrokerId id;
    Uuid incarnation_id;
    bool zk_migration_ready = false;
    std::vector<Endpoint> endpoints;
    std::vector<SupportedFeature> features;
    friend bool operator==(const ControllerRegistration&, const ControllerRegistration&) = default;
};

// ---------------------------------------------------------------- topics

// Directory ids with a meaning of their own (KIP-858).
inline constexpr Uuid k_migrating_directory{0, 0};
inline constexpr Uuid k_unassigned_directory{0, 1};
inline constexpr Uuid k_lost_directory{0, 2};

enum class LeaderRecoveryState : std::int8_t { recovered = 0, recovering = 1 };

struct Partition {
    std::vector<BrokerId> replicas;
    std::vector<Uuid> directories;  // one a replica, in their order
    std::vector<BrokerId> isr;
    std::vector<BrokerId> removing_replicas;
    std::vector<BrokerId> adding_replicas;
    std::vector<BrokerId> elr;  // eligible leader replicas (KIP-966)
    std::vector<BrokerId> last_known_elr;
    BrokerId leader = k_no_broker;
    LeaderEpoch leader_epoch = k_no_leader_epoch;
    std::int32_t partition_epoch = -1;
    LeaderRecoveryState leader_recovery_state = LeaderRecoveryState::recovered;

    bool has_replica(BrokerId broker) const;
    bool in_isr(BrokerId broker) const;
    Uuid directory_of(BrokerId broker) const;  // migrating when it has no such replica
    friend bool operator==(const Partition&, const Partition&) = default;
};

struct Topic final : RefCounted {
    Topic() = default;
    Topic(std::string topic_name, Uuid topic_id) : name(std::move(topic_name)), id(topic_id) {}
    Topic(const Topic& other) : RefCounted(), name(other.name), id(other.id), partitions(other.partitions) {}

    std::string name;
    Uuid id;
    PersistentMap<PartitionIndex, Partition> partitions;
};

bool is_internal_topic(std::string_view name);  // the three topics of the coordinators

// ---------------------------------------------------------------- configs, quotas, security

enum class ConfigResourceType : std::int8_t {
    unknown = 0,
    topic = 2,
    broker = 4,
    broker_logger = 8,
    client_metrics = 16,
    group = 32
};

struct ConfigResource {
    ConfigResourceType type = ConfigResourceType::unknown;
    std::string name;  // "" of a broker: the default of all brokers
    friend auto operator<=>(const ConfigResource&, const ConfigResource&) = default;
};

using ConfigMap = PersistentMap<std::string, std::string>;

struct QuotaEntityPart {
    std::string type;                 // user, client-id, ip
    std::optional<std::string> name;  // none: the default entity
    friend auto operator<=>(const QuotaEntityPart&, const QuotaEntityPart&) = default;
};
using QuotaEntity = std::vector<QuotaEntityPart>;  // sorted

struct ScramKey {
    std::int8_t mechanism = 0;
    std::string user;
    friend auto operator<=>(const ScramKey&, const ScramKey&) = default;
};
struct ScramCredential {
    std::vector<std::byte> salt;
    std::vector<std::byte> stored_key;
    std::vector<std::byte> server_key;
    std::int32_t iterations = 0;
    friend bool operator==(const ScramCredential&, const ScramCredential&) = default;
};

struct AccessControlEntry {
    std::int8_t resource_type = 0;
    std::string resource_name;
    std::int8_t pattern_type = 0;
    std::string principal;
    std::string host;
    std::int8_t operation = 0;
    std::int8_t permission_type = 0;
    friend bool operator==(const AccessControlEntry&, const AccessControlEntry&) = default;
};

struct DelegationToken {
    std::string owner;
    std::string requester;
    std::vector<std::string> renewers;
    std::int64_t issue_timestamp = 0;
    std::int64_t max_timestamp = 0;
    std::int64_t expiration_timestamp = 0;
    friend bool operator==(const DelegationToken&, const DelegationToken&) = default;
};

// ---------------------------------------------------------------- the image

// How far in the metadata log an image reaches.
struct Provenance {
    Offset last_contained_offset = k_no_offset;
    LeaderEpoch last_contained_epoch = k_no_leader_epoch;
    std::int64_t last_contained_timestamp = -1;
    friend bool operator==(const Provenance&, const Provenance&) = default;
};

// The part of an image that records change.
struct ClusterState {
    std::int16_t metadata_version = 0;                  // 0: not told yet
    PersistentMap<std::string, std::int16_t> features;  // finalised levels but metadata.version's; none is 0
    PersistentMap<BrokerId, BrokerRegistration> brokers;  // fenced ones too
    PersistentMap<BrokerId, ControllerRegistration> controllers;
    PersistentMap<Uuid, Ref<const Topic>> topics_by_id;
    PersistentMap<std::string, Ref<const Topic>> topics_by_name;
    PersistentMap<ConfigResource, ConfigMap> configs;
    PersistentMap<QuotaEntity, PersistentMap<std::string, double>> client_quotas;
    PersistentMap<ScramKey, ScramCredential> scram_credentials;
    PersistentMap<Uuid, AccessControlEntry> acls;
    PersistentMap<std::string, DelegationToken> delegation_tokens;  // by token id
    std::int64_t next_producer_id = 0;

    const Topic* topic(std::string_view name) const;
    const Topic* topic(Uuid id) const;
    const Partition* partition(Uuid topic_id, PartitionIndex index) const;
    const BrokerRegistration* broker(BrokerId id) const { return brokers.find(id); }
    std::int16_t feature_level(std::string_view name) const;  // 0 when not finalised; knows metadata.version
    bool has_elr() const { return feature_level("eligible.leader.replicas.version") >= 1; }
    const ConfigMap* config(ConfigResourceType type,
                            std::string_view name) const;  // nullptr when it has none
    const std::string* config(ConfigResourceType type, std::string_view name, std::string_view key) const;
};

// Equal content; topics are compared by what they hold.
bool operator==(const ClusterState& a, const ClusterState& b);

class Image final : public RefCounted, public ClusterState {
public:
    Image(ClusterState state, Provenance until, std::string cluster)
        : ClusterState(std::move(state)), provenance(until), cluster_id(std::move(cluster)) {}
    static Ref<const Image> empty(std::string cluster_id);

    const Provenance provenance;
    const std::string cluster_id;  // of meta.properties; no record tells it
};

}  // namespace gregor::metadata
