// Creates the topics of a scenario, then finds out their ids.
#pragma once

#include "gen/api/create_topics.h"
#include "gen/api/metadata.h"
#include "sim/actor.h"

namespace gregor::sim {

class Admin final : public Actor {
public:
    using Actor::Actor;

private:
    void begin() override;
    bool waits_for_topics() const override { return false; }
    void create();
    void on_created(const msg::CreateTopicsResponse& response);
    void look_up();
    void on_metadata(const msg::MetadataResponse& response);
    void retry();
};

}  // namespace gregor::sim
