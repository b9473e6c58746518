// A simulated client: one connection that is made again whenever it is lost.
#pragma once

#include <memory>
#include <string>

#include "sim/caller.h"
#include "sim/machine.h"
#include "sim/stage.h"

namespace gregor::sim {

class Actor : public Program, protected CallerOwner {
public:
    Actor(Machine& machine, Stage& stage);
    void on_connected() final;
    void on_disconnected() final;

protected:
    // Called when a connection stands and the stage is ready; nothing is under way then.
    virtual void begin() = 0;
    // The connection is gone, with everything under way on it.
    virtual void on_lost() {}
    virtual bool waits_for_topics() const { return true; }

    void connect_in(Duration pause);
    void disconnect_and_retry();
    std::uint64_t connections() const { return connections_; }  // so far; names the present one
    Instant now() const { return ports_.clock.now(); }
    io::TimerId after(Duration pause, io::Task task) {
        return ports_.executor.call_at(now() + pause, std::move(task));
    }
    // A version of the API between these, drawn for each call.
    template <class Request>
    std::int16_t any_version(std::int16_t from = Request::k_min_version,
                             std::int16_t to = Request::k_max_version) {
        return static_cast<std::int16_t>(prng_.between(from, to));
    }
    // The name as the version wants it: the topic's name or its id.
    template <class Topic>
    void name_topic(Topic& topic, std::string_view Topic::* name, std::uint32_t index, bool by_id) const {
        if (by_id) {
            topic.topic_id = stage_.topics.at(index).id;
        } else {
            topic.*name = stage_.topics.at(index).name;
        }
    }
    std::optional<std::uint32_t> topic_index(std::string_view name, Uuid id, bool by_id) const;

    Machine& machine_;
    Stage& stage_;
    io::ShardPorts ports_;
    Prng prng_;
    std::string name_;
    Caller caller_;

private:
    void connect();
    void begin_when_ready();
    bool connecting_ = false;
    std::uint64_t connections_ = 0;
};

}  // namespace gregor::sim
