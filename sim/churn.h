// Somebody who creates a topic, writes to it, deletes it and creates it again under the same name, all the
// time. The new topic has nothing of the old one, and the old one's id is unknown to every request.
#pragma once

#include <string_view>
#include <vector>

#include "gen/api/create_topics.h"
#include "gen/api/delete_topics.h"
#include "gen/api/fetch.h"
#include "gen/api/metadata.h"
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
    void ask_for_gone();
    void produce_by_id(Uuid id);
    void fetch_by_id(Uuid id);
    void describe_by_id(Uuid id);
    void on_gone(std::string_view what, ErrorCode code);
    void create_later();
    void next_in(Duration pause, void (Churn::*step)());

    // The topic is new and nothing was sent to it yet: the first record's offset is 0.
    bool is_fresh_ = false;
    Uuid id_;                 // of the topic that is there; zero when its creation did not tell
    std::vector<Uuid> gone_;  // ids of topics whose deletion was answered, the newest ones
};

}  // namespace gregor::sim
