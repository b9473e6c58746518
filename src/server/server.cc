#include "server/server.h"

#include <algorithm>

#include "base/log.h"

namespace gregor::server {
namespace {

constexpr std::size_t k_scratch_bytes = 64 * 1024;
// How late the end of a patience may be noticed, as a part of the shortest one.
constexpr std::int64_t k_patience_checks = 4;

Duration shortest_patience(const ConnectionLimits& limits) {
    return std::min({limits.idle_max, limits.frame_stall_max, limits.slow_reader_max});
}

}  // namespace

ShardServer::ShardServer(ShardServices& services, const ApiTable& apis)
    : services_(services),
      dispatcher_(services, apis, *this),
      request_memory_(make_ref<BudgetAccount>("requests", services.config.limits.shard_request_bytes_max)) {}

// Tasks and timers of ours that still wait are dropped with the loop, uncalled.
ShardServer::~ShardServer() = default;

MutableBytes ShardServer::scratch() {
    if (!scratch_) scratch_ = Buffer::allocate(k_scratch_bytes);
    return scratch_->writable();
}

// ---------------------------------------------------------------- coming

void ShardServer::on_accept(std::uint32_t listener, std::unique_ptr<io::Stream> stream) {
    const auto& limits = services_.config.limits;
    if (is_draining_) return;  // closes
    if (open_ >= limits.connections_max) {
        const auto peer = stream->peer().host;
        LOG_WARN("connection_refused", peer, limits.connections_max);
        return;
    }
    const auto id = free_slot();
    auto peer = identify(listener, *stream);
    LOG_DEBUG("connection_accepted", peer->host, peer->port, peer->listener_name);
    auto& slot = slots_[id.slot];
    slot.connection = std::make_unique<Connection>(id, std::move(peer), std::move(stream), limits,
                                                   request_memory_, dispatcher_, *this);
    ++open_;
    slot.connection->start();
    arm_patience_timer();
}

Ref<const PeerIdentity> ShardServer::identify(std::uint32_t listener, const io::Stream& stream) const {
    ASSERT(listener < services_.config.listeners.size());
    const auto& config = services_.config.listeners[listener];
    auto peer = make_ref<PeerIdentity>();
    auto endpoint = stream.peer();
    peer->host = std::move(endpoint.host);
    peer->port = endpoint.port;
    peer->listener = listener;
    peer->listener_name = config.name;
    peer->on_controller = config.is_controller;
    return peer;
}

ConnectionId ShardServer::free_slot() {
    if (free_slots_.empty()) {
        free_slots_.push_back(static_cast<std::uint32_t>(slots_.size()));
        slots_.emplace_back();
    }
    const auto slot = free_slots_.back();
    free_slots_.pop_back();
    return {slot, slots_[slot].generation};
}

Connection* ShardServer::find(ConnectionId id) {
    ASSERT(id.slot < slots_.size());
    auto& slot = slots_[id.slot];
    return slot.generation == id.generation ? slot.connection.get() : nullptr;
}

// ---------------------------------------------------------------- answers and memory

void ShardServer::answer(ConnectionId id, std::uint64_t request, Answer answer) {
    if (auto* connection = find(id)) connection->answer(request, std::move(answer));
    feed_starved();
}

// Memory was given back: those who wait for it go on, first come, first served.
void ShardServer::feed_starved() {
    while (!starved_.empty() && request_memory_->has_room()) {
        const auto id = starved_.front();
        starved_.pop_front();
        if (auto* connection = find(id)) connection->on_memory();
    }
}

void ShardServer::wait_for_memory(ConnectionId connection) {
    starved_.push_back(connection);
    arm_hoarding_timer();
}

// Runs only while somebody waits for memory.
void ShardServer::arm_hoarding_timer() {
    if (is_hoarding_armed_ || starved_.empty()) return;
    is_hoarding_armed_ = true;
    const auto when = now() + services_.config.limits.frame_stall_max_without_memory;
    hoarding_timer_ = services_.ports.executor.call_at(when, [this] { check_hoarding(); });
}

void ShardServer::check_hoarding() {
    is_hoarding_armed_ = false;
    const auto at = now();
    if (!request_memory_->has_room()) {
        for (auto& slot : slots_) {
            if (slot.connection != nullptr) slot.connection->check_hoarding(at);
        }
    }
    feed_starved();
    arm_hoarding_timer();
}

// ---------------------------------------------------------------- going

// The handle is dead at once; the object goes in a later turn, since it is its own caller.
void ShardServer::retire(ConnectionId id) {
    auto& slot = slots_[id.slot];
    ASSERT(slot.generation == id.generation && slot.connection != nullptr);
    retired_.push_back(std::move(slot.connection));
    ++slot.generation;
    free_slots_.push_back(id.slot);
    --open_;
    if (is_burial_posted_) return;
    is_burial_posted_ = true;
    services_.ports.executor.post([this] { bury_retired(); });
}

void ShardServer::bury_retired() {
    is_burial_posted_ = false;
    std::exchange(retired_, {}).clear();  // gives back the memory of frames that never became whole
    feed_starved();
    end_drain();
}

// One timer for all connections, and none when there are none.
void ShardServer::arm_patience_timer() {
    if (is_patience_armed_ || open_ == 0) return;
    is_patience_armed_ = true;
    const auto span = shortest_patience(services_.config.limits);
    const auto when = now() + Duration::nanos(span.to_nanos() / k_patience_checks);
    patience_timer_ = services_.ports.executor.call_at(when, [this] { check_patience(); });
}

void ShardServer::check_patience() {
    is_patience_armed_ = false;
    const auto at = now();
    for (auto& slot : slots_) {
        if (slot.connection != nullptr) slot.connection->check_patience(at);
    }
    arm_patience_timer();
}

void ShardServer::drain(Instant deadline, io::Task done) {
    ASSERT(!is_draining_);
    is_draining_ = true;
    on_drained_ = std::move(done);
    drain_timer_ = services_.ports.executor.call_at(deadline, [this] {
        for (auto& slot : slots_) {
            if (slot.connection != nullptr) slot.connection->close("the server stops");
        }
    });
    for (auto& slot : slots_) {
        if (slot.connection != nullptr) slot.connection->drain();
    }
    services_.ports.executor.post([this] { end_drain(); });
}

void ShardServer::end_drain() {
    if (!is_draining_ || open_ > 0 || on_drained_ == nullptr) return;
    services_.ports.executor.cancel(drain_timer_);
    services_.ports.executor.cancel(patience_timer_);
    services_.ports.executor.cancel(hoarding_timer_);
    std::exchange(on_drained_, nullptr)();
}

}  // namespace gregor::server
