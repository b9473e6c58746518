#include "sim/administration.h"

#include <fmt/format.h>

#include <array>
#include <deque>

#include "gen/api/allocate_producer_ids.h"
#include "gen/api/alter_client_quotas.h"
#include "gen/api/alter_user_scram_credentials.h"
#include "gen/api/broker_heartbeat.h"
#include "gen/api/broker_registration.h"
#include "gen/api/create_partitions.h"
#include "gen/api/create_topics.h"
#include "gen/api/delete_topics.h"
#include "gen/api/incremental_alter_configs.h"
#include "gen/api/update_features.h"
#include "metadata/features.h"
#include "protocol/writer.h"

namespace gregor::sim {
namespace {

constexpr std::int32_t k_broker = 1;
constexpr Uuid k_log_dir{0x7000, 0x1};

template <class Request>
metadata::ForwardedRequest forward(const Request& request) {
    protocol::Writer writer;
    request.encode(writer, Request::k_max_version);
    return {.api_key = static_cast<std::int16_t>(Request::k_api_key),
            .version = Request::k_max_version,
            .body = Slice::copy_of(writer.take().flatten()),
            .principal = "User:ANONYMOUS",
            .client_id = "admin",
            .host = "host"};
}

std::int64_t epoch_of_broker(const metadata::ClusterState& state) {
    const auto* broker = state.broker(BrokerId{k_broker});
    return broker == nullptr ? -1 : broker->epoch;
}

}  // namespace

std::string Administration::topic_name() { return fmt::format("topic-{}", prng_.below(8)); }

metadata::ForwardedRequest Administration::registration(Uuid incarnation) {
    msg::BrokerRegistrationRequest request;
    request.broker_id = k_broker;
    request.cluster_id = cluster_id_;
    request.incarnation_id = incarnation;
    auto& listener = request.listeners.emplace_back();
    listener.name = "PLAINTEXT";
    listener.host = "host";
    listener.port = 9'092;
    for (const auto& feature : metadata::supported_features()) {
        auto& range = request.features.emplace_back();
        range.name = feature.name;
        range.min_supported_version = feature.min;
        range.max_supported_version = feature.max;
    }
    request.log_dirs.push_back(k_log_dir);
    request.rack = std::nullopt;
    return forward(request);
}

metadata::ForwardedRequest Administration::unfencing(const metadata::ClusterState& state) {
    msg::BrokerHeartbeatRequest request;
    request.broker_id = k_broker;
    request.broker_epoch = epoch_of_broker(state);
    request.current_metadata_offset = request.broker_epoch;
    request.want_fence = false;
    return forward(request);
}

metadata::ForwardedRequest Administration::next(const metadata::ClusterState& state) {
    switch (prng_.below(10)) {
        case 0:
        case 1: return create_topics();
        case 2: return delete_topics();
        case 3: return create_partitions();
        case 4:
        case 5: return alter_configs();
        case 6: return alter_quotas();
        case 7: return alter_scram();
        case 8: return update_features(state);
        default: return allocate_producer_ids(state);
    }
}

// One name may stand twice, or be there already: then some are made and some are not.
metadata::ForwardedRequest Administration::create_topics() {
    std::deque<std::string> names;
    msg::CreateTopicsRequest request;
    request.timeout_ms = 1'000;
    for (std::uint64_t i = 0; i < 1 + prng_.below(3); ++i) {
        auto& topic = request.topics.emplace_back();
        topic.name = names.emplace_back(topic_name());
        topic.num_partitions = static_cast<std::int32_t>(prng_.below(4));  // 0: wrong
        topic.replication_factor = 1;
        if (!prng_.chance(1, 2)) continue;
        auto& config = topic.configs.emplace_back();
        config.name = "retention.ms";
        config.value = prng_.chance(1, 5) ? "wrong" : "5000";
    }
    return forward(request);
}

metadata::ForwardedRequest Administration::delete_topics() {
    const auto name = topic_name();
    msg::DeleteTopicsRequest request;
    request.timeout_ms = 1'000;
    request.topics.emplace_back().name = name;
    return forward(request);
}

metadata::ForwardedRequest Administration::create_partitions() {
    const auto name = topic_name();
    msg::CreatePartitionsRequest request;
    request.timeout_ms = 1'000;
    auto& topic = request.topics.emplace_back();
    topic.name = name;
    topic.count = static_cast<std::int32_t>(1 + prng_.below(6));
    topic.assignments = std::nullopt;
    return forward(request);
}

metadata::ForwardedRequest Administration::alter_configs() {
    struct Kind {
        metadata::ConfigResourceType type;
        std::string_view key;
    };
    using enum metadata::ConfigResourceType;
    static constexpr auto k_kinds = std::to_array<Kind>({{topic, "retention.ms"},
                                                         {broker, "log.retention.ms"},
                                                         {group, "consumer.session.timeout.ms"},
                                                         {client_metrics, "interval.ms"}});
    const auto& kind = k_kinds[prng_.below(k_kinds.size())];
    const auto name = kind.type == broker ? std::string(prng_.chance(1, 2) ? "" : "1") : topic_name();
    const auto value = std::to_string(45'000 + prng_.below(10'000));
    msg::IncrementalAlterConfigsRequest request;
    auto& resource = request.resources.emplace_back();
    resource.resource_type = static_cast<std::int8_t>(kind.type);
    resource.resource_name = name;
    auto& config = resource.configs.emplace_back();
    config.name = kind.key;
    config.config_operation = static_cast<std::int8_t>(prng_.below(2));  // set or delete
    config.value = value;
    return forward(request);
}

metadata::ForwardedRequest Administration::alter_quotas() {
    const auto name = topic_name();
    msg::AlterClientQuotasRequest request;
    auto& entry = request.entries.emplace_back();
    auto& part = entry.entity.emplace_back();
    part.entity_type = prng_.chance(1, 2) ? "user" : "client-id";
    part.entity_name = prng_.chance(1, 4) ? std::nullopt : std::optional<std::string_view>(name);
    auto& op = entry.ops.emplace_back();
    op.key = prng_.chance(1, 2) ? "producer_byte_rate" : "consumer_byte_rate";
    op.value = static_cast<double>(1 + prng_.below(1'000));
    op.remove = prng_.chance(1, 3);
    return forward(request);
}

metadata::ForwardedRequest Administration::alter_scram() {
    const auto name = topic_name();
    const std::string salt = "0123456789abcdef";
    const std::string password(32, 'p');
    msg::AlterUserScramCredentialsRequest request;
    if (prng_.chance(1, 3)) {
        auto& deletion = request.deletions.emplace_back();
        deletion.name = name;
        deletion.mechanism = 1;
    } else {
        auto& upsertion = request.upsertions.emplace_back();
        upsertion.name = name;
        upsertion.mechanism = 1;
        upsertion.iterations = static_cast<std::int32_t>(4'096 + prng_.below(100));
        upsertion.salt = as_bytes(salt);
        upsertion.salted_password = as_bytes(password);
    }
    return forward(request);
}

// Between off and on; metadata.version stays, because a way back from it may lose something.
metadata::ForwardedRequest Administration::update_features(const metadata::ClusterState& state) {
    static constexpr auto k_features =
        std::to_array<std::string_view>({"group.version", "share.version", "streams.version"});
    constexpr std::int8_t k_upgrade = 1;
    constexpr std::int8_t k_safe_downgrade = 2;
    const auto feature = k_features[prng_.below(k_features.size())];
    const bool is_on = state.feature_level(feature) > 0;
    msg::UpdateFeaturesRequest request;
    request.timeout_ms = 1'000;
    auto& update = request.feature_updates.emplace_back();
    update.feature = feature;
    update.max_version_level = is_on ? std::int16_t{0} : std::int16_t{1};
    update.upgrade_type = is_on ? k_safe_downgrade : k_upgrade;
    return forward(request);
}

metadata::ForwardedRequest Administration::allocate_producer_ids(const metadata::ClusterState& state) {
    msg::AllocateProducerIdsRequest request;
    request.broker_id = k_broker;
    request.broker_epoch = epoch_of_broker(state);
    return forward(request);
}

}  // namespace gregor::sim
