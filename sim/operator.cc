#include "sim/operator.h"

#include <fmt/format.h>

namespace gregor::sim {
namespace {

constexpr std::int8_t k_topic = 2;
constexpr std::int8_t k_broker = 4;
constexpr std::int8_t k_client_metrics = 16;
constexpr std::int8_t k_group = 32;
constexpr std::int8_t k_set = 0;
constexpr std::int8_t k_delete = 1;

}  // namespace

void Operator::make_knobs() {
    for (const auto& topic : stage_.topics) {
        knobs_.push_back({k_topic, topic.name, "delete.retention.ms", 1, 60'000, 90'000'000});
        knobs_.push_back({k_topic, topic.name, "max.compaction.lag.ms", 1, 1'000'000, 90'000'000});
    }
    knobs_.push_back({k_broker, "", "log.cleaner.delete.retention.ms", 3, 60'000, 90'000'000});
    knobs_.push_back({k_client_metrics, "everything", "interval.ms", 7, 100, 3'600'000});
    knobs_.push_back({k_group, "some", "consumer.heartbeat.interval.ms", 8, 1'000, 5'000});
    possible_.assign(knobs_.size(), std::set<Value>{Value{}});
}

void Operator::begin() {
    if (knobs_.empty()) make_knobs();
    next_in(Duration::millis(prng_.between(0, 1'000)), &Operator::look);
}

void Operator::next_in(Duration pause, void (Operator::*step)()) {
    after(pause, [this, step, connection = connections()] {
        if (connection == connections() && caller_.is_connected()) (this->*step)();
    });
}

void Operator::look() {
    knob_ = prng_.below(knobs_.size());
    const auto& knob = knobs_[knob_];
    msg::DescribeConfigsRequest request;
    auto& resource = request.resources.emplace_back();
    resource.resource_type = knob.type;
    resource.resource_name = knob.resource;
    resource.configuration_keys.emplace().push_back(knob.name);
    caller_.call<msg::DescribeConfigsResponse>(
        request, any_version<msg::DescribeConfigsRequest>(), stage_.patience,
        [this](const msg::DescribeConfigsResponse& response) { on_described(response); });
}

Operator::Value Operator::told(const msg::DescribeConfigsResponse::DescribeConfigsResult& result) const {
    for (const auto& config : result.configs) {
        if (config.name == knobs_[knob_].name && config.config_source == knobs_[knob_].source)
            return std::string(config.value.value_or("null"));
    }
    return std::nullopt;
}

void Operator::on_described(const msg::DescribeConfigsResponse& response) {
    const auto& knob = knobs_[knob_];
    if (response.results.size() != 1 || response.results[0].error_code != ErrorCode::none)
        return stage_.world.fail(fmt::format("{} of {} is not described", knob.name, knob.resource));
    const auto now = told(response.results[0]);
    auto& possible = possible_[knob_];
    if (!possible.contains(now)) {
        return stage_.world.fail(fmt::format("{} of '{}' is {}, which is not what was set last", knob.name,
                                             knob.resource, now.value_or("not set")));
    }
    possible = {now};
    if (!stage_.winding_down) alter();
}

void Operator::alter() {
    const auto& knob = knobs_[knob_];
    wanted_ = prng_.chance(1, 4) ? Value{} : std::to_string(prng_.between(knob.from, knob.to));
    possible_[knob_].insert(wanted_);
    msg::IncrementalAlterConfigsRequest request;
    auto& resource = request.resources.emplace_back();
    resource.resource_type = knob.type;
    resource.resource_name = knob.resource;
    auto& config = resource.configs.emplace_back();
    config.name = knob.name;
    config.config_operation = wanted_ ? k_set : k_delete;
    config.value = wanted_ ? std::optional<std::string_view>(*wanted_) : std::nullopt;
    caller_.call<msg::IncrementalAlterConfigsResponse>(
        request, any_version<msg::IncrementalAlterConfigsRequest>(), stage_.patience,
        [this](const msg::IncrementalAlterConfigsResponse& response) { on_altered(response); });
}

void Operator::on_altered(const msg::IncrementalAlterConfigsResponse& response) {
    if (response.responses.size() != 1)
        return stage_.world.fail("IncrementalAlterConfigs does not answer for its resource");
    const auto code = response.responses[0].error_code;
    if (code == ErrorCode::none) {
        possible_[knob_] = {wanted_};
    } else if (!is_retriable(code)) {
        return stage_.world.fail(fmt::format("setting {} answered {}", knobs_[knob_].name, error_name(code)));
    }
    // Every shard has the image of what is answered within this time.
    next_in(Duration::seconds(1) + Duration::millis(prng_.between(0, 2'000)), &Operator::look);
}

}  // namespace gregor::sim
