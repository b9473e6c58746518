// What a manager decides: records to append, and the answer that leaves once they are committed.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "metadata/config_source.h"
#include "metadata/effective_config.h"
#include "metadata/image.h"

namespace gregor::controller {

// What one append may hold: as many records, and as many bytes, as one batch of Kafka's quorum.
inline constexpr std::size_t k_records_per_batch_max = 10'000;
inline constexpr std::size_t k_batch_bytes_max = std::size_t{8} << 20U;

// Draws ids of new topics. A port, so that decisions repeat in tests and in the simulator.
class IdSource {
public:
    virtual ~IdSource() = default;
    virtual Uuid next() = 0;
};

struct QuorumVoter {
    BrokerId id;
    Uuid directory_id;  // zero with a static quorum
    std::vector<metadata::Endpoint> endpoints;
};

struct QuorumObserver {
    BrokerId id;
    Uuid directory_id;
    Offset log_end_offset;
    std::int64_t last_fetch_ms = -1;
    std::int64_t last_caught_up_ms = -1;
};

// The quorum as its leader sees it.
struct QuorumFacts {
    LeaderEpoch leader_epoch;
    Offset high_watermark;
    Offset log_end_offset;
    std::int64_t now_ms = 0;
    std::int16_t kraft_version = 0;
    std::vector<QuorumVoter> voters;
    std::vector<QuorumObserver> observers{};
};

// Where records go. Port: raft::Driver in a node.
class RecordLog {
public:
    virtual ~RecordLog() = default;
    virtual Offset end_offset() const = 0;
    // One batch, all of it or nothing. Called only between on_became_leader and on_resigned.
    virtual metadata::Provenance append(std::span<const Slice> records) = 0;
    virtual QuorumFacts quorum() const = 0;
};

enum class ScramMechanism : std::int8_t { sha_256 = 1, sha_512 = 2 };

struct ScramServerKeys {
    std::vector<std::byte> stored_key;
    std::vector<std::byte> server_key;
};

// What a server keeps of a salted password (RFC 5802). A port: hash functions belong to security/.
class PasswordKeys {
public:
    virtual ~PasswordKeys() = default;
    virtual ScramServerKeys derive(ScramMechanism mechanism, Bytes salted_password) const = 0;
};

// The settings decisions depend on; from the properties of this node.
struct ControllerSettings {
    BrokerId node_id;
    std::string cluster_id;
    std::int32_t num_partitions = 1;              // num.partitions
    std::int16_t default_replication_factor = 1;  // default.replication.factor
    bool delete_topics = true;                    // delete.topic.enable
    std::int32_t min_insync_replicas = 1;         // min.insync.replicas, for a new cluster
};

// Everything a decision may look at: const, so that deciding changes nothing.
struct DecisionContext {
    const metadata::ClusterState& state;  // with everything appended so far
    const ControllerSettings& settings;
    const metadata::ConfigSource& properties;
    IdSource& ids;
    const RecordLog& log;
    const PasswordKeys& passwords;
    Offset next_offset;  // where the first record of this decision will lie

    metadata::ConfigContext configs() const { return {state, properties, settings.node_id}; }
};

// Records must be applied in order. An atomic decision fits one batch; another may be cut anywhere.
template <class Response>
struct Decision {
    std::vector<Slice> records;
    bool atomic = true;
    Response response;

    // Texts that `response` views, kept alive with it.
    std::string_view keep(std::string text) { return texts.emplace_back(std::move(text)); }
    std::deque<std::string> texts;
};

}  // namespace gregor::controller
