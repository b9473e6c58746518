#include "sim/churn.h"

#include <fmt/format.h>

#include "records/builder.h"

namespace gregor::sim {
namespace {

constexpr std::string_view k_topic = "churn";
constexpr std::int16_t k_by_id_from = 13;  // Produce and Fetch
constexpr std::size_t k_gone_max = 4;
// The controller answers a deletion once it is committed, as in Kafka; whoever serves partitions hears of it
// after.
constexpr auto k_metadata_travels = Duration::millis(100);

Slice one_record(std::int64_t now_ms) {
    records::BatchBuilder builder({});
    builder.append({.timestamp = now_ms, .value = as_bytes("gone soon")});
    return builder.build();
}

}  // namespace

void Churn::begin() {
    is_fresh_ = false;  // what was under way may have been done
    create();
}

void Churn::next_in(Duration pause, void (Churn::*step)()) {
    after(pause, [this, step, connection = connections()] {
        if (connection == connections() && caller_.is_connected()) (this->*step)();
    });
}

void Churn::create() {
    msg::CreateTopicsRequest request;
    request.timeout_ms = 10'000;
    auto& topic = request.topics.emplace_back();
    topic.name = k_topic;
    topic.num_partitions = 1;
    topic.replication_factor = 1;
    caller_.call<msg::CreateTopicsResponse>(
        request, any_version<msg::CreateTopicsRequest>(),
        Duration::millis(request.timeout_ms) + stage_.patience,
        [this](const msg::CreateTopicsResponse& response) { on_created(response); });
}

void Churn::on_created(const msg::CreateTopicsResponse& response) {
    if (response.topics.size() != 1) return stage_.world.fail("CreateTopics does not answer for its topic");
    const auto code = response.topics[0].error_code;
    is_fresh_ = code == ErrorCode::none;
    id_ = is_fresh_ ? response.topics[0].topic_id : Uuid{};
    if (code == ErrorCode::none || code == ErrorCode::topic_already_exists) {
        return next_in(Duration::millis(prng_.between(0, 200)), &Churn::produce);
    }
    if (is_retriable(code)) return next_in(Duration::millis(200), &Churn::create);
    stage_.world.fail(fmt::format("creating {} answered {}", k_topic, error_name(code)));
}

void Churn::produce() {
    msg::ProduceRequest request;
    request.acks = -1;
    request.timeout_ms = 20'000;
    auto& topic = request.topic_data.emplace_back();
    topic.name = k_topic;
    topic.partition_data.emplace_back().records = protocol::Records(one_record(ports_.clock.wall_clock_ms()));
    caller_.call<msg::ProduceResponse>(
        request, any_version<msg::ProduceRequest>(msg::ProduceRequest::k_min_version, k_by_id_from - 1),
        Duration::millis(request.timeout_ms) + stage_.patience,
        [this](const msg::ProduceResponse& response) { on_produced(response); });
}

void Churn::on_produced(const msg::ProduceResponse& response) {
    if (response.responses.size() != 1 || response.responses[0].partition_responses.size() != 1) {
        return stage_.world.fail("Produce does not answer for its partition");
    }
    const auto& partition = response.responses[0].partition_responses[0];
    const bool was_fresh = std::exchange(is_fresh_, false);
    if (partition.error_code == ErrorCode::none) {
        if (was_fresh && partition.base_offset != 0) {
            stage_.world.fail(fmt::format("a new topic begins at offset {}", partition.base_offset));
        }
        return next_in(Duration::millis(prng_.between(0, 3'000)), &Churn::remove);
    }
    // It may have been written all the same, so the next first offset proves nothing.
    if (is_retriable(partition.error_code)) return next_in(Duration::millis(100), &Churn::produce);
    stage_.world.fail(fmt::format("producing to {} answered {}", k_topic, error_name(partition.error_code)));
}

void Churn::remove() {
    constexpr std::int16_t k_topics_from = 6;
    const auto version = any_version<msg::DeleteTopicsRequest>();
    msg::DeleteTopicsRequest request;
    request.timeout_ms = 10'000;
    if (version < k_topics_from) {
        request.topic_names.push_back(k_topic);
    } else {
        request.topics.emplace_back().name = k_topic;
    }
    caller_.call<msg::DeleteTopicsResponse>(
        request, version, Duration::millis(request.timeout_ms) + stage_.patience,
        [this](const msg::DeleteTopicsResponse& response) { on_removed(response); });
}

void Churn::on_removed(const msg::DeleteTopicsResponse& response) {
    if (response.responses.size() != 1)
        return stage_.world.fail("DeleteTopics does not answer for its topic");
    const auto code = response.responses[0].error_code;
    if (code == ErrorCode::none) {
        if (!id_.is_zero()) gone_.push_back(std::exchange(id_, Uuid{}));
        if (gone_.size() > k_gone_max) gone_.erase(gone_.begin());
        return next_in(k_metadata_travels, &Churn::ask_for_gone);
    }
    if (is_retriable(code)) return next_in(Duration::millis(200), &Churn::remove);
    stage_.world.fail(fmt::format("deleting {} answered {}", k_topic, error_name(code)));
}

// ---------------------------------------------------------------- what is gone

void Churn::ask_for_gone() {
    if (gone_.empty()) return create_later();
    const auto id = gone_[prng_.below(gone_.size())];
    switch (prng_.below(3)) {
        case 0: return produce_by_id(id);
        case 1: return fetch_by_id(id);
        default: return describe_by_id(id);
    }
}

void Churn::produce_by_id(Uuid id) {
    msg::ProduceRequest request;
    request.acks = -1;
    request.timeout_ms = 1'000;
    auto& topic = request.topic_data.emplace_back();
    topic.topic_id = id;
    topic.partition_data.emplace_back().records = protocol::Records(one_record(ports_.clock.wall_clock_ms()));
    caller_.call<msg::ProduceResponse>(request, any_version<msg::ProduceRequest>(k_by_id_from),
                                       Duration::millis(request.timeout_ms) + stage_.patience,
                                       [this](const msg::ProduceResponse& response) {
                                           for (const auto& each : response.responses)
                                               for (const auto& partition : each.partition_responses)
                                                   on_gone("Produce", partition.error_code);
                                           create_later();
                                       });
}

void Churn::fetch_by_id(Uuid id) {
    msg::FetchRequest request;
    auto& topic = request.topics.emplace_back();
    topic.topic_id = id;
    topic.partitions.emplace_back().partition_max_bytes = 1'000;
    caller_.call<msg::FetchResponse>(request, any_version<msg::FetchRequest>(k_by_id_from), stage_.patience,
                                     [this](const msg::FetchResponse& response) {
                                         for (const auto& each : response.responses)
                                             for (const auto& partition : each.partitions)
                                                 on_gone("Fetch", partition.error_code);
                                         create_later();
                                     });
}

void Churn::describe_by_id(Uuid id) {
    constexpr std::int16_t k_without_name_from = 12;
    msg::MetadataRequest request;
    auto& topic = request.topics.emplace().emplace_back();
    topic.topic_id = id;
    topic.name = std::nullopt;
    caller_.call<msg::MetadataResponse>(request, any_version<msg::MetadataRequest>(k_without_name_from),
                                        stage_.patience, [this](const msg::MetadataResponse& response) {
                                            for (const auto& each : response.topics)
                                                on_gone("Metadata", each.error_code);
                                            create_later();
                                        });
}

void Churn::on_gone(std::string_view what, ErrorCode code) {
    if (code == ErrorCode::unknown_topic_id) return;
    stage_.world.fail(
        fmt::format("{} by the id of a topic that was deleted answered {}", what, error_name(code)));
}

void Churn::create_later() {
    const auto pause = prng_.chance(1, 2) ? Duration() : Duration::millis(prng_.between(0, 8'000));
    if (!stage_.winding_down) next_in(pause, &Churn::create);
}

}  // namespace gregor::sim
