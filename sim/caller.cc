#include "sim/caller.h"

#include "base/assert.h"
#include "gen/misc/request_header.h"
#include "gen/misc/response_header.h"
#include "protocol/api_registry.h"

namespace gregor::sim {
namespace {

constexpr std::size_t k_frame_bytes_max = std::size_t{64} << 20U;

const protocol::ApiRow& row_of(std::int16_t api) {
    const auto* row = protocol::find_api(api);
    ASSERT(row != nullptr);
    return *row;
}

std::string describe_call(std::int16_t api, std::int16_t version) {
    return std::string(row_of(api).name) + " v" + std::to_string(version);
}

}  // namespace

Caller::~Caller() { forget_waiting(); }

void Caller::connect(const io::Endpoint& to) { ports_.network.connect(to, *this); }

void Caller::disconnect() {
    stream_ = nullptr;
    received_.clear();
    forget_waiting();
}

void Caller::forget_waiting() {
    for (const auto& waiting : waiting_) ports_.executor.cancel(waiting.timer);
    waiting_.clear();
}

void Caller::on_connected(std::unique_ptr<io::Stream> stream) {
    stream_ = std::move(stream);
    stream_->set_handler(*this);
    stream_->resume_reading();
    owner_.on_connected();
}

void Caller::on_connect_failed(const Error&) { owner_.on_disconnected(); }

void Caller::on_closed(const Error&) {
    disconnect();
    owner_.on_disconnected();
}

// ---------------------------------------------------------------- requests

void Caller::write_header(protocol::Writer& writer, std::int16_t api, std::int16_t version) {
    msg::RequestHeader header;
    header.request_api_key = api;
    header.request_api_version = version;
    header.correlation_id = ++last_correlation_;
    header.client_id = client_id_;
    header.encode(writer, protocol::request_header_version(row_of(api), version));
}

void Caller::send(protocol::Writer& writer, Waiting waiting, Duration patience) {
    waiting.timer = ports_.executor.call_at(ports_.clock.now() + patience,
                                            [this, id = waiting.correlation] { on_impatience(id); });
    waiting_.push_back(std::move(waiting));
    put(writer);
}

void Caller::put(protocol::Writer& writer) {
    ASSERT(stream_ != nullptr);
    ASSERT_MSG(!writer.failed(), writer.why());
    stream_->send(writer.take_framed());
}

void Caller::on_impatience(std::int32_t correlation) {
    for (const auto& waiting : waiting_) {
        if (waiting.correlation != correlation) continue;
        world_.fail(client_id_ + " got no answer to " + describe_call(waiting.api, waiting.version));
    }
}

// ---------------------------------------------------------------- answers

void Caller::on_read(std::size_t size) {
    received_.insert(received_.end(), buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(size));
    while (stream_ != nullptr && take_frame()) {
    }
}

bool Caller::take_frame() {
    constexpr std::size_t k_length_bytes = 4;
    if (received_.size() < k_length_bytes) return false;
    protocol::Reader reader(Bytes{received_});
    const auto size = static_cast<std::size_t>(reader.u32());
    if (size > k_frame_bytes_max) {
        world_.fail(client_id_ + " got a frame of " + std::to_string(size) + " bytes");
        return false;
    }
    if (received_.size() < k_length_bytes + size) return false;
    const auto frame = Slice::copy_of(Bytes{received_}.subspan(k_length_bytes, size));
    received_.erase(received_.begin(),
                    received_.begin() + static_cast<std::ptrdiff_t>(k_length_bytes + size));
    on_frame(frame);
    return true;
}

void Caller::on_frame(const Slice& frame) {
    if (waiting_.empty()) return world_.fail(client_id_ + " got an answer to nothing");
    auto waiting = std::move(waiting_.front());
    waiting_.pop_front();
    ports_.executor.cancel(waiting.timer);
    protocol::Reader reader(frame);
    msg::ResponseHeader header;
    header.decode(reader, protocol::response_header_version(row_of(waiting.api), waiting.version));
    if (reader.failed() || header.correlation_id != waiting.correlation) {
        return world_.fail(client_id_ + " waits for the answer to " +
                           describe_call(waiting.api, waiting.version) + " number " +
                           std::to_string(waiting.correlation) + ", got number " +
                           std::to_string(header.correlation_id));
    }
    waiting.answer(reader);
}

bool Caller::is_whole(const protocol::Reader& reader, std::int16_t api, std::int16_t version) {
    if (reader.finished()) return true;
    world_.fail(client_id_ + " cannot read the answer to " + describe_call(api, version) + ": " +
                (reader.failed() ? reader.why() : "bytes are left over"));
    return false;
}

}  // namespace gregor::sim
