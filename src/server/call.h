// One request between its decoding and its answer.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>

#include "base/budget.h"
#include "base/bytes.h"
#include "base/completion.h"
#include "base/ref.h"
#include "protocol/api_registry.h"
#include "protocol/reader.h"
#include "protocol/writer.h"
#include "security/principal.h"
#include "server/client_quotas.h"
#include "server/fetch_meter.h"
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
    BufferChain chain;     // framed; of a response
    Duration held_back{};  // nothing more is read for so long once it has left
};

// Takes answers to where the connection is, if it still is. Outlives all calls but those dropped at the end.
class AnswerSink {
public:
    virtual ~AnswerSink() = default;
    virtual void answer(ConnectionId connection, std::uint64_t request, Answer answer) = 0;
};

class HandlerTurn;

// Owns the frame, what it cost, and the context that the handler sees; is owned by the handler's completion.
// Lives on the connection's shard. Answered exactly once.
//
// What it uses of its client's quotas is known by its answer. Where that is too much, the answer says for how
// long the client shall wait, and the connection is held back for as long (KIP-219).
class Call final : public FetchMeter {
public:
    struct Origin {
        std::uint64_t request = 0;  // its number on the connection
        Slice frame;
        Charge charge;
        std::size_t body_from = 0;  // where the header ends
        const protocol::ApiRow* api = nullptr;
        Ref<const PeerIdentity> peer;
        ClientQuotas* quotas = nullptr;  // nullptr: nobody counts
    };

    Call(Origin origin, const RequestContext::Facts& facts, ShardServices& services, AnswerSink& sink)
        : origin_(std::move(origin)), context_(facts, services), sink_(sink) {}
    ~Call() override;
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

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

    // Before the answer is encoded: everything has been used now. How long the client shall wait.
    Duration settle_quotas();
    void hold_back(Duration span) { held_back_ = std::max(held_back_, span); }
    std::int32_t most_bytes(std::int32_t wanted) override;
    bool admit(std::size_t bytes) override;

private:
    friend class HandlerTurn;
    void answer(Answer answer);
    metadata::QuotaClient client() const { return {context_.principal().name, context_.client_id()}; }
    void charge(QuotaKind kind, double amount);
    void charge_time();
    bool is_time_free() const;
    double percent_of_turn();

    Origin origin_;
    RequestContext context_;
    AnswerSink& sink_;
    bool is_time_charged_ = false;
    Duration held_back_;
    HandlerTurn* turn_ = nullptr;  // while the handler is called
};

// The call of a handler, as far as a quota asks for the time it takes. It outlives the request that is
// answered within it.
class HandlerTurn {
public:
    explicit HandlerTurn(Call& call);
    HandlerTurn(const HandlerTurn&) = delete;
    HandlerTurn& operator=(const HandlerTurn&) = delete;
    ~HandlerTurn();

private:
    friend class Call;
    Call* call_ = nullptr;  // nullptr: nobody measures, or it is gone
    Instant since_;
};

// The one place that every decoded API's answer passes: what the quotas ask for is in it.
template <class Response>
void answer_call(Call& call, Response response) {
    const auto held_back = call.settle_quotas();
    if constexpr (requires { response.throttle_time_ms; })
        response.throttle_time_ms = static_cast<std::int32_t>(held_back.to_millis());
    auto writer = call.start_response();
    response.encode(writer, call.context().api_version());
    call.finish_response(std::move(writer));
}

// A ServedApi::run: the steps between a frame and a handler, which may want to meter what it fetches.
template <class Request, class Response, auto handler>
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
    FetchMeter& meter = *call;
    const HandlerTurn turn(*call);
    running->call = std::move(call);
    const auto& request = running->request;
    Completion<Response> done(
        [kept = std::move(running)](Response response) { (*kept)(std::move(response)); });
    if constexpr (std::is_invocable_v<decltype(handler), const Request&, RequestContext&, FetchMeter&,
                                      Completion<Response>>) {
        handler(request, context, meter, std::move(done));
    } else {
        handler(request, context, std::move(done));
    }
}

}  // namespace gregor::server
