// BrokerRegistration v0..v4, BrokerHeartbeat v0..v2, AllocateProducerIds v0.
#include "controller/brokers.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/format.h"
#include "controller/leadership.h"
#include "gen/meta/broker_registration_change.h"
#include "gen/meta/producer_ids.h"
#include "gen/meta/register_broker.h"
#include "metadata/features.h"
#include "metadata/record_codec.h"

namespace gregor::controller {
namespace {

using metadata::BrokerRegistration;

// ---------------------------------------------------------------- registration

Status check_features(const msg::BrokerRegistrationRequest& request, const metadata::ClusterState& state) {
    using Feature = msg::BrokerRegistrationRequest::Feature;
    const auto advertised = [&request](std::string_view name) -> const Feature* {
        const auto at = std::ranges::find(request.features, name, &Feature::name);
        return at == request.features.end() ? nullptr : &*at;
    };
    if (advertised(metadata::k_metadata_version) == nullptr)
        return fail(ErrorCode::invalid_registration, "the broker does not name its metadata.version range");
    for (const auto& feature : request.features) {
        if (feature.name == metadata::k_kraft_version) continue;  // its level lives with the quorum
        const auto level = state.feature_level(feature.name);
        if (level < feature.min_supported_version || level > feature.max_supported_version) {
            return fail(ErrorCode::unsupported_version,
                        fmt::format("the broker supports {} {} to {}, the cluster runs {}", feature.name,
                                    feature.min_supported_version, feature.max_supported_version, level));
        }
    }
    for (const auto& [name, level] : state.features) {
        if (advertised(name) == nullptr)
            return fail(ErrorCode::unsupported_version,
                        fmt::format("the broker does not support {} {}", name, level));
    }
    return {};
}

Status check_log_dirs(const msg::BrokerRegistrationRequest& request, const metadata::ClusterState& state) {
    if (!metadata::has_directory_assignment(state.metadata_version)) return {};
    if (request.log_dirs.empty())
        return fail(ErrorCode::invalid_registration, "the broker has no log directory");
    constexpr std::uint64_t k_reserved_ids = 100;
    auto sorted = request.log_dirs;
    std::ranges::sort(sorted);
    if (std::ranges::adjacent_find(sorted) != sorted.end())
        return fail(ErrorCode::invalid_registration, "the broker names a log directory twice");
    for (const auto directory : sorted) {
        if (directory.high() == 0 && directory.low() < k_reserved_ids)
            return fail(ErrorCode::invalid_registration,
                        fmt::format("log directory id {} is reserved", directory));
        for (const auto& [id, broker] : state.brokers) {
            if (id.value() != request.broker_id &&
                std::ranges::find(broker.log_dirs, directory) != broker.log_dirs.end())
                return fail(ErrorCode::invalid_registration,
                            fmt::format("log directory {} belongs to broker {}", directory, id));
        }
    }
    return {};
}

Status check(const msg::BrokerRegistrationRequest& request, const DecisionContext& context) {
    if (request.cluster_id != context.settings.cluster_id) {
        return fail(ErrorCode::inconsistent_cluster_id,
                    fmt::format("the broker is of cluster {}, this is {}", request.cluster_id,
                                context.settings.cluster_id));
    }
    if (request.is_migrating_zk_broker)
        return fail(ErrorCode::broker_id_not_registered,
                    "brokers that migrate from ZooKeeper are not supported");
    TRY_STATUS(check_features(request, context.state));
    return check_log_dirs(request, context.state);
}

Slice registration_record(const msg::BrokerRegistrationRequest& request, const BrokerRegistration& broker,
                          std::int16_t metadata_version) {
    const auto version = metadata::register_broker_version(metadata_version);
    msg::RegisterBrokerRecord record;
    record.broker_id = request.broker_id;
    record.incarnation_id = request.incarnation_id;
    record.broker_epoch = broker.epoch;
    for (const auto& listener : request.listeners) {
        auto& endpoint = record.end_points.emplace_back();
        endpoint.name = listener.name;
        endpoint.host = listener.host;
        endpoint.port = listener.port;
        endpoint.security_protocol = listener.security_protocol;
    }
    for (const auto& feature : request.features) {
        auto& range = record.features.emplace_back();
        range.name = feature.name;
        range.min_supported_version = feature.min_supported_version;
        range.max_supported_version = feature.max_supported_version;
    }
    record.rack = request.rack;
    record.fenced = broker.fenced;
    record.in_controlled_shutdown = broker.in_controlled_shutdown;
    if (version >= 3) record.log_dirs = request.log_dirs;
    return metadata::encode_record(record, version);
}

// ---------------------------------------------------------------- heartbeat

enum class Wanted : std::uint8_t { fenced, unfenced, controlled_shutdown, shutdown_now };

Wanted next_state(const BrokerRegistration& broker, const msg::BrokerHeartbeatRequest& request,
                  const metadata::ClusterState& state) {
    if (broker.fenced) {
        if (request.want_shut_down) return Wanted::shutdown_now;
        const bool caught_up = request.current_metadata_offset >= broker.epoch;
        return !request.want_fence && caught_up ? Wanted::unfenced : Wanted::fenced;
    }
    if (request.want_fence) return request.want_shut_down ? Wanted::shutdown_now : Wanted::fenced;
    if (!request.want_shut_down && !broker.in_controlled_shutdown) return Wanted::unfenced;
    return leads_any_partition(state, broker.id) ? Wanted::controlled_shutdown : Wanted::shutdown_now;
}

class Heartbeat {
public:
    Heartbeat(const msg::BrokerHeartbeatRequest& request, const BrokerRegistration& broker,
              const DecisionContext& context)
        : request_(request), broker_(broker), context_(context) {}

    Decision<msg::BrokerHeartbeatResponse> decide() {
        const auto wanted = next_state(broker_, request_, context_.state);
        transition(wanted);
        note_cordoned_directories();
        auto& response = decision_.response;
        // A registration's epoch is its offset, or a little before it.
        response.is_caught_up = request_.current_metadata_offset >= broker_.epoch;
        response.is_fenced = wanted == Wanted::fenced || wanted == Wanted::shutdown_now;
        response.should_shut_down = wanted == Wanted::shutdown_now;
        decision_.atomic = false;
        return std::move(decision_);
    }

private:
    void transition(Wanted wanted) {
        switch (wanted) {
            case Wanted::fenced:
            case Wanted::shutdown_now:
                if (broker_.fenced) return;
                add(broker_left(context_, broker_.id, false));
                return change(0, [](auto& record) { record.fenced = 1; });
            case Wanted::unfenced:
                if (!broker_.fenced) return;
                change(0, [](auto& record) { record.fenced = -1; });
                return add(broker_joined(context_, broker_.id));
            case Wanted::controlled_shutdown:
                if (broker_.in_controlled_shutdown) return;
                change(1, [](auto& record) { record.in_controlled_shutdown = 1; });
                return add(broker_left(context_, broker_.id, false));
        }
    }

    void note_cordoned_directories() {
        if (!request_.cordoned_log_dirs || !metadata::has_cordoned_log_dirs(context_.state.metadata_version))
            return;
        if (broker_.cordoned_log_dirs == request_.cordoned_log_dirs) return;
        change(3, [this](auto& record) { record.cordoned_log_dirs = request_.cordoned_log_dirs; });
    }

    template <class Fill>
    void change(std::int16_t version, Fill fill) {
        msg::BrokerRegistrationChangeRecord record;
        record.broker_id = broker_.id.value();
        record.broker_epoch = broker_.epoch;
        fill(record);
        decision_.records.push_back(metadata::encode_record(record, version));
    }
    void add(std::vector<Slice> records) {
        std::ranges::move(records, std::back_inserter(decision_.records));
    }

    const msg::BrokerHeartbeatRequest& request_;
    const BrokerRegistration& broker_;
    const DecisionContext& context_;
    Decision<msg::BrokerHeartbeatResponse> decision_;
};

bool is_current(const metadata::ClusterState& state, std::int32_t id, std::int64_t epoch) {
    const auto* broker = state.broker(BrokerId{id});
    return broker != nullptr && broker->epoch == epoch;
}

}  // namespace

// The only broker that registers is this node's own. Its former life is over, so there is no session to wait
// for.
Decision<msg::BrokerRegistrationResponse> decide(const msg::BrokerRegistrationRequest& request,
                                                 std::int16_t version, const DecisionContext& context) {
    Decision<msg::BrokerRegistrationResponse> decision;
    if (const auto checked = check(request, context); !checked) {
        decision.response.error_code = checked.error().code;
        return decision;
    }
    const BrokerId id{request.broker_id};
    const auto* before = context.state.broker(id);
    BrokerRegistration broker;
    broker.epoch = context.next_offset.value();
    if (before != nullptr && before->incarnation_id == request.incarnation_id) {  // an amendment
        broker = *before;
    } else if (before != nullptr) {
        const bool clean = version >= 3 && request.previous_broker_epoch == before->epoch;
        decision.records = broker_left(context, id, context.state.has_elr() && !clean);
    }
    decision.records.push_back(registration_record(request, broker, context.state.metadata_version));
    decision.response.broker_epoch = broker.epoch;
    decision.atomic = false;
    return decision;
}

Decision<msg::BrokerHeartbeatResponse> decide(const msg::BrokerHeartbeatRequest& request, std::int16_t,
                                              const DecisionContext& context) {
    if (!is_current(context.state, request.broker_id, request.broker_epoch)) {
        Decision<msg::BrokerHeartbeatResponse> decision;
        decision.response.error_code = ErrorCode::stale_broker_epoch;
        return decision;
    }
    return Heartbeat(request, *context.state.broker(BrokerId{request.broker_id}), context).decide();
}

Decision<msg::AllocateProducerIdsResponse> decide(const msg::AllocateProducerIdsRequest& request,
                                                  std::int16_t, const DecisionContext& context) {
    constexpr std::int32_t k_block_ids = 1'000;
    Decision<msg::AllocateProducerIdsResponse> decision;
    const auto first = context.state.next_producer_id;
    if (!is_current(context.state, request.broker_id, request.broker_epoch)) {
        decision.response.error_code = ErrorCode::stale_broker_epoch;
        return decision;
    }
    if (first > std::numeric_limits<std::int64_t>::max() - k_block_ids) {
        decision.response.error_code = ErrorCode::unknown_server_error;  // all 2^63 are given out
        return decision;
    }
    msg::ProducerIdsRecord record;
    record.broker_id = request.broker_id;
    record.broker_epoch = request.broker_epoch;
    record.next_producer_id = first + k_block_ids;
    decision.records.push_back(metadata::encode_record(record, 0));
    decision.response.producer_id_start = first;
    decision.response.producer_id_len = k_block_ids;
    return decision;
}

}  // namespace gregor::controller
