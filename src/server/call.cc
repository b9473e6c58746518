#include "server/call.h"

#include <utility>

#include "base/log.h"
#include "gen/misc/response_header.h"
#include "protocol/frame.h"

namespace gregor::server {

Slice Call::body() const {
    return origin_.frame.subslice(origin_.body_from, origin_.frame.size() - origin_.body_from);
}

void Call::refuse_body(const char* why) {
    const auto client = context_.client_id();
    const auto host = context_.peer_host();
    const auto api = api_name();
    const auto version = context_.api_version();
    LOG_WARN("request_malformed", host, client, api, version, why);
    answer({.kind = Answer::Kind::close, .chain = {}});
}

protocol::Writer Call::start_response() const {
    protocol::Writer writer;
    msg::ResponseHeader header;
    header.correlation_id = context_.correlation_id();
    header.encode(writer, protocol::response_header_version(*origin_.api, context_.api_version()));
    return writer;
}

void Call::finish_response(protocol::Writer writer) {
    if (context_.wants_close()) return close("the handler asked for it");
    if (context_.is_response_suppressed()) return answer({.kind = Answer::Kind::none, .chain = {}});
    if (writer.failed()) return close(writer.why());  // a handler used a field that the version does not have
    answer({.kind = Answer::Kind::response, .chain = writer.take_framed()});
}

void Call::finish_response(protocol::Writer header, BufferChain body) {
    const auto header_chain = header.take();
    protocol::Writer framed(protocol::k_frame_prefix_bytes);
    framed.i32(static_cast<std::int32_t>(header_chain.size() + body.size()));
    auto chain = framed.take();
    chain.append(header_chain);
    chain.append(std::move(body));
    answer({.kind = Answer::Kind::response, .chain = std::move(chain)});
}

void Call::close(std::string_view why) {
    const auto client = context_.client_id();
    const auto host = context_.peer_host();
    const auto api = api_name();
    const auto version = context_.api_version();
    LOG_WARN("request_closed_connection", host, client, api, version, why);
    answer({.kind = Answer::Kind::close, .chain = {}});
}

// The charge goes first: what the answer lets start may need the room.
void Call::answer(Answer answer) {
    origin_.charge = Charge();
    answer.held_back = held_back_;
    sink_.answer(context_.connection(), origin_.request, std::move(answer));
}

// ---------------------------------------------------------------- quotas

Call::~Call() {
    if (turn_ != nullptr) turn_->call_ = nullptr;
}

void Call::charge(QuotaKind kind, double amount) {
    if (origin_.quotas != nullptr) hold_back(origin_.quotas->record(kind, client(), amount));
}

// The time of what brokers send each other is nobody's, nor is that of requests without an answer.
bool Call::is_time_free() const {
    return context_.is_response_suppressed() || origin_.api->key == ApiKey::write_txn_markers;
}

void Call::charge_time() {
    if (std::exchange(is_time_charged_, true) || is_time_free()) return;
    charge(QuotaKind::request, percent_of_turn());
}

// Of one shard's second.
double Call::percent_of_turn() {
    constexpr double k_percent_per_nano = 100.0 / 1e9;
    if (turn_ == nullptr) return 0;
    const auto since = std::exchange(turn_->since_, context_.now());
    return static_cast<double>((turn_->since_ - since).to_nanos()) * k_percent_per_nano;
}

Duration Call::settle_quotas() {
    if (origin_.api->key == ApiKey::produce)
        charge(QuotaKind::produce, static_cast<double>(origin_.frame.size()));
    charge_time();
    return held_back_;
}

std::int32_t Call::most_bytes(std::int32_t wanted) {
    if (origin_.quotas == nullptr) return wanted;
    const auto most = origin_.quotas->most_at_once(QuotaKind::fetch, client());
    return most && *most < wanted ? static_cast<std::int32_t>(*most) : wanted;
}

bool Call::admit(std::size_t bytes) {
    charge_time();
    charge(QuotaKind::fetch, static_cast<double>(bytes));
    if (held_back_ <= Duration()) return true;
    charge(QuotaKind::fetch, -static_cast<double>(bytes));
    return false;
}

HandlerTurn::HandlerTurn(Call& call) {
    const auto* quotas = call.origin_.quotas;
    if (quotas == nullptr || !quotas->limits(QuotaKind::request)) return;
    call_ = &call;
    call.turn_ = this;
    since_ = call.context_.now();
}

// The request waits for something: what it took so far counts when its client asks next.
HandlerTurn::~HandlerTurn() {
    if (call_ == nullptr) return;
    if (!call_->is_time_free())
        call_->origin_.quotas->record(QuotaKind::request, call_->client(), call_->percent_of_turn());
    call_->turn_ = nullptr;
}

}  // namespace gregor::server
