#include "metadata/broker_lifecycle.h"

#include "base/assert.h"
#include "base/log.h"
#include "gen/api/broker_heartbeat.h"
#include "gen/api/broker_registration.h"
#include "metadata/features.h"
#include "metadata/record_codec.h"

namespace gregor::metadata {
namespace {

constexpr std::int16_t k_registration_version = 4;
constexpr std::int16_t k_heartbeat_version = 2;
constexpr int k_shutdown_beats_max = 8;  // the controller needs two on a single node

template <class Message>
BufferChain encode(const Message& message, std::int16_t version) {
    protocol::Writer writer;
    message.encode(writer, version);
    ASSERT_MSG(!writer.failed(), writer.why());
    return writer.take();
}

// Response strings would be views into `body`: only messages without any may leave it.
template <class Message>
Result<Message> decode(const BufferChain& body, std::int16_t version) {
    const auto bytes = to_slice(body);
    protocol::Reader reader(bytes);
    Message message;
    message.decode(reader, version);
    if (reader.failed()) return fail(ErrorCode::unknown_server_error, reader.why());
    if (message.error_code != ErrorCode::none)
        return fail(message.error_code, "the controller refused this broker");
    return message;
}

}  // namespace

ForwardedRequest BrokerLifecycle::forwarded(std::int16_t api_key, std::int16_t version,
                                            const BufferChain& body) const {
    return {.api_key = api_key,
            .version = version,
            .body = to_slice(body),
            .principal = "User:ANONYMOUS",
            .client_id = std::to_string(identity_.id.value()),
            .host = "127.0.0.1"};
}

void BrokerLifecycle::start(Completion<Result<std::int64_t>> registered) {
    ASSERT(state_ == State::starting);
    msg::BrokerRegistrationRequest request;
    request.broker_id = identity_.id.value();
    request.cluster_id = identity_.cluster_id;
    request.incarnation_id = identity_.incarnation_id;
    for (const auto& endpoint : identity_.endpoints) {
        auto& listener = request.listeners.emplace_back();
        listener.name = endpoint.name;
        listener.host = endpoint.host;
        listener.port = endpoint.port;
        listener.security_protocol = endpoint.security_protocol;
    }
    for (const auto& feature : supported_features()) {
        auto& range = request.features.emplace_back();
        range.name = feature.name;
        range.min_supported_version = feature.min;
        range.max_supported_version = feature.max;
    }
    request.rack = identity_.rack ? std::optional<std::string_view>(*identity_.rack) : std::nullopt;
    request.log_dirs = identity_.log_dirs;
    request.previous_broker_epoch = identity_.previous_broker_epoch;
    auto message =
        forwarded(request.k_api_key, k_registration_version, encode(request, k_registration_version));
    channel_.request(
        std::move(message), [this, done = std::move(registered)](Result<BufferChain> body) mutable {
            if (!body) return done(std::unexpected(std::move(body).error()));
            const auto answer = decode<msg::BrokerRegistrationResponse>(*body, k_registration_version);
            if (!answer) return done(std::unexpected(answer.error()));
            epoch_ = answer->broker_epoch;
            state_ = State::registered;
            LOG_INFO("broker_registered", epoch_);
            done(epoch_);
        });
}

void BrokerLifecycle::send(const Beat& beat, Completion<Result<BeatAnswer>> done) {
    msg::BrokerHeartbeatRequest request;
    request.broker_id = identity_.id.value();
    request.broker_epoch = epoch_;
    request.current_metadata_offset = beat.metadata_offset.value();
    request.want_fence = beat.want_fence;
    request.want_shut_down = beat.want_shut_down;
    request.cordoned_log_dirs = cordoned_;
    auto message = forwarded(request.k_api_key, k_heartbeat_version, encode(request, k_heartbeat_version));
    channel_.request(std::move(message), [done = std::move(done)](Result<BufferChain> body) mutable {
        if (!body) return done(std::unexpected(std::move(body).error()));
        const auto answer = decode<msg::BrokerHeartbeatResponse>(*body, k_heartbeat_version);
        if (!answer) return done(std::unexpected(answer.error()));
        done(BeatAnswer{answer->is_fenced, answer->should_shut_down});
    });
}

void BrokerLifecycle::ready(Offset metadata_offset, Completion<Status> unfenced) {
    ASSERT(state_ == State::registered);
    state_ = State::unfencing;
    send({.metadata_offset = metadata_offset}, [this, done = std::move(unfenced)](
                                                   Result<BeatAnswer> answer) mutable {
        if (!answer) return done(std::unexpected(std::move(answer).error()));
        if (answer->is_fenced)
            return done(fail(ErrorCode::broker_not_available, "the controller keeps this broker fenced"));
        state_ = State::running;
        done(Status{});
    });
}

void BrokerLifecycle::set_cordoned(std::vector<Uuid> directories, Offset metadata_offset) {
    if (cordoned_ == directories) return;
    cordoned_ = std::move(directories);
    if (state_ != State::running) return;
    heartbeat(metadata_offset, [](const Status& status) {
        if (!status) LOG_WARN("cordoned_directories_not_told", status.error().detail);
    });
}

void BrokerLifecycle::heartbeat(Offset metadata_offset, Completion<Status> done) {
    send({.metadata_offset = metadata_offset, .want_fence = state_ != State::running},
         [done = std::move(done)](Result<BeatAnswer> answer) mutable {
             done(answer ? Status{} : std::unexpected(std::move(answer).error()));
         });
}

void BrokerLifecycle::stop(std::function<Offset()> metadata_offset, Completion<Status> may_exit) {
    if (state_ != State::running) {
        state_ = State::stopped;
        return may_exit(Status{});
    }
    state_ = State::stopping;
    metadata_offset_ = std::move(metadata_offset);
    may_exit_ = std::move(may_exit);
    stop_step(k_shutdown_beats_max);
}

// The first heartbeat gives leadership away, the next one finds none left.
void BrokerLifecycle::stop_step(int beats_left) {
    send({.metadata_offset = metadata_offset_(), .want_shut_down = true},
         [this, beats_left](const Result<BeatAnswer>& answer) {
             if (answer && !answer->should_shut_down && beats_left > 1) return stop_step(beats_left - 1);
             state_ = State::stopped;
             may_exit_(answer ? Status{} : std::unexpected(answer.error()));
         });
}

}  // namespace gregor::metadata
