#include "server/server.h"

#include <algorithm>
#include <functional>

#include "base/log.h"
#include "server/waiting_fetches.h"

namespace gregor::server {
namespace {

constexpr std::size_t k_scratch_bytes = 64 * 1024;
// How late the end of a patience may be noticed, as a part of the shortest one.
constexpr std::int64_t k_patience_checks = 4;

Duration shortest_patience(const ConnectionLimits& limits) {
    return std::min({limits.idle_max, limits.frame_stall_max, limits.slow_reader_max});
}

// A question to the node's quotas on its way to shard 0, and the answer on its way back.
struct Admission {
    io::Shards* shards;
    ConnectionQuotas* quotas;
    ShardServer* server;
    ShardId shard;
    std::uint64_t number;
    ConnectionQuotas::Asker asker;
    bool admitted = false;
};
struct AdmissionDelivery {
    Admission admission;
    void operator()() {
        admission.server->on_admission(admission.number, admission.asker, admission.admitted);
    }
};
struct AdmissionReply {
    Admission admission;
    void operator()(bool admitted) {
        admission.admitted = admitted;
        auto* shards = admission.shards;
        const auto shard = admission.shard;
        shards->submit(shard, AdmissionDelivery{std::move(admission)});
    }
};
struct AdmissionQuestion {
    Admission admission;
    void operator()() {
        const auto asker = admission.asker;
        admission.quotas->ask(asker, AdmissionReply{std::move(admission)});
    }
};

}  // namespace

ShardServer::ShardServer(ShardServices& services, const ApiTable& apis)
    : services_(services),
      dispatcher_(services, apis, *this),
      request_memory_{
          make_ref<BudgetAccount>("small_requests", services.config.limits.shard_small_request_bytes_max),
          make_ref<BudgetAccount>("large_requests", services.config.limits.shard_request_bytes_max)} {}

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
    if (services_.quotas != nullptr) return ask_quotas(listener, std::move(stream));
    open(listener, std::move(stream));
}

void ShardServer::ask_quotas(std::uint32_t listener, std::unique_ptr<io::Stream> stream) {
    const auto number = next_admission_++;
    ConnectionQuotas::Asker asker{.host = stream->peer().host, .listener = listener};
    unadmitted_[number] = {listener, std::move(stream)};
    auto& ports = services_.ports;
    ports.shards.submit(ShardId{0}, AdmissionQuestion{{.shards = &ports.shards,
                                                       .quotas = services_.quotas,
                                                       .server = this,
                                                       .shard = ports.shard,
                                                       .number = number,
                                                       .asker = std::move(asker)}});
}

void ShardServer::on_admission(std::uint64_t number, const ConnectionQuotas::Asker& asker, bool admitted) {
    auto found = unadmitted_.extract(number);
    if (!admitted) return;  // closes
    if (found.empty() || is_draining_) return release_quota(asker);
    open(found.mapped().listener, std::move(found.mapped().stream));
}

void ShardServer::release_quota(const ConnectionQuotas::Asker& asker) {
    if (services_.quotas == nullptr) return;
    services_.ports.shards.submit(ShardId{0}, [quotas = services_.quotas, asker] { quotas->release(asker); });
}

void ShardServer::open(std::uint32_t listener, std::unique_ptr<io::Stream> stream) {
    const auto& limits = services_.config.limits;
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

// Memory was given back: those who wait for it go on, first come, first served. Their answers may give back
// more within this call: that is why it goes round until nobody is fed.
void ShardServer::feed_starved() {
    if (std::exchange(is_feeding_, true)) return;
    bool has_fed = true;
    while (has_fed) {
        has_fed = feed(for_answers_, &ShardServer::has_answer_memory);
        has_fed = feed(for_small_, &ShardServer::has_small_memory) || has_fed;
        has_fed = feed(for_large_, &ShardServer::has_large_memory) || has_fed;
    }
    is_feeding_ = false;
}

// Each of those who wait now once at most.
bool ShardServer::feed(Queue& queue, bool (ShardServer::*has_room)() const) {
    bool has_fed = false;
    for (auto left = queue.waiting.size(); left > 0 && (this->*has_room)(); --left) {
        const auto id = queue.waiting.front();
        queue.waiting.pop_front();
        auto* connection = find(id);
        if (connection == nullptr) continue;
        has_fed = queue.has_fed = true;
        connection->on_memory();
    }
    return has_fed;
}

void ShardServer::wait_for_memory(ConnectionId connection, const BudgetAccount& account) {
    auto& queue = &account == request_memory_.small.get() ? for_small_ : for_large_;
    queue.waiting.push_back(connection);
    arm_relief_timer();
}

void ShardServer::wait_for_answers(ConnectionId connection) {
    for_answers_.waiting.push_back(connection);
    arm_relief_timer();
}

// Beyond the limit only who has taken all his answers gets more, up to twice as much.
bool ShardServer::has_room_for_answers(std::size_t waiting) const {
    const auto limit = services_.config.limits.shard_response_bytes_max;
    return answer_bytes_ < (waiting > 0 ? limit : 2 * limit);
}

void ShardServer::change_answer_bytes(std::size_t added, std::size_t sent) {
    const bool was_full = !has_answer_memory();
    ASSERT(sent <= answer_bytes_ + added);
    answer_bytes_ += added;
    answer_bytes_ -= sent;
    if (!has_answer_memory()) arm_relief_timer();
    if (was_full) feed_starved();
}

void ShardServer::wait_for_turn(ConnectionId connection) {
    waiting_for_turn_.push_back(connection);
    if (waiting_for_turn_.size() == 1) services_.ports.executor.post([this] { give_turns(); });
}

void ShardServer::give_turns() {
    for (const auto id : std::exchange(waiting_for_turn_, {})) {
        if (auto* connection = find(id)) connection->on_turn();
    }
}

void ShardServer::wait_until(ConnectionId id, Instant when) {
    services_.ports.executor.call_at(when, [this, id] {
        if (auto* connection = find(id)) connection->on_time();
    });
}

// Runs only while there is a shortage.
void ShardServer::arm_relief_timer() {
    const bool is_short = !for_small_.waiting.empty() || !for_large_.waiting.empty() || !has_answer_memory();
    if (is_relief_armed_ || !is_short) return;
    is_relief_armed_ = true;
    const auto when = now() + services_.config.limits.patience_without_memory;
    relief_timer_ = services_.ports.executor.call_at(when, [this] { relieve(); });
}

void ShardServer::relieve() {
    is_relief_armed_ = false;
    const auto at = now();
    if (!has_small_memory() || !has_large_memory()) relieve_requests(at);
    if (!has_answer_memory()) relieve_answers(at);
    for_small_.has_fed = for_large_.has_fed = false;
    feed_starved();
    arm_relief_timer();
}

// Who is late with his frame goes. When nobody is and still nothing moves, the frames wait for each other, or
// behind requests that take their time: then the largest go.
void ShardServer::relieve_requests(Instant at) {
    const auto before = open_;
    for (auto& slot : slots_) {
        if (slot.connection != nullptr) slot.connection->check_hoarding(at);
    }
    if (open_ < before) return;
    if (!has_small_memory() && !for_small_.has_fed) close_largest(*request_memory_.small);
    if (!has_large_memory() && !for_large_.has_fed) close_largest(*request_memory_.large);
}

// Until half of the account is free, unless most of it is with requests that are being worked on.
void ShardServer::close_largest(const BudgetAccount& account) {
    struct Hoard {
        std::size_t bytes = 0;
        ConnectionId id;
    };
    std::vector<Hoard> hoards;
    std::size_t hoarded = 0;
    for (const auto& slot : slots_) {
        const auto bytes = slot.connection == nullptr ? 0 : slot.connection->bytes_hoarded(account);
        if (bytes == 0) continue;
        hoards.push_back({bytes, slot.connection->id()});
        hoarded += bytes;
    }
    const auto enough = account.limit() / 2;
    if (hoarded < enough) return;
    std::ranges::sort(hoards, std::greater(), &Hoard::bytes);
    std::size_t freed = 0;
    for (const auto& hoard : hoards) {
        if (freed >= enough) break;
        freed += hoard.bytes;
        find(hoard.id)->close("it holds most of the memory that others wait for");
    }
}

void ShardServer::relieve_answers(Instant at) {
    for (auto& slot : slots_) {
        if (slot.connection != nullptr) slot.connection->check_taking(at);
    }
}

// ---------------------------------------------------------------- going

// The handle is dead at once; the object goes in a later turn, since it is its own caller.
void ShardServer::retire(ConnectionId id) {
    auto& slot = slots_[id.slot];
    ASSERT(slot.generation == id.generation && slot.connection != nullptr);
    answer_bytes_ -= slot.connection->answer_memory();
    const auto& peer = slot.connection->peer();
    release_quota({.host = peer.host, .listener = peer.listener});
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
    // Gives back the memory of frames that never became whole, and of what waits for a client that has gone.
    for (const auto& connection : std::exchange(retired_, {}))
        services_.waiting_fetches.end(connection->id());
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
    unadmitted_.clear();
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
    services_.ports.executor.cancel(relief_timer_);
    std::exchange(on_drained_, nullptr)();
}

}  // namespace gregor::server
