#include "sim/actor.h"

namespace gregor::sim {

Actor::Actor(Machine& machine, Stage& stage)
    : machine_(machine),
      stage_(stage),
      ports_(machine.ports().front()),
      prng_(ports_.random.next()),
      name_(machine.host() + "." + std::to_string(machine.boots())),
      caller_(machine.world(), ports_, name_, *this) {
    connect_in(Duration::millis(prng_.between(1, 200)));
}

void Actor::connect_in(Duration pause) {
    if (std::exchange(connecting_, true)) return;
    after(pause, [this] { connect(); });
}

void Actor::connect() { caller_.connect(stage_.broker); }

void Actor::on_connected() {
    connecting_ = false;
    ++connections_;
    begin_when_ready();
}

void Actor::begin_when_ready() {
    if (!caller_.is_connected()) return;
    if (stage_.ready || !waits_for_topics()) return begin();
    after(Duration::millis(100), [this] { begin_when_ready(); });
}

void Actor::on_disconnected() {
    connecting_ = false;
    on_lost();
    connect_in(Duration::millis(prng_.between(20, 500)));
}

void Actor::disconnect_and_retry() {
    caller_.disconnect();
    on_disconnected();
}

std::optional<std::uint32_t> Actor::topic_index(std::string_view name, Uuid id, bool by_id) const {
    for (std::uint32_t i = 0; i < stage_.topics.size(); ++i) {
        if (by_id ? stage_.topics[i].id == id : stage_.topics[i].name == name) return i;
    }
    return std::nullopt;
}

}  // namespace gregor::sim
