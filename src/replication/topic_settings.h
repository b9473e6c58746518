// The settings in force for one topic: its own configs over those of the broker over Kafka's defaults.
#pragma once

#include <cstdint>
#include <string_view>

#include "metadata/config_source.h"
#include "metadata/image.h"
#include "storage/log_config.h"

namespace gregor::replication {

struct TopicSettings {
    storage::LogConfig log;
    std::int32_t min_insync_replicas = 1;
};

// Values that do not parse were refused before they became records; such a one counts as absent here.
TopicSettings topic_settings(const metadata::ClusterState& state, std::string_view topic, BrokerId broker,
                             const metadata::ConfigSource& broker_configs, storage::Durability durability);

}  // namespace gregor::replication
