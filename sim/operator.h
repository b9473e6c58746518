// Somebody who changes configs of topics, groups, client metrics and brokers all the time, and looks whether
// each change that was acknowledged is still there, across crashes and power cuts too.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "gen/api/describe_configs.h"
#include "gen/api/incremental_alter_configs.h"
#include "sim/actor.h"

namespace gregor::sim {

class Operator final : public Actor {
public:
    using Actor::Actor;

private:
    // A config that nobody else changes and that takes any number in a range.
    struct Knob {
        std::int8_t type = 0;
        std::string resource;
        std::string name;
        std::int8_t source = 0;  // what DescribeConfigs says when it is set
        std::int64_t from = 0;
        std::int64_t to = 0;
    };
    using Value = std::optional<std::string>;  // none: not set

    void begin() override;
    void make_knobs();
    void look();
    void on_described(const msg::DescribeConfigsResponse& response);
    Value told(const msg::DescribeConfigsResponse::DescribeConfigsResult& result) const;
    void alter();
    void on_altered(const msg::IncrementalAlterConfigsResponse& response);
    void next_in(Duration pause, void (Operator::*step)());

    std::vector<Knob> knobs_;
    std::vector<std::set<Value>> possible_;  // of each knob: one value, or two while an answer is missing
    std::size_t knob_ = 0;                   // the one in hand
    Value wanted_;
};

}  // namespace gregor::sim
