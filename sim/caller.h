// One connection of a simulated client: requests go out pipelined, answers must come back in order, each
// exactly once, none missing while the connection lives.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "io/ports.h"
#include "protocol/reader.h"
#include "protocol/writer.h"
#include "sim/world.h"

namespace gregor::sim {

class CallerOwner {
public:
    virtual ~CallerOwner() = default;
    virtual void on_connected() = 0;
    // Also when the attempt to connect failed. Calls under way get no answer.
    virtual void on_disconnected() = 0;
};

class Caller final : io::StreamHandler, io::ConnectHandler {
public:
    Caller(World& world, io::ShardPorts ports, std::string client_id, CallerOwner& owner)
        : world_(world), ports_(ports), client_id_(std::move(client_id)), owner_(owner) {}
    ~Caller() override;
    Caller(const Caller&) = delete;
    Caller& operator=(const Caller&) = delete;

    void connect(const io::Endpoint& to);
    bool is_connected() const { return stream_ != nullptr; }
    std::size_t under_way() const { return waiting_.size(); }
    void disconnect();  // by our own will: the owner is not told

    // Sends `request`; `answer` gets the response. An answer that takes longer than `patience` fails the
    // world.
    template <class Response, class Request>
    void call(const Request& request, std::int16_t version, Duration patience,
              std::move_only_function<void(const Response&)> answer) {
        protocol::Writer writer;
        write_header(writer, Request::k_api_key, version);
        request.encode(writer, version);
        send(writer,
             {Request::k_api_key,
              version,
              last_correlation_,
              {},
              [this, version, to = std::move(answer)](protocol::Reader& reader) mutable {
                  Response response;
                  response.decode(reader, version);
                  if (!is_whole(reader, Response::k_api_key, version)) return;
                  to(response);
              }},
             patience);
    }
    // As call, for acks=0: nothing comes back.
    template <class Request>
    void tell(const Request& request, std::int16_t version) {
        protocol::Writer writer;
        write_header(writer, Request::k_api_key, version);
        request.encode(writer, version);
        put(writer);
    }

private:
    struct Waiting {
        std::int16_t api = 0;
        std::int16_t version = 0;
        std::int32_t correlation = 0;
        io::TimerId timer;
        std::move_only_function<void(protocol::Reader&)> answer;
    };

    MutableBytes read_target() override { return buffer_; }
    void on_read(std::size_t size) override;
    void on_sent(std::size_t) override {}
    void on_closed(const Error& why) override;
    void on_connected(std::unique_ptr<io::Stream> stream) override;
    void on_connect_failed(const Error& why) override;

    void write_header(protocol::Writer& writer, std::int16_t api, std::int16_t version);
    void send(protocol::Writer& writer, Waiting waiting, Duration patience);
    void put(protocol::Writer& writer);
    bool take_frame();
    void on_frame(const Slice& frame);
    bool is_whole(const protocol::Reader& reader, std::int16_t api, std::int16_t version);
    void on_impatience(std::int32_t correlation);
    void forget_waiting();

    World& world_;
    io::ShardPorts ports_;
    std::string client_id_;
    CallerOwner& owner_;
    std::unique_ptr<io::Stream> stream_;
    std::vector<std::byte> buffer_ = std::vector<std::byte>(16 * 1024);
    std::vector<std::byte> received_;
    std::deque<Waiting> waiting_;
    std::int32_t last_correlation_ = 0;
};

}  // namespace gregor::sim
