#include "sim/connection.h"

#include <algorithm>
#include <cstring>

#include "base/assert.h"

namespace gregor::sim {

class SimStream final : public io::Stream {
public:
    SimStream(Ref<Connection> connection, Connection::Side side)
        : connection_(std::move(connection)), side_(side) {}
    ~SimStream() override { connection_->close(side_); }
    void set_handler(io::StreamHandler& handler) override { connection_->set_handler(side_, handler); }
    void send(BufferChain chain) override { connection_->send(side_, std::move(chain)); }
    void pause_reading() override { connection_->set_reading(side_, false); }
    void resume_reading() override { connection_->set_reading(side_, true); }
    void close_after_sending() override { connection_->close_after_sending(side_); }
    void close() override { connection_->close(side_); }
    io::Endpoint peer() const override { return connection_->ends_[Connection::other(side_)].address; }

private:
    Ref<Connection> connection_;
    Connection::Side side_;
};

void Connection::set_end(Side side, ProcessId process, io::Endpoint address) {
    ends_[side].process = process;
    ends_[side].address = std::move(address);
}

std::unique_ptr<io::Stream> Connection::stream(Side side) {
    return std::make_unique<SimStream>(Ref<Connection>(this), side);
}

bool Connection::has_end_in(ProcessId process) const {
    return (ends_[client].open && ends_[client].process == process) ||
           (ends_[server].open && ends_[server].process == process);
}

// ---------------------------------------------------------------- what the owner of an end does

void Connection::set_handler(Side side, io::StreamHandler& handler) {
    auto& end = ends_[side];
    ASSERT(end.handler == nullptr);
    end.handler = &handler;
    if (end.broken) hear_end(side, *end.broken, world_.now());
}

void Connection::send(Side side, BufferChain chain) {
    auto& end = ends_[side];
    if (!end.open || end.closes_when_sent) return;
    for (const auto& element : chain.elements()) end.outgoing.push_back(element);
    schedule_flush(side, Duration::micros(2));
}

void Connection::set_reading(Side side, bool reading) {
    auto& end = ends_[side];
    if (std::exchange(end.reading, reading) || !reading) return;
    if (end.arrived.empty() && !end.finished) return;
    const Ref<Connection> self(this);
    world_.schedule(world_.now() + Duration::micros(1), end.process, "net_resumed",
                    [self, side] { self->deliver(side); });
}

// What was not handed over yet is lost; what is under way still arrives, then the end of the stream.
void Connection::close(Side side) {
    auto& end = ends_[side];
    if (!end.open) return;
    end.open = false;
    end.handler = nullptr;
    end.outgoing.clear();
    end.arrived.clear();
    launch_end(side);
}

void Connection::close_after_sending(Side side) {
    ends_[side].closes_when_sent = true;
    schedule_flush(side, Duration::micros(2));
}

// ---------------------------------------------------------------- the way out

void Connection::schedule_flush(Side side, Duration after) {
    auto& end = ends_[side];
    if (!end.open || std::exchange(end.flush_scheduled, true)) return;
    const Ref<Connection> self(this);
    world_.schedule(world_.now() + after, end.process, "net_flush", [self, side] { self->flush(side); });
}

void Connection::flush(Side side) {
    auto& end = ends_[side];
    end.flush_scheduled = false;
    if (!end.open || end.broken) return;
    const auto room = model_.window_bytes - std::min(model_.window_bytes, end.under_way);
    auto bytes = take_outgoing(end, room);
    const auto size = bytes.size();
    if (size > 0) launch(side, std::move(bytes));
    const Ref<Connection> self(this);  // the handler may destroy its stream
    if (size > 0 && end.handler != nullptr) end.handler->on_sent(size);
    if (!end.open || !end.outgoing.empty() || !end.closes_when_sent) return;
    launch_end(side);
    tell_closed(side, {ErrorCode::network_exception, "closed after everything was sent"});
}

std::vector<std::byte> Connection::take_outgoing(End& end, std::size_t limit) {
    std::vector<std::byte> bytes;
    while (!end.outgoing.empty() && bytes.size() < limit) {
        auto& front = end.outgoing.front();
        const auto had = bytes.size();
        if (auto* slice = std::get_if<Slice>(&front)) {
            const auto size = std::min(slice->size(), limit - had);
            bytes.insert(bytes.end(), slice->data(), slice->data() + size);
            *slice = slice->subslice(size, slice->size() - size);
            if (slice->empty()) end.outgoing.pop_front();
            continue;
        }
        auto& range = std::get<FileRange>(front);
        const auto size = std::min(range.size, limit - had);
        bytes.resize(had + size);
        auto& file = dynamic_cast<io::File&>(*range.source);
        const auto read = file.read_at(range.position, std::span(bytes).subspan(had));
        if (!read || *read != size) {  // truncated under us: the stream cannot go on
            bytes.resize(had);
            end.outgoing.clear();
            break_off();
            break;
        }
        range.position += static_cast<std::int64_t>(size);
        range.size -= size;
        if (range.size == 0) end.outgoing.pop_front();
    }
    return bytes;
}

// Splits at random places, so that a reader sees frames in pieces.
void Connection::launch(Side from, std::vector<std::byte> bytes) {
    std::size_t pieces = prng_.chance(1, 4) ? 1 + prng_.below(4) : 1;
    for (; pieces > 1 && bytes.size() > 1; --pieces) {
        const auto bound = prng_.chance(1, 4) ? std::min<std::size_t>(bytes.size() - 1, 8) : bytes.size() - 1;
        const auto size = static_cast<std::ptrdiff_t>(1 + prng_.below(bound));
        launch_piece(from, {bytes.begin(), bytes.begin() + size});
        bytes.erase(bytes.begin(), bytes.begin() + size);
    }
    launch_piece(from, std::move(bytes));
}

void Connection::launch_piece(Side from, std::vector<std::byte> bytes) {
    auto& end = ends_[from];
    const auto to = other(from);
    end.under_way += bytes.size();
    const auto when = arrival_time(end, bytes.size());
    const Ref<Connection> self(this);
    world_.schedule(when, ends_[to].process, "net_arrive",
                    [self, to, piece = std::move(bytes)]() mutable { self->arrive(to, std::move(piece)); });
}

void Connection::launch_end(Side from) {
    if (broken_) return;
    const auto to = other(from);
    const auto when = arrival_time(ends_[from], 0);
    const Ref<Connection> self(this);
    world_.schedule(when, ends_[to].process, "net_end", [self, to] {
        self->ends_[to].finished = true;
        self->deliver(to);
    });
}

// Strictly after everything that was sent before.
Instant Connection::arrival_time(End& from, std::size_t size) {
    const auto jitter = Duration::nanos(prng_.between(0, model_.latency.to_nanos()));
    const auto transfer =
        Duration::nanos(static_cast<std::int64_t>(size) * 1'000'000'000 / model_.bytes_per_second);
    const auto earliest = std::max(world_.now() + model_.latency + jitter, stalled_until_);
    from.last_arrival = std::max(earliest, from.last_arrival) + transfer + Duration::nanos(1);
    return from.last_arrival;
}

// ---------------------------------------------------------------- the way in

void Connection::arrive(Side at, std::vector<std::byte> bytes) {
    auto& end = ends_[at];
    if (broken_ || !end.open || end.broken) return;
    world_.note_bytes(bytes);
    end.arrived.push_back(std::move(bytes));
    deliver(at);
}

void Connection::deliver(Side at) {
    const Ref<Connection> self(this);  // the handler may destroy its stream
    auto& end = ends_[at];
    while (end.open && end.reading && !end.broken && !end.arrived.empty() && world_.is_alive(end.process)) {
        if (!deliver_piece(at)) return;
    }
    if (end.open && end.reading && end.finished && end.arrived.empty() && !end.broken) {
        tell_closed(at, {ErrorCode::network_exception, "closed by the peer"});
    }
}

bool Connection::deliver_piece(Side at) {
    auto& end = ends_[at];
    if (end.handler == nullptr) return false;
    auto& piece = end.arrived.front();
    const auto target = end.handler->read_target();
    ASSERT(!target.empty());
    const auto size = std::min(target.size(), piece.size() - end.arrived_read);
    std::memcpy(target.data(), piece.data() + end.arrived_read, size);
    end.arrived_read += size;
    if (end.arrived_read == piece.size()) {
        end.arrived.pop_front();
        end.arrived_read = 0;
    }
    auto& sender = ends_[other(at)];
    sender.under_way -= size;
    if (!sender.outgoing.empty()) schedule_flush(other(at), model_.latency);
    end.handler->on_read(size);
    return true;
}

// ---------------------------------------------------------------- ends

void Connection::break_off() {
    if (std::exchange(broken_, true)) return;
    const Error why{ErrorCode::network_exception, "connection reset"};
    for (const auto side : {client, server}) {
        hear_end(side, why, world_.now() + Duration::micros(prng_.between(1, 2'000)));
    }
}

void Connection::process_died(ProcessId process, Instant heard_at) {
    broken_ = true;
    const auto side = ends_[client].process == process ? client : server;
    ends_[side].open = false;
    ends_[side].handler = nullptr;
    ends_[side].outgoing.clear();
    hear_end(other(side), {ErrorCode::network_exception, "connection reset: the peer is gone"}, heard_at);
}

void Connection::hear_end(Side at, Error why, Instant when) {
    if (!ends_[at].open) return;
    const Ref<Connection> self(this);
    world_.schedule(when, ends_[at].process, "net_broken", [self, at, error = std::move(why)]() mutable {
        self->tell_closed(at, std::move(error));
    });
}

void Connection::tell_closed(Side at, Error why) {
    auto& end = ends_[at];
    if (!end.open) return;
    end.broken = why;
    end.outgoing.clear();
    if (end.handler == nullptr) return;
    end.open = false;
    std::exchange(end.handler, nullptr)->on_closed(why);
}

}  // namespace gregor::sim
