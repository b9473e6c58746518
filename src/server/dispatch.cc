#include "server/dispatch.h"

#include <algorithm>

#include "base/log.h"
#include "gen/api/api_versions.h"
#include "gen/misc/request_header.h"
#include "metadata/controller_channel.h"
#include "metadata/record_codec.h"
#include "protocol/frame.h"

namespace gregor::server {
namespace {

constexpr auto k_api_versions_key = static_cast<std::int16_t>(msg::ApiVersionsRequest::k_api_key);

// The forwarded API whose answer has no throttle time; that of the others begins with it.
constexpr auto k_unthrottled_api = static_cast<std::int16_t>(ApiKey::describe_quorum);
constexpr std::size_t k_throttle_bytes = 4;

// The longer of the controller's throttle time and ours is told and kept.
void merge_throttle(Call& call, BufferChain& body) {
    const auto ours = call.settle_quotas();
    if (call.context().api_key() == k_unthrottled_api) return;
    const auto encoded = metadata::to_slice(body);
    protocol::Reader reader(encoded);
    const auto asked = Duration::millis(std::max(reader.i32(), 0));
    if (reader.failed()) return;
    call.hold_back(asked);
    if (asked >= ours) return;
    protocol::Writer writer;
    writer.i32(static_cast<std::int32_t>(ours.to_millis()));
    body = writer.take();
    body.append(encoded.subslice(k_throttle_bytes, encoded.size() - k_throttle_bytes));
}

// The controller's answer, behind the header that this client expects.
void answer_forwarded(Call& call, Result<BufferChain> outcome) {
    if (!outcome) return call.close(outcome.error().detail);
    merge_throttle(call, *outcome);
    auto writer = call.start_response();
    call.finish_response(std::move(writer), *std::move(outcome));
}

}  // namespace

struct Dispatcher::Parsed {
    const ServedApi* row = nullptr;
    const protocol::ApiRow* api = nullptr;
    bool is_version_served = false;
    std::size_t body_from = 0;
    RequestContext::Facts facts;
};

bool Dispatcher::may_overlap(Bytes frame, std::int16_t& api_key) const {
    protocol::RequestPreamble preamble;
    if (!protocol::read_request_preamble(frame, preamble)) return false;
    api_key = preamble.api_key;
    const auto* row = apis_.find(preamble.api_key, false);
    return row != nullptr && row->overlap == Overlap::with_own_kind;
}

void Dispatcher::close(const FrameOrigin& origin) const {
    sink_.answer(origin.connection, origin.request, {.kind = Answer::Kind::close, .chain = {}});
}

void Dispatcher::dispatch(const FrameOrigin& origin, Frame frame) {
    Parsed parsed;
    if (!read_header(origin, frame, parsed)) return close(origin);
    run(origin, std::move(frame), parsed);
}

// False when the connection has to be closed; the line that says why is written.
bool Dispatcher::read_header(const FrameOrigin& origin, const Frame& frame, Parsed& out) const {
    const auto& peer = *origin.peer;
    protocol::RequestPreamble preamble;
    if (!protocol::read_request_preamble(frame.body.bytes(), preamble)) {
        LOG_WARN("request_too_short", peer.host, frame.body.size());
        return false;
    }
    const auto [key, version, correlation_id] = preamble;
    out.api = protocol::find_api(key);
    out.row = apis_.find(key, peer.on_controller);
    if (out.api == nullptr) {
        LOG_WARN("request_unknown_api", peer.host, key, version);
        return false;
    }
    protocol::Reader reader(frame.body.bytes());
    msg::RequestHeader header;
    header.decode(reader, protocol::request_header_version(*out.api, version));
    const auto client = header.client_id.value_or(std::string_view());
    if (reader.failed()) {
        LOG_WARN("request_header_malformed", peer.host, out.api->name, version, reader.why());
        return false;
    }
    out.is_version_served = out.row != nullptr && ApiTable::served_versions(*out.row).has(version);
    if (!out.is_version_served && (out.row == nullptr || key != k_api_versions_key)) {
        LOG_WARN("request_unsupported", peer.host, client, out.api->name, version);
        return false;
    }
    out.body_from = reader.position();
    out.facts = {.api_key = key,
                 .api_version = version,
                 .correlation_id = correlation_id,
                 .client_id = client,
                 .connection = origin.connection,
                 .listener = peer.listener,
                 .listener_name = peer.listener_name,
                 .peer_host = peer.host,
                 .principal = &peer.principal,
                 .received = services_.ports.clock.now(),
                 .apis = &apis_};
    return true;
}

void Dispatcher::run(const FrameOrigin& origin, Frame frame, const Parsed& parsed) {
    Call::Origin parts{.request = origin.request,
                       .frame = std::move(frame.body),
                       .charge = std::move(frame.charge),
                       .body_from = parsed.body_from,
                       .api = parsed.api,
                       .peer = origin.peer,
                       .quotas = quotas_};
    auto call = std::make_unique<Call>(std::move(parts), parsed.facts, services_, sink_);
    if (!parsed.is_version_served) return answer_unsupported_api_versions(*call);
    if (parsed.row->is_forwarded()) return forward(std::move(call));
    parsed.row->run(std::move(call));
}

// In version 0, which every client reads, with the range to choose from (KIP-511). The body is of a version
// that we do not know and is not looked at.
void Dispatcher::answer_unsupported_api_versions(Call& call) const {
    const auto* row = apis_.find(k_api_versions_key, false);
    const auto served = ApiTable::served_versions(*row);
    msg::ApiVersionsResponse response;
    response.error_code = ErrorCode::unsupported_version;
    response.api_keys.push_back({.api_key = k_api_versions_key,
                                 .min_version = served.min,
                                 .max_version = served.max,
                                 .unknown_tags = {}});
    auto writer = call.start_response();
    response.encode(writer, 0);
    call.finish_response(std::move(writer));
}

void Dispatcher::forward(std::unique_ptr<Call> call) {
    const auto& context = call->context();
    metadata::ForwardedRequest request{.api_key = context.api_key(),
                                       .version = context.api_version(),
                                       .body = call->body(),
                                       .principal = context.principal().to_string(),
                                       .client_id = std::string(context.client_id()),
                                       .host = std::string(context.peer_host())};
    services_.controller.request(std::move(request), [kept = std::move(call)](Result<BufferChain> outcome) {
        answer_forwarded(*kept, std::move(outcome));
    });
}

}  // namespace gregor::server
