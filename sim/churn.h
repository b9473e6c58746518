// Somebody who creates a topic, writes to it, deletes it and creates it again under the same name, all the
// time.
#pragma once

#include "gen/api/create_topics.h"
#include "gen/api/delete_topics.h"
#include "gen/api/produce.h"
#include "sim/actor.h"

namespace gregor::sim {

class Churn final : public Actor {
public:
    using Actor::Actor;

private:
    void begin() override;
    void create();
    void on_created(const msg::CreateTopicsResponse& response);
    void produce();
    void on_produced(const msg::ProduceResponse& response);
    void remove();
    void on_removed(const msg::DeleteTopicsResponse& response);
    void next_in(Duration pause, void (Churn::*step)());

    // The topic is new and nothing was sent to it yet: the first record's offset is 0.
    bool is_fresh_ = false;
};

}  // namespace gregor::sim
