// A blocking client for tools and tests: NetworkClient, and a loop to turn until the answer is there.
#pragma once

#include <functional>
#include <optional>
#include <utility>

#include "base/ref.h"
#include "client/network_client.h"

namespace gregor::client {

class SyncClient {
public:
    // Runs the event loop for one turn, at least one event; false when the caller's patience is over.
    using Turn = std::function<bool()>;

    SyncClient(io::Network& network, Turn turn, ClientConfig config = {})
        : turn_(std::move(turn)), client_(network, std::move(config)) {}

    Status connect(const io::Endpoint& broker) {
        const auto slot = make_ref<Slot<Status>>();
        client_.connect(broker, [slot](Status status) { slot->outcome = std::move(status); });
        return wait(slot, Status{fail(ErrorCode::request_timed_out, "the broker does not answer")});
    }
    template <class Response, class Request>
    Result<Answer<Response>> call(const Request& request, std::int16_t cap = protocol::k_no_version) {
        using Outcome = Result<Answer<Response>>;
        const auto slot = make_ref<Slot<Outcome>>();
        client_.call<Response>(request, [slot](Outcome outcome) { slot->outcome = std::move(outcome); }, cap);
        return wait(slot, Outcome{fail(ErrorCode::request_timed_out, "the broker does not answer")});
    }
    NetworkClient& network_client() { return client_; }

private:
    // Where an answer lands, held by the caller and by the completion: either may be the last.
    template <class T>
    struct Slot final : RefCounted {
        std::optional<T> outcome;
    };
    template <class T>
    T wait(const Ref<Slot<T>>& slot, T timed_out) {
        while (!slot->outcome) {
            if (!turn_()) return timed_out;
        }
        return std::move(*slot->outcome);
    }

    Turn turn_;
    NetworkClient client_;
};

}  // namespace gregor::client
