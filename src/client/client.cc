#include "client/client.h"

#include <algorithm>

#include "gen/api/api_versions.h"
#include "gen/misc/request_header.h"
#include "gen/misc/response_header.h"
#include "protocol/frame.h"

namespace gregor::client {

using protocol::Reader;
using protocol::Writer;

Client::~Client() { disconnected(Error{ErrorCode::network_exception, "the client was closed"}); }

void Client::begin(Writer& writer, std::int16_t api_key, std::int16_t version) {
    msg::RequestHeader header;
    header.request_api_key = api_key;
    header.request_api_version = version;
    header.correlation_id = next_correlation_id_;
    header.client_id = config_.client_id;
    const auto* row = protocol::find_api(api_key);
    header.encode(writer, row == nullptr ? std::int16_t{1} : protocol::request_header_version(*row, version));
}

Status Client::queue(Writer writer) {
    if (closed_) return std::unexpected(closed_because_);
    if (writer.failed()) return fail(ErrorCode::invalid_request, writer.why());
    output_.append(writer.take_framed());
    ++next_correlation_id_;
    return {};
}

void Client::submit(Writer writer, std::int16_t api_key, std::int16_t version,
                    Completion<Result<Reply>> done) {
    const auto correlation_id = next_correlation_id_;
    if (auto queued = queue(std::move(writer)); !queued)
        return done(std::unexpected(std::move(queued).error()));
    waiting_.push_back(
        {.correlation_id = correlation_id, .api_key = api_key, .version = version, .done = std::move(done)});
}

void Client::call_raw(std::int16_t api_key, std::int16_t version, Bytes body,
                      Completion<Result<Reply>> done) {
    Writer writer;
    begin(writer, api_key, version);
    writer.raw(body);
    submit(std::move(writer), api_key, version, std::move(done));
}

MutableBytes Client::read_target() {
    if (!frame_) return MutableBytes(prefix_).subspan(read_);
    return frame_->writable().subspan(read_);
}

Status Client::received(std::size_t size) {
    read_ += size;
    if (!frame_) {
        if (read_ < prefix_.size()) return {};
        const auto view = protocol::inspect_frame(prefix_, config_.frame_bytes_max);
        if (view.status != protocol::FrameStatus::need_more) return bad_answer("its length is out of bounds");
        frame_ = Buffer::allocate(view.body_bytes());
        read_ = 0;
        return {};
    }
    if (read_ < frame_->size()) return {};
    read_ = 0;
    return deliver(Slice(std::exchange(frame_, nullptr)));
}

Status Client::deliver(Slice frame) {
    if (waiting_.empty()) return bad_answer("nothing was asked");
    auto call = std::move(waiting_.front());
    waiting_.pop_front();
    const auto* row = protocol::find_api(call.api_key);
    Reader reader(frame);
    msg::ResponseHeader header;
    header.decode(reader,
                  row == nullptr ? std::int16_t{0} : protocol::response_header_version(*row, call.version));
    if (reader.failed() || header.correlation_id != call.correlation_id) {
        auto broken = bad_answer(reader.failed() ? reader.why() : "it belongs to another request");
        call.done(broken);
        return broken;
    }
    // The completion may call again, or even drop its last interest in us: touch nothing of ours behind it.
    call.done(Reply{.body = frame.subslice(reader.position(), reader.remaining()), .version = call.version});
    return {};
}

void Client::disconnected(const Error& why) {
    if (!closed_) closed_because_ = why;
    closed_ = true;
    for (auto failing = std::exchange(waiting_, {}); !failing.empty(); failing.pop_front())
        failing.front().done(std::unexpected(closed_because_));
}

std::unexpected<Error> Client::bad_answer(const char* why) {
    return fail(ErrorCode::corrupt_message, std::string("cannot read the broker's answer: ") + why);
}

// ---------------------------------------------------------------- versions

void Client::negotiate(Completion<Status> done) {
    ask_versions(msg::ApiVersionsRequest::k_max_version, std::move(done));
}

void Client::ask_versions(std::int16_t version, Completion<Status> done) {
    msg::ApiVersionsRequest request;
    request.client_software_name = "gregor";
    request.client_software_version = "0";
    Writer writer;
    begin(writer, msg::ApiVersionsRequest::k_api_key, version);
    request.encode(writer, version);
    submit(std::move(writer), msg::ApiVersionsRequest::k_api_key, version,
           [this, version, done = std::move(done)](Result<Reply> reply) mutable {
               if (!reply) return done(std::unexpected(std::move(reply).error()));
               auto learnt = learn_versions(*reply);
               const bool too_new = !learnt && learnt.error().code == ErrorCode::unsupported_version;
               if (too_new && version > 0) return ask_versions(0, std::move(done));
               done(std::move(learnt));
           });
}

Status Client::learn_versions(const Reply& reply) {
    // A broker that does not know the version answers in v0 and says so in the first two bytes.
    const auto code = Reader(reply.body.bytes()).error();
    Reader reader(reply.body);
    msg::ApiVersionsResponse response;
    response.decode(reader, code == ErrorCode::unsupported_version ? std::int16_t{0} : reply.version);
    if (code != ErrorCode::none) return fail(code, "the broker refuses ApiVersions");
    if (!reader.finished()) return bad_answer(reader.why());
    broker_versions_.clear();
    for (const auto& api : response.api_keys)
        broker_versions_[api.api_key] = {.min = api.min_version, .max = api.max_version};
    return {};
}

std::optional<std::int16_t> Client::version_of(ApiKey key, std::int16_t cap) const {
    const auto found = broker_versions_.find(static_cast<std::int16_t>(key));
    const auto* row = protocol::find_api(static_cast<std::int16_t>(key));
    if (found == broker_versions_.end() || row == nullptr) return std::nullopt;
    const auto stable = row->unstable_from == protocol::k_no_version
                            ? row->max_version
                            : static_cast<std::int16_t>(row->unstable_from - 1);
    const auto highest = std::min({cap, stable, found->second.max});
    return highest >= std::max(row->min_version, found->second.min) ? std::optional(highest) : std::nullopt;
}

}  // namespace gregor::client
