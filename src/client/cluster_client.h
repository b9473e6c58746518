// A blocking client of a whole cluster, for tools: finds the brokers, the controller and the coordinators,
// holds a connection to each that it needs, and says in one sentence what did not work.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "client/pump.h"
#include "client/requests.h"
#include "client/sync_client.h"

namespace gregor::client {

struct ClusterConfig {
    std::vector<io::Endpoint> bootstrap;
    ClientConfig client{};
};

class ClusterClient {
public:
    ClusterClient(io::Network& network, Pump& pump, ClusterConfig config)
        : network_(network), pump_(pump), config_(std::move(config)) {}

    // Of any broker, of the active controller, of one broker, of the broker that coordinates a group.
    template <class Response, class Request>
    Result<Answer<Response>> ask(const Request& request, std::int16_t cap = protocol::k_no_version) {
        return call<Response>(*TRY(any_broker()), request, cap);
    }
    template <class Response, class Request>
    Result<Answer<Response>> ask_controller(const Request& request,
                                            std::int16_t cap = protocol::k_no_version) {
        const auto id = TRY(controller());
        return ask_broker<Response>(id, request, cap);
    }
    template <class Response, class Request>
    Result<Answer<Response>> ask_broker(BrokerId id, const Request& request,
                                        std::int16_t cap = protocol::k_no_version) {
        return call<Response>(*TRY(broker(id)), request, cap);
    }
    template <class Response, class Request>
    Result<Answer<Response>> ask_coordinator(std::string_view group, const Request& request,
                                             std::int16_t cap = protocol::k_no_version) {
        const auto id = TRY(coordinator(group));
        return ask_broker<Response>(id, request, cap);
    }

    // A request without answer, of one broker.
    template <class Request>
    Status send_only(BrokerId id, const Request& request, std::int16_t cap) {
        auto& connection = *TRY(broker(id));
        const auto version =
            connection.client->network_client().version_of(static_cast<ApiKey>(Request::k_api_key), cap);
        if (!version)
            return fail(ErrorCode::unsupported_version,
                        no_version(connection, static_cast<ApiKey>(Request::k_api_key)));
        return connection.client->network_client().send_only(request, *version);
    }

    // The brokers that are alive.
    Result<std::vector<BrokerId>> brokers();
    // Asks again until the group has one or patience is over: a first use creates __consumer_offsets.
    Result<BrokerId> coordinator(std::string_view group);
    // The highest version of an API that this broker and we speak.
    Result<std::int16_t> version_of(BrokerId id, ApiKey key);
    Pump& pump() { return pump_; }

private:
    struct Connection {
        io::Endpoint endpoint;
        std::unique_ptr<SyncClient> client;
    };

    template <class Response, class Request>
    Result<Answer<Response>> call(Connection& connection, const Request& request, std::int16_t cap) {
        pump_.begin_wait();
        auto answer = connection.client->call<Response>(request, cap);
        if (answer) return answer;
        if (answer.error().code == ErrorCode::unsupported_version)
            return fail(answer.error().code, no_version(connection, static_cast<ApiKey>(Request::k_api_key)));
        return std::unexpected(explain(connection, std::move(answer).error()));
    }
    Result<Connection*> any_broker();
    Result<Connection*> broker(BrokerId id);
    Result<BrokerId> controller();
    Status learn_brokers();
    Status open(Connection& connection);
    static Error explain(const Connection& connection, Error error);
    static std::string no_version(const Connection& connection, ApiKey key);

    io::Network& network_;
    Pump& pump_;
    ClusterConfig config_;
    Connection bootstrap_;  // the first of config_.bootstrap that answers
    std::map<BrokerId, Connection> brokers_;
    std::map<std::string, BrokerId, std::less<>> coordinators_;
    BrokerId controller_{-1};
};

std::string to_text(const io::Endpoint& endpoint);

}  // namespace gregor::client
