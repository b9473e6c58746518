// One client's connection: bytes in, frames to dispatch, answers out in order.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "io/ports.h"
#include "server/config.h"
#include "server/dispatch.h"
#include "server/frame_reader.h"

namespace gregor::server {

// What a connection uses of its shard's server. Outlives it.
class ConnectionHost {
public:
    virtual ~ConnectionHost() = default;
    // A block that one read may fill; its content is gone after the turn.
    virtual MutableBytes scratch() = 0;
    virtual Instant now() const = 0;
    // There is no memory for its next frame: call on_memory() when there may be.
    virtual void wait_for_memory(ConnectionId connection) = 0;
    // It is closed: forget it, but not before this turn is over.
    virtual void retire(ConnectionId connection) = 0;
};

// Lives on the shard that accepted it, owned by the shard's server.
//
// Reading stops (back-pressure) while the request at the front may not start yet, too many are in flight, too
// many answer bytes are queued, or the shard's memory for requests is used up; what was read already is kept
// aside.
class Connection final : public io::StreamHandler {
public:
    Connection(ConnectionId id, Ref<const PeerIdentity> peer, std::unique_ptr<io::Stream> stream,
               const ConnectionLimits& limits, Ref<BudgetAccount> account, Dispatcher& dispatcher,
               ConnectionHost& host);

    void start();

    MutableBytes read_target() override;
    void on_read(std::size_t size) override;
    void on_sent(std::size_t size) override;
    void on_closed(const Error& why) override;

    // The answer to request number `request` of this connection.
    void answer(std::uint64_t request, Answer answer);
    void on_memory();
    // Reads no more; closes when everything asked has been answered.
    void drain();
    void close(std::string_view why);
    // Closes what is idle, takes no answers, or has stopped in the middle of a frame.
    void check_patience(Instant now);
    // Others wait for memory: closes if this one sits on some in the middle of a frame and sends nothing.
    void check_hoarding(Instant now);

    ConnectionId id() const { return id_; }
    bool is_closed() const { return is_closed_; }
    std::size_t requests_in_flight() const { return slots_.size(); }
    std::size_t response_bytes_queued() const { return queued_bytes_; }
    bool is_reading() const { return is_reading_; }

private:
    // A request's place in the order of answers.
    struct Slot {
        bool is_answered = false;
        Answer answer;
    };

    void process(Bytes& input);
    void process_kept();
    bool take_frame(Bytes& input);
    bool handle_outcome(FrameReader::Outcome outcome);
    bool may_start(const Frame& frame) const;
    bool is_over_limits() const;
    void start_request();
    void send_answered();
    void refuse();
    void update_reading();
    void end_drain();
    void log_bad_frame(std::string_view why) const;

    const ConnectionId id_;
    const Ref<const PeerIdentity> peer_;
    const std::unique_ptr<io::Stream> stream_;
    const ConnectionLimits& limits_;
    Dispatcher& dispatcher_;
    ConnectionHost& host_;

    FrameReader reader_;
    std::optional<Frame> next_frame_;  // complete, but may not start yet
    std::vector<std::byte> kept_;      // read, but not looked at yet
    std::size_t kept_from_ = 0;
    std::deque<Slot> slots_;  // of requests first_request_, first_request_ + 1, ...
    std::uint64_t first_request_ = 0;
    std::int16_t overlapping_key_ =
        -1;                         // of the requests in flight, when others of it may join them; else -1
    std::size_t queued_bytes_ = 0;  // of answers: in slots or not with the kernel yet

    Instant last_read_;
    Instant last_progress_;  // of what is sent, or when something was queued on an empty queue
    bool target_is_direct_ = false;
    bool is_reading_ = false;
    bool is_processing_ = false;
    bool waits_for_memory_ = false;
    bool is_draining_ = false;
    bool is_refused_ = false;  // ends as soon as the answers before are out; what comes later is dropped
    bool is_closed_ = false;
};

}  // namespace gregor::server
