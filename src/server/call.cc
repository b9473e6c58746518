#include "server/call.h"

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
    sink_.answer(context_.connection(), origin_.request, std::move(answer));
}

std::int32_t throttle_time_ms(const RequestContext&) { return 0; }

}  // namespace gregor::server
