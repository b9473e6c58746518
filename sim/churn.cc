#include "sim/churn.h"

#include <fmt/format.h>

#include "records/builder.h"

namespace gregor::sim {
namespace {

constexpr std::string_view k_topic = "churn";

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
    if (code == ErrorCode::none || code == ErrorCode::topic_already_exists) {
        return next_in(Duration::millis(prng_.between(0, 200)), &Churn::produce);
    }
    if (is_retriable(code)) return next_in(Duration::millis(200), &Churn::create);
    stage_.world.fail(fmt::format("creating {} answered {}", k_topic, error_name(code)));
}

void Churn::produce() {
    constexpr std::int16_t k_by_name = 12;
    records::BatchBuilder builder({});
    builder.append({.timestamp = ports_.clock.wall_clock_ms(), .value = as_bytes("gone soon")});
    msg::ProduceRequest request;
    request.acks = -1;
    request.timeout_ms = 20'000;
    auto& topic = request.topic_data.emplace_back();
    topic.name = k_topic;
    topic.partition_data.emplace_back().records = protocol::Records(builder.build());
    caller_.call<msg::ProduceResponse>(
        request, any_version<msg::ProduceRequest>(msg::ProduceRequest::k_min_version, k_by_name),
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
        const auto pause = prng_.chance(1, 2) ? Duration() : Duration::millis(prng_.between(0, 8'000));
        return stage_.winding_down ? void() : next_in(pause, &Churn::create);
    }
    if (is_retriable(code)) return next_in(Duration::millis(200), &Churn::remove);
    stage_.world.fail(fmt::format("deleting {} answered {}", k_topic, error_name(code)));
}

}  // namespace gregor::sim
