// Consumers without a group: each reads every partition from the start, long poll after long poll.
#pragma once

#include "sim/actor.h"
#include "sim/fetch_loop.h"

namespace gregor::sim {

class Consumer final : public Actor {
public:
    Consumer(Machine& machine, Stage& stage);
    // Everything that was acked or read by anybody has been read by this one since its start.
    bool has_caught_up() const;
    const FetchLoop::Positions& positions() const { return loop_.positions(); }

private:
    void begin() override;
    void on_lost() override { loop_.connection_lost(); }
    void fetch();
    void digest();
    FetchLoop loop_;
};

}  // namespace gregor::sim
