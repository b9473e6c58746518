#include "coordinator/group/consumer/group_view.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "coordinator/group/consumer/metadata_hash.h"

namespace gregor::coordinator {
namespace {

using metadata::ConfigResourceType;

std::optional<std::int32_t> number(const std::string* text) {
    if (text == nullptr) return std::nullopt;
    std::int32_t value = 0;
    const auto* end = text->data() + text->size();
    const auto [at, error] = std::from_chars(text->data(), end, value);
    if (error != std::errc() || at != end) return std::nullopt;
    return value;
}

struct Bounds {
    std::int32_t min = 0;
    std::int32_t max = 0;
};

// Values are checked when they are set; the broker's bounds may have changed since.
std::int32_t group_number(const metadata::Image& image, const std::string& group_id, std::string_view key,
                          Bounds bounds, std::int32_t otherwise) {
    const auto own = number(image.config(ConfigResourceType::group, group_id, key));
    return own ? std::clamp(*own, bounds.min, std::max(bounds.min, bounds.max)) : otherwise;
}

// The one that can change while a broker runs.
std::int32_t broker_assignment_interval(const GroupConfig& config, const metadata::Image& image) {
    constexpr std::string_view k_key = "group.consumer.assignment.interval.ms";
    for (const auto& broker : {config.node_id, std::string()})
        if (const auto dynamic = number(image.config(ConfigResourceType::broker, broker, k_key)))
            return *dynamic;
    return config.consumer.assignment_interval_ms;
}

}  // namespace

ConsumerTimeouts consumer_timeouts(const GroupConfig& config, const metadata::Image& image,
                                   const std::string& group_id) {
    const auto& broker = config.consumer;
    return {.session_timeout_ms =
                group_number(image, group_id, "consumer.session.timeout.ms",
                             {.min = broker.min_session_timeout_ms, .max = broker.max_session_timeout_ms},
                             broker.session_timeout_ms),
            .heartbeat_interval_ms = group_number(
                image, group_id, "consumer.heartbeat.interval.ms",
                {.min = broker.min_heartbeat_interval_ms, .max = broker.max_heartbeat_interval_ms},
                broker.heartbeat_interval_ms),
            .assignment_interval_ms = group_number(
                image, group_id, "consumer.assignment.interval.ms",
                {.min = broker.min_assignment_interval_ms, .max = broker.max_assignment_interval_ms},
                broker_assignment_interval(config, image))};
}

std::int64_t TopicHashes::of(const metadata::Topic& topic, const metadata::Image& image) {
    if (const auto known = hashes_.find(topic.name); known != hashes_.end()) return known->second;
    std::vector<std::vector<std::string>> racks;
    for (const auto& [index, partition] : topic.partitions) {
        auto& of_partition = racks.emplace_back();
        for (const auto replica : partition.replicas)
            if (const auto* broker = image.broker(replica); broker != nullptr && broker->rack)
                of_partition.push_back(*broker->rack);
        std::ranges::sort(of_partition);
    }
    const auto partitions = static_cast<std::int32_t>(topic.partitions.size());
    return hashes_[topic.name] = topic_hash(topic.id, topic.name, partitions, racks);
}

std::int64_t GroupView::hash_of(const SubscribedTopics& topics) const {
    std::map<std::string, std::int64_t> known;
    for (const auto& [name, count] : topics)
        if (const auto* topic = image->topic(name); topic != nullptr) known[name] = hashes.of(*topic, *image);
    return group_hash(known);
}

std::set<Uuid> GroupView::topics_of(const MemberMetadata& member, const ConsumerGroup& group) const {
    std::set<Uuid> ids;
    const auto add = [&](const std::string& name) {
        if (const auto* topic = image->topic(name); topic != nullptr) ids.insert(topic->id);
    };
    for (const auto& name : member.subscribed_topics) add(name);
    if (!member.has_regex()) return ids;
    const auto resolved = group.resolved_regexes().find(*member.subscribed_regex);
    if (resolved == group.resolved_regexes().end()) return ids;
    for (const auto& name : resolved->second.topics) add(name);
    return ids;
}

}  // namespace gregor::coordinator
