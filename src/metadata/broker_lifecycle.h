// A broker's life against the controller: registered, unfenced when it is ready to serve, shut down in order.
//
//   starting --registered--> registered --ready()--> unfencing --unfenced--> running --stop()--> stopping -->
//   stopped
//
// Node state, on shard 0. A broker whose controller is in the same process sends no periodic heartbeats: an
// idle node sleeps. With a remote controller its owner calls heartbeat() every broker.heartbeat.interval.ms.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/completion.h"
#include "base/result.h"
#include "metadata/controller_channel.h"
#include "metadata/image.h"

namespace gregor::metadata {

struct BrokerIdentity {
    BrokerId id;
    std::string cluster_id;
    Uuid incarnation_id;              // drawn at each start of the process
    std::vector<Endpoint> endpoints;  // advertised, broker listeners only
    std::optional<std::string> rack;
    std::vector<Uuid> log_dirs;               // ids of the online directories
    std::int64_t previous_broker_epoch = -1;  // of the clean-shutdown files, when all directories agree
};

class BrokerLifecycle {
public:
    enum class State : std::uint8_t { starting, registered, unfencing, running, stopping, stopped };

    BrokerLifecycle(BrokerIdentity identity, ControllerChannel& channel)
        : identity_(std::move(identity)), channel_(channel) {}

    // Registers. `registered` is called with the broker's epoch, or with why the controller refused.
    void start(Completion<Result<std::int64_t>> registered);
    // The broker has loaded its logs and published an image that reaches `metadata_offset`: it may serve.
    void ready(Offset metadata_offset, Completion<Status> unfenced);
    // Controlled shutdown: leadership is given away first. `metadata_offset` is asked before each message.
    void stop(std::function<Offset()> metadata_offset, Completion<Status> may_exit);
    // Directories that are to get no new partitions (KIP-1066): told with the next message, which is sent now
    // by a broker that runs.
    void set_cordoned(std::vector<Uuid> directories, Offset metadata_offset);
    // Only with a remote controller: says that this broker lives.
    void heartbeat(Offset metadata_offset, Completion<Status> done);

    State state() const { return state_; }
    std::int64_t epoch() const { return epoch_; }

private:
    struct Beat {
        Offset metadata_offset;
        bool want_fence = false;
        bool want_shut_down = false;
    };
    struct BeatAnswer {
        bool is_fenced = true;
        bool should_shut_down = false;
    };
    void send(const Beat& beat, Completion<Result<BeatAnswer>> done);
    ForwardedRequest forwarded(std::int16_t api_key, std::int16_t version, const BufferChain& body) const;
    void stop_step(int beats_left);

    const BrokerIdentity identity_;
    ControllerChannel& channel_;
    State state_ = State::starting;
    std::int64_t epoch_ = -1;
    std::vector<Uuid> cordoned_;
    std::function<Offset()> metadata_offset_;
    Completion<Status> may_exit_;
};

}  // namespace gregor::metadata
