// Topics that the broker makes because somebody asked for them: Metadata with auto-creation, and
// FindCoordinator for the coordinators' own topics. Asks the controller with an encoded CreateTopics; a name
// in flight is asked for once. One per shard.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/completion.h"
#include "base/ids.h"
#include "metadata/controller_channel.h"

namespace gregor::metadata {

// A topic's shape when it is created without being asked how.
struct AutoTopic {
    std::string name;
    std::int32_t partitions = -1;  // -1: the controller's default
    std::int16_t replication_factor = -1;
    std::vector<std::pair<std::string, std::string>> configs;
};

struct AutoTopicSettings {
    std::int32_t num_partitions = -1;  // num.partitions, where the properties give it
    std::int16_t default_replication_factor = -1;
    std::int32_t offsets_partitions = 50;  // offsets.topic.num.partitions
    std::int16_t offsets_replication_factor = 3;
    std::int32_t offsets_segment_bytes = 104'857'600;
    std::int32_t transaction_partitions = 50;  // transaction.state.log.num.partitions
    std::int16_t transaction_replication_factor = 3;
    std::int32_t transaction_segment_bytes = 104'857'600;
    std::int32_t transaction_min_isr = 2;
    std::int32_t share_partitions = 50;  // share.coordinator.state.topic.num.partitions
    std::int16_t share_replication_factor = 3;
    std::int32_t share_segment_bytes = 104'857'600;
    std::int32_t share_min_isr = 2;
};

// Whose wish it is: the client's own principal for Metadata, the broker's for the coordinators' topics.
struct Requester {
    std::string principal;
    std::string client_id;
    std::string host;
};

class AutoTopicCreation {
public:
    AutoTopicCreation(ControllerChannel& channel, const AutoTopicSettings& settings)
        : channel_(channel), settings_(settings) {}

    // How a topic of this name is made: the three internal ones have configs of their own.
    AutoTopic shape_of(std::string_view name) const;

    // Sends off what is not already on its way. Returns at once: clients are told to ask again. A refusal is
    // logged.
    void create(std::span<const std::string> names, const Requester& requester);

    bool is_in_flight(std::string_view name) const { return in_flight_.contains(name); }

private:
    static constexpr std::size_t k_in_flight_max = 10'000;  // names; beyond, clients ask again

    void on_answer(const std::vector<std::string>& names, const Result<BufferChain>& answer);

    ControllerChannel& channel_;
    const AutoTopicSettings settings_;
    std::set<std::string, std::less<>> in_flight_;
};

}  // namespace gregor::metadata
