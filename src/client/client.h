// A client's end of one connection, without I/O: calls in, bytes out; bytes in, answers out.
//
// Whoever owns the socket moves bytes (client/network_client.h does over the ports); whoever owns the Client
// decides which broker it is. Requests are pipelined, answers come in order (Kafka promises that per
// connection), each call's completion runs exactly once: with the answer, or with the error that ended the
// connection.
//
//   client.negotiate(...);                                             // ApiVersions first
//   client.call<msg::MetadataResponse>(request, version, completion);   // any API; version from version_of()
//
// Ready-made requests for one topic or group are in client/requests.h.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "base/completion.h"
#include "base/result.h"
#include "protocol/api_registry.h"
#include "protocol/reader.h"
#include "protocol/writer.h"

namespace gregor::client {

// A response and the frame that its views point into.
template <class Response>
struct Answer {
    Slice frame;
    std::int16_t version = 0;
    Response message;
};

// A response's body, not decoded yet.
struct Reply {
    Slice body;
    std::int16_t version = 0;
};

struct ClientConfig {
    std::string client_id = "gregor";
    std::size_t frame_bytes_max = 104857600;  // of an answer; a longer one ends the connection
};

class Client {
public:
    explicit Client(ClientConfig config = {}) : config_(std::move(config)) {}
    ~Client();  // fails whatever still waits
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    // Asks what the broker speaks: in our newest ApiVersions, and in v0 when it does not know that one
    // (KIP-511).
    void negotiate(Completion<Status> done);
    // The highest version of an API that both ends speak, at most `cap`; nullopt before negotiate() is
    // answered, or when there is none.
    std::optional<std::int16_t> version_of(ApiKey key, std::int16_t cap = protocol::k_no_version) const;

    template <class Response, class Request>
    void call(const Request& request, std::int16_t version, Completion<Result<Answer<Response>>> done) {
        static_assert(Request::k_api_key == Response::k_api_key);
        protocol::Writer writer;
        begin(writer, Request::k_api_key, version);
        request.encode(writer, version);
        submit(std::move(writer), Request::k_api_key, version, decoding<Response>(std::move(done)));
    }
    // A request without answer: Produce with acks=0.
    template <class Request>
    Status send_only(const Request& request, std::int16_t version) {
        protocol::Writer writer;
        begin(writer, Request::k_api_key, version);
        request.encode(writer, version);
        return queue(std::move(writer));
    }
    // A request already encoded, or one that only the caller understands: hostile on purpose, or of a later
    // version.
    void call_raw(std::int16_t api_key, std::int16_t version, Bytes body, Completion<Result<Reply>> done);

    std::size_t in_flight() const { return waiting_.size(); }

    // ---- bytes, for the owner of the socket
    bool has_output() const { return !output_.empty(); }
    BufferChain take_output() { return std::exchange(output_, BufferChain{}); }
    MutableBytes read_target();  // where received bytes go; never empty
    // So many bytes are there. An error means that the broker breaks the protocol: close, then
    // disconnected().
    Status received(std::size_t size);
    // Fails all calls that wait, and every later one.
    void disconnected(const Error& why);
    bool is_connected() const { return !closed_; }

private:
    struct Waiting {
        std::int32_t correlation_id = 0;
        std::int16_t api_key = 0;
        std::int16_t version = 0;
        Completion<Result<Reply>> done;
    };
    struct Range {
        std::int16_t min = 0;
        std::int16_t max = 0;
    };

    void begin(protocol::Writer& writer, std::int16_t api_key, std::int16_t version);
    Status queue(protocol::Writer writer);
    void submit(protocol::Writer writer, std::int16_t api_key, std::int16_t version,
                Completion<Result<Reply>> done);
    Status deliver(Slice frame);
    void ask_versions(std::int16_t version, Completion<Status> done);
    Status learn_versions(const Reply& reply);

    template <class Response>
    static Completion<Result<Reply>> decoding(Completion<Result<Answer<Response>>> done) {
        return [done = std::move(done)](Result<Reply> reply) mutable {
            if (!reply) return done(std::unexpected(std::move(reply).error()));
            done(decode<Response>(*reply));
        };
    }
    template <class Response>
    static Result<Answer<Response>> decode(const Reply& reply) {
        Answer<Response> answer{.frame = reply.body, .version = reply.version, .message = {}};
        protocol::Reader reader(reply.body);
        answer.message.decode(reader, reply.version);
        if (!reader.finished()) return bad_answer(reader.why());
        return answer;
    }
    static std::unexpected<Error> bad_answer(const char* why);

    ClientConfig config_;
    std::map<std::int16_t, Range> broker_versions_;
    std::int32_t next_correlation_id_ = 0;
    std::deque<Waiting> waiting_;
    BufferChain output_;
    std::array<std::byte, 4> prefix_{};  // of the frame being read
    Ref<Buffer> frame_;                  // null while the prefix is incomplete
    std::size_t read_ = 0;               // of the prefix, or of the frame
    bool closed_ = false;
    Error closed_because_;
};

}  // namespace gregor::client
