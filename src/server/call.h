// One request between its decoding and its answer.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/budget.h"
#include "base/bytes.h"
#include "base/completion.h"
#include "base/ref.h"
#include "protocol/api_registry.h"
#include "protocol/reader.h"
#include "protocol/writer.h"
#include "security/principal.h"
#include "server/request_context.h"

namespace gregor::server {

// Who is at the other end of a connection. Outlives it in the calls that are still unanswered.
struct PeerIdentity final : RefCounted {
    security::Principal principal;
    std::string host;
    std::uint16_t port = 0;
    std::uint32_t listener = 0;
    std::string listener_name;
    bool on_controller = false;
};

// What leaves in a request's place in the order of answers.
struct Answer {
    enum class Kind : std::uint8_t { response, none, close };
    Kind kind = Kind::none;
    BufferChain chain;  // framed; of a response
};

// Takes answers to where the connection is, if it still is. Outlives all calls but those dropped at the end.
class AnswerSink {
public:
    virtual ~AnswerSink() = default;
    virtual void answer(ConnectionId connection, std::uint64_t request, Answer answer) = 0;
};

// Owns the frame, what it cost, and the context that the handler sees; is owned by the handler's completion.
// Lives on the connection's shard. Answered exactly once.
class Call {
public:
    struct Origin {
        std::uint64_t request = 0;  // its number on the connection
        Slice frame;
        Charge charge;
        std::size_t body_from = 0;  // where the header ends
        const protocol::ApiRow* api = nullptr;
        Ref<const PeerIdentity> peer;
    };

    Call(Origin origin, const RequestContext::Facts& facts, ShardServices& services, AnswerSink& sink)
        : origin_(std::move(origin)), context_(facts, services), sink_(sink) {}

    RequestContext& context() { return context_; }
    Slice body() const;
    std::string_view api_name() const { return origin_.api->name; }

    // The request's body could not be read: closes, with a line that says why.
    void refuse_body(const char* why);
    // A writer that holds the response header already.
    protocol::Writer start_response() const;
    void finish_response(protocol::Writer writer);
    // The same, with a body that is encoded already.
    void finish_response(protocol::Writer header, BufferChain body);
    void close(std::string_view why);

private:
    void answer(Answer answer);

    Origin origin_;
    RequestContext context_;
    AnswerSink& sink_;
};

// The one place that every decoded API's answer passes.
//
// A response that has a throttle time gets the longer of what its handler and what the quotas ask for; quotas
// do not exist yet and ask for none.
std::int32_t throttle_time_ms(const RequestContext& context);

template <class Response>
void answer_call(Call& call, Response response) {
    if constexpr (requires { response.throttle_time_ms; }) {
        const auto throttle_ms = throttle_time_ms(call.context());
        if (throttle_ms > response.throttle_time_ms) response.throttle_time_ms = throttle_ms;
    }
    auto writer = call.start_response();
    response.encode(writer, call.context().api_version());
    call.finish_response(std::move(writer));
}

// A ServedApi::run: the steps between a frame and a handler.
template <class Request, class Response,
          void (*handler)(const Request&, RequestContext&, Completion<Response>)>
void run_handler(std::unique_ptr<Call> call) {
    struct Running {
        std::unique_ptr<Call> call;
        Request request;
        void operator()(Response response) { answer_call(*call, std::move(response)); }
    };
    protocol::Reader reader(call->body());
    auto running = std::make_unique<Running>();
    running->request.decode(reader, call->context().api_version());
    if (reader.failed()) return call->refuse_body(reader.why());
    auto& context = call->context();
    running->call = std::move(call);
    const auto& request = running->request;
    handler(request, context,
            [kept = std::move(running)](Response response) { (*kept)(std::move(response)); });
}

}  // namespace gregor::server
