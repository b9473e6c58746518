// One connection of the simulated network: two ends, a byte pipe each way.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "base/prng.h"
#include "base/ref.h"
#include "io/ports.h"
#include "sim/world.h"

namespace gregor::sim {

struct ConnectionModel {
    Duration latency;
    std::size_t window_bytes = 0;
    std::int64_t bytes_per_second = 0;
};

class Connection final : public RefCounted {
public:
    enum Side : std::uint8_t { client = 0, server = 1 };

    Connection(World& world, Prng prng, ConnectionModel model) : world_(world), prng_(prng), model_(model) {}

    void set_end(Side side, ProcessId process, io::Endpoint address);
    std::unique_ptr<io::Stream> stream(Side side);
    bool is_closed() const { return !ends_[client].open && !ends_[server].open; }
    bool has_end_in(ProcessId process) const;

    void stall(Instant until) { stalled_until_ = std::max(stalled_until_, until); }
    void break_off();                                        // both ends hear of it
    void process_died(ProcessId process, Instant heard_at);  // the other end hears of it then

private:
    friend class SimStream;
    struct End {
        ProcessId process;
        io::Endpoint address;
        io::StreamHandler* handler = nullptr;
        bool open = true;
        bool reading = false;
        bool closes_when_sent = false;
        bool flush_scheduled = false;
        std::deque<BufferChain::Element> outgoing;
        std::size_t under_way = 0;  // sent by this end, not yet read by the other
        Instant last_arrival;       // of what this end sent
        std::deque<std::vector<std::byte>> arrived;
        std::size_t arrived_read = 0;  // of the first piece
        bool finished = false;         // the other end will send no more
        std::optional<Error> broken;   // to be told as soon as there is a handler
    };
    static Side other(Side side) { return side == client ? server : client; }

    void set_handler(Side side, io::StreamHandler& handler);
    void send(Side side, BufferChain chain);
    void set_reading(Side side, bool reading);
    void close(Side side);
    void close_after_sending(Side side);

    void schedule_flush(Side side, Duration after);
    void flush(Side side);
    std::vector<std::byte> take_outgoing(End& end, std::size_t limit);
    void launch(Side from, std::vector<std::byte> bytes);
    void launch_piece(Side from, std::vector<std::byte> bytes);
    void launch_end(Side from);
    Instant arrival_time(End& from, std::size_t size);
    void arrive(Side at, std::vector<std::byte> bytes);
    void deliver(Side at);
    bool deliver_piece(Side at);
    void hear_end(Side at, Error why, Instant when);
    void tell_closed(Side at, Error why);

    World& world_;
    Prng prng_;
    ConnectionModel model_;
    std::array<End, 2> ends_;
    Instant stalled_until_;
    bool broken_ = false;
};

}  // namespace gregor::sim
