// What the clients of one scenario share. They are simulated, so they may know things that real clients
// cannot: the ledgers that compare what each of them was told.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "io/ports.h"
#include "sim/group_ledger.h"
#include "sim/ledger.h"
#include "sim/world.h"

namespace gregor::sim {

struct StageTopic {
    std::string name;
    std::int32_t partitions = 1;
    Uuid id;  // once it is created
};

struct Stage {
    explicit Stage(World& its_world) : world(its_world), ledger(its_world), groups(its_world) {}

    const StageTopic* find_topic(Uuid id) const {
        for (const auto& topic : topics) {
            if (topic.id == id) return &topic;
        }
        return nullptr;
    }
    std::vector<TopicPartition> all_partitions() const {
        std::vector<TopicPartition> all;
        for (std::uint32_t topic = 0; topic < topics.size(); ++topic) {
            for (std::int32_t i = 0; i < topics[topic].partitions; ++i) all.push_back({topic, i});
        }
        return all;
    }

    World& world;
    Ledger ledger;
    GroupLedger groups;
    io::Endpoint broker;
    std::vector<StageTopic> topics;
    bool ready = false;         // the topics are there
    bool winding_down = false;  // producers send nothing new, members stay
    // How long an answer may take beyond the wait that its request asks for; longer than any fault lasts.
    Duration patience = Duration::seconds(30);
};

}  // namespace gregor::sim
