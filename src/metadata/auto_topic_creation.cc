#include "metadata/auto_topic_creation.h"

#include "base/format.h"
#include "base/log.h"
#include "gen/api/create_topics.h"
#include "metadata/record_codec.h"

namespace gregor::metadata {
namespace {

constexpr std::int16_t k_create_topics_version = 7;
constexpr std::int32_t k_timeout_ms = 30'000;

}  // namespace

AutoTopic AutoTopicCreation::shape_of(std::string_view name) const {
    const auto& s = settings_;
    if (name == "__consumer_offsets") {
        return {.name = std::string(name),
                .partitions = s.offsets_partitions,
                .replication_factor = s.offsets_replication_factor,
                .configs = {{"cleanup.policy", "compact"},
                            {"compression.type", "producer"},
                            {"segment.bytes", std::to_string(s.offsets_segment_bytes)}}};
    }
    if (name == "__transaction_state") {
        return {.name = std::string(name),
                .partitions = s.transaction_partitions,
                .replication_factor = s.transaction_replication_factor,
                .configs = {{"cleanup.policy", "compact"},
                            {"compression.type", "uncompressed"},
                            {"min.insync.replicas", std::to_string(s.transaction_min_isr)},
                            {"segment.bytes", std::to_string(s.transaction_segment_bytes)},
                            {"unclean.leader.election.enable", "false"}}};
    }
    if (name == "__share_group_state") {
        return {.name = std::string(name),
                .partitions = s.share_partitions,
                .replication_factor = s.share_replication_factor,
                .configs = {{"cleanup.policy", "delete"},
                            {"compression.type", "producer"},
                            {"min.insync.replicas", std::to_string(s.share_min_isr)},
                            {"retention.ms", "-1"},
                            {"segment.bytes", std::to_string(s.share_segment_bytes)}}};
    }
    return {.name = std::string(name),
            .partitions = s.num_partitions,
            .replication_factor = s.default_replication_factor,
            .configs = {}};
}

void AutoTopicCreation::create(std::span<const std::string> names, const Requester& requester) {
    std::vector<std::string> wanted;
    for (const auto& name : names) {
        if (in_flight_.size() < k_in_flight_max && in_flight_.insert(name).second) wanted.push_back(name);
    }
    if (wanted.empty()) return;
    std::vector<AutoTopic> shapes;
    for (const auto& name : wanted) shapes.push_back(shape_of(name));
    msg::CreateTopicsRequest request;
    request.timeout_ms = k_timeout_ms;
    for (const auto& shape : shapes) {
        auto& topic = request.topics.emplace_back();
        topic.name = shape.name;
        topic.num_partitions = shape.partitions;
        topic.replication_factor = shape.replication_factor;
        for (const auto& [key, value] : shape.configs) {
            auto& config = topic.configs.emplace_back();
            config.name = key;
            config.value = value;
        }
    }
    protocol::Writer writer;
    request.encode(writer, k_create_topics_version);
    ASSERT_MSG(!writer.failed(), writer.why());
    ForwardedRequest forwarded{.api_key = request.k_api_key,
                               .version = k_create_topics_version,
                               .body = to_slice(writer.take()),
                               .principal = requester.principal,
                               .client_id = requester.client_id,
                               .host = requester.host};
    channel_.request(std::move(forwarded), [this, wanted = std::move(wanted)](Result<BufferChain> answer) {
        on_answer(wanted, answer);
    });
}

void AutoTopicCreation::on_answer(const std::vector<std::string>& names, const Result<BufferChain>& answer) {
    for (const auto& name : names) in_flight_.erase(name);
    if (!answer) {
        const auto& why = answer.error().detail;
        LOG_WARN("topic_auto_creation_failed", names.front(), why);
        return;
    }
    const auto body = to_slice(*answer);
    protocol::Reader reader(body);
    msg::CreateTopicsResponse response;
    response.decode(reader, k_create_topics_version);
    for (const auto& topic : response.topics) {
        if (topic.error_code == ErrorCode::none || topic.error_code == ErrorCode::topic_already_exists)
            continue;
        LOG_WARN("topic_auto_creation_refused", topic.name, topic.error_code,
                 topic.error_message.value_or(""));
    }
}

}  // namespace gregor::metadata
