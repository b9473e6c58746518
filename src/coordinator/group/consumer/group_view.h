// What a decision on a consumer group sees beside the group: the time, the settings in force for it, and the
// topics of the cluster.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "coordinator/group/consumer/assignor.h"
#include "coordinator/group/consumer/consumer_group.h"
#include "coordinator/group/types.h"
#include "metadata/image.h"

namespace gregor::coordinator {

// Of one group: its own configs where it has them (clamped to the broker's bounds), else the broker's.
struct ConsumerTimeouts {
    std::int32_t session_timeout_ms = 0;
    std::int32_t heartbeat_interval_ms = 0;
    std::int32_t assignment_interval_ms = 0;
};

ConsumerTimeouts consumer_timeouts(const GroupConfig& config, const metadata::Image& image,
                                   const std::string& group_id);

// The hash of each topic that groups subscribe to, until the topic changes. Partition state.
class TopicHashes {
public:
    std::int64_t of(const metadata::Topic& topic, const metadata::Image& image);
    void forget(const std::string& topic) { hashes_.erase(topic); }

private:
    std::map<std::string, std::int64_t> hashes_;
};

struct GroupView {
    const GroupConfig& config;
    ConsumerTimeouts timeouts;
    Ref<const metadata::Image> image;
    TopicHashes& hashes;
    std::int64_t now_ms = 0;
    std::int64_t newest_topics_version = 0;  // of the image that brought the newest topics

    std::int64_t hash_of(const SubscribedTopics& topics) const;
    std::int64_t image_version() const { return image->provenance.last_contained_offset.value(); }
    // The topics that the member subscribes to, as far as they exist.
    std::set<Uuid> topics_of(const MemberMetadata& member, const ConsumerGroup& group) const;
};

}  // namespace gregor::coordinator
