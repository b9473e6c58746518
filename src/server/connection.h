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
    virtual void wait_for_memory(ConnectionId connection, const BudgetAccount& account) = 0;
    // The same for another answer.
    virtual void wait_for_answers(ConnectionId connection) = 0;
    // Whether the answers of all connections leave room for one more of a connection that has so many bytes
    // waiting already.
    virtual bool has_room_for_answers(std::size_t waiting) const = 0;
    // It holds so many more bytes of answers, or fewer.
    virtual void change_answer_bytes(std::size_t added, std::size_t sent) = 0;
    // It has done enough for this turn: call on_turn() in a later one.
    virtual void wait_for_turn(ConnectionId connection) = 0;
    // Its client used more than its quota: call on_time() then.
    virtual void wait_until(ConnectionId connection, Instant when) = 0;
    // It is closed: forget it, but not before this turn is over.
    virtual void retire(ConnectionId connection) = 0;
};

// Lives on the shard that accepted it, owned by the shard's server.
//
// Reading stops (back-pressure) while the request at the front may not start yet, too many are in flight, too
// many answer bytes are queued, the client is over its quota, or the shard's memory for requests or answers
// is used up; what was read already is kept aside, and counts as memory for requests. Reads start small and
// grow as long as nothing is left over, so that what is kept aside stays small, too.
class Connection final : public io::StreamHandler {
public:
    Connection(ConnectionId id, Ref<const PeerIdentity> peer, std::unique_ptr<io::Stream> stream,
               const ConnectionLimits& limits, const RequestMemory& memory, Dispatcher& dispatcher,
               ConnectionHost& host);

    void start();

    MutableBytes read_target() override;
    void on_read(std::size_t size) override;
    void on_sent(std::size_t size) override;
    void on_closed(const Error& why) override;

    // The answer to request number `request` of this connection.
    void answer(std::uint64_t request, Answer answer);
    void on_memory();
    void on_turn();
    void on_time();
    // Reads no more; closes when everything asked has been answered.
    void drain();
    void close(std::string_view why);
    // Closes what is idle, takes no answers, or has stopped in the middle of a frame.
    void check_patience(Instant now);
    // Others wait for memory: closes if this one sits on some in the middle of a frame that does not come.
    void check_hoarding(Instant now);
    // The same for the memory of answers.
    void check_taking(Instant now);
    // What it holds of this account for requests that nobody is working on.
    std::size_t bytes_hoarded(const BudgetAccount& account) const;

    ConnectionId id() const { return id_; }
    const PeerIdentity& peer() const { return *peer_; }
    bool is_closed() const { return is_closed_; }
    std::size_t requests_in_flight() const { return slots_.size(); }
    std::size_t response_bytes_queued() const { return queued_bytes_; }
    std::size_t answer_memory() const { return answer_memory_; }
    bool is_reading() const { return is_reading_; }

private:
    static constexpr std::size_t k_read_min = 2 * 1024;
    static constexpr std::size_t k_read_growth = 4;
    // Fewer bytes between two looks are no progress while others wait for memory.
    static constexpr std::size_t k_progress_min = 4 * 1024;

    // A request's place in the order of answers.
    struct Slot {
        bool is_answered = false;
        Answer answer;
    };

    void process(Bytes& input);
    void process_kept();
    void keep(Bytes rest);
    void learn_read_size(std::size_t size, bool has_rest);
    bool take_frame(Bytes& input);
    bool handle_outcome(FrameReader::Outcome outcome);
    bool may_start(const Frame& frame) const;
    bool has_its_turn();
    bool has_room_for_answer();
    bool is_over_limits() const;
    void start_request();
    void send_answered();
    void hold_back(Duration span);
    void refuse();
    void update_reading();
    void end_drain();
    void log_bad_frame(std::string_view why) const;

    const ConnectionId id_;
    const Ref<const PeerIdentity> peer_;
    const std::unique_ptr<io::Stream> stream_;
    const ConnectionLimits& limits_;
    const RequestMemory& memory_;
    Dispatcher& dispatcher_;
    ConnectionHost& host_;

    FrameReader reader_;
    std::optional<Frame> next_frame_;  // complete, but may not start yet
    std::vector<std::byte> kept_;      // read, but not looked at yet
    Charge kept_charge_;
    std::size_t kept_from_ = 0;
    std::size_t read_max_ = k_read_min;
    std::deque<Slot> slots_;  // of requests first_request_, first_request_ + 1, ...
    std::uint64_t first_request_ = 0;
    std::int16_t overlapping_key_ =
        -1;                          // of the requests in flight, when others of it may join them; else -1
    std::size_t queued_bytes_ = 0;   // of answers: in slots or not with the kernel yet
    std::size_t answer_memory_ = 0;  // of these, what is not a range of a file; at most

    Instant last_read_;
    Instant frame_since_;  // when the frame began in whose middle it is
    std::size_t read_since_look_ = 0;
    std::size_t started_this_turn_ = 0;
    Instant held_back_until_;
    Instant last_progress_;  // of what is sent, or when something was queued on an empty queue
    bool target_is_direct_ = false;
    bool is_reading_ = false;
    bool is_processing_ = false;
    bool waits_for_memory_ = false;
    bool waits_for_turn_ = false;
    bool is_held_back_ = false;
    bool is_draining_ = false;
    bool is_refused_ = false;  // ends as soon as the answers before are out; what comes later is dropped
    bool is_closed_ = false;
};

}  // namespace gregor::server
