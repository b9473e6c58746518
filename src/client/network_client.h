// A Client on a socket of the ports: connects, negotiates, moves bytes. Lives on one shard; the simulator's
// workloads and the tools use it alike.
#pragma once

#include <memory>

#include "client/client.h"
#include "io/ports.h"

namespace gregor::client {

class NetworkClient final : io::StreamHandler, io::ConnectHandler {
public:
    explicit NetworkClient(io::Network& network, ClientConfig config = {})
        : network_(network), client_(std::move(config)) {}

    // Once. `ready` when the broker's versions are known. The client outlives the attempt.
    void connect(const io::Endpoint& broker, Completion<Status> ready);
    bool is_open() const { return stream_ != nullptr && client_.is_connected(); }
    void close();  // what waits fails

    std::optional<std::int16_t> version_of(ApiKey key, std::int16_t cap = protocol::k_no_version) const {
        return client_.version_of(key, cap);
    }
    // At the highest version that both ends speak, at most `cap`.
    template <class Response, class Request>
    void call(const Request& request, Completion<Result<Answer<Response>>> done,
              std::int16_t cap = protocol::k_no_version) {
        const auto version = version_of(static_cast<ApiKey>(Request::k_api_key), cap);
        if (!version) return done(fail(ErrorCode::unsupported_version, "no common version"));
        client_.call<Response>(request, *version, std::move(done));
        flush();
    }
    // As Client::call_raw and Client::send_only.
    void call_raw(std::int16_t api_key, std::int16_t version, Bytes body, Completion<Result<Reply>> done) {
        client_.call_raw(api_key, version, body, std::move(done));
        flush();
    }
    template <class Request>
    Status send_only(const Request& request, std::int16_t version) {
        auto sent = client_.send_only(request, version);
        flush();
        return sent;
    }

private:
    void flush();
    MutableBytes read_target() override { return client_.read_target(); }
    void on_read(std::size_t size) override;
    void on_sent(std::size_t) override {}
    void on_closed(const Error& why) override;
    void on_connected(std::unique_ptr<io::Stream> stream) override;
    void on_connect_failed(const Error& why) override;

    io::Network& network_;
    Client client_;
    std::unique_ptr<io::Stream> stream_;
    Completion<Status> ready_;
};

}  // namespace gregor::client
