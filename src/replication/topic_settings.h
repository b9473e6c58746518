// The settings in force for one topic: its own configs over those of the broker over Kafka's defaults.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/time.h"
#include "metadata/config_source.h"
#include "metadata/image.h"
#include "storage/log_config.h"

namespace gregor::replication {

struct TopicSettings {
    storage::LogConfig log;
    std::int32_t min_insync_replicas = 1;
};

// Of the log cleaner; they may change at any time.
struct CleanerSettings {
    bool enabled = true;
    std::int64_t dedupe_buffer_bytes = std::int64_t{128} << 20;
    double load_factor = 0.9;
    double bytes_per_second_max = 0;  // of reading
    Duration backoff = Duration::seconds(15);
};
CleanerSettings cleaner_settings(const metadata::ClusterState& state, BrokerId broker,
                                 const metadata::ConfigSource& broker_configs);

// Values that do not parse were refused before they became records; such a one counts as absent here.
TopicSettings topic_settings(const metadata::ClusterState& state, std::string_view topic, BrokerId broker,
                             const metadata::ConfigSource& broker_configs, storage::Durability durability);

}  // namespace gregor::replication
