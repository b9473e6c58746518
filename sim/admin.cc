#include "sim/admin.h"

#include <fmt/format.h>

namespace gregor::sim {

void Admin::begin() {
    if (!stage_.ready) create();
}

void Admin::create() {
    const auto segment_ms = std::to_string(2'000 + prng_.below(20'000));
    msg::CreateTopicsRequest request;
    request.timeout_ms = 10'000;
    for (const auto& topic : stage_.topics) {
        auto& wanted = request.topics.emplace_back();
        wanted.name = topic.name;
        wanted.num_partitions = topic.partitions;
        wanted.replication_factor = 1;
        auto& config = wanted.configs.emplace_back();
        config.name = "segment.ms";
        config.value = segment_ms;
    }
    caller_.call<msg::CreateTopicsResponse>(
        request, any_version<msg::CreateTopicsRequest>(),
        Duration::millis(request.timeout_ms) + stage_.patience,
        [this](const msg::CreateTopicsResponse& response) { on_created(response); });
}

void Admin::on_created(const msg::CreateTopicsResponse& response) {
    if (response.topics.size() != stage_.topics.size()) {
        return stage_.world.fail("CreateTopics does not answer for each topic");
    }
    for (const auto& topic : response.topics) {
        if (topic.error_code == ErrorCode::none || topic.error_code == ErrorCode::topic_already_exists)
            continue;
        if (is_retriable(topic.error_code)) return retry();
        return stage_.world.fail(
            fmt::format("creating {} answered {}", topic.name, error_name(topic.error_code)));
    }
    look_up();
}

void Admin::retry() {
    after(Duration::millis(200), [this] {
        if (caller_.is_connected()) begin();
    });
}

void Admin::look_up() {
    constexpr std::int16_t k_with_ids = 10;
    msg::MetadataRequest request;
    request.allow_auto_topic_creation = false;
    for (const auto& topic : stage_.topics) request.topics->emplace_back().name = topic.name;
    caller_.call<msg::MetadataResponse>(
        request, any_version<msg::MetadataRequest>(k_with_ids), stage_.patience,
        [this](const msg::MetadataResponse& response) { on_metadata(response); });
}

void Admin::on_metadata(const msg::MetadataResponse& response) {
    for (const auto& topic : response.topics) {
        const auto index = topic_index(topic.name.value_or(""), {}, false);
        if (!index) return stage_.world.fail("Metadata answers for a topic that nobody asked for");
        auto& known = stage_.topics[*index];
        if (topic.error_code != ErrorCode::none) return retry();
        if (static_cast<std::int32_t>(topic.partitions.size()) != known.partitions) {
            return stage_.world.fail(
                fmt::format("{} has {} partitions", known.name, topic.partitions.size()));
        }
        known.id = topic.topic_id;
    }
    stage_.ready = true;
}

}  // namespace gregor::sim
