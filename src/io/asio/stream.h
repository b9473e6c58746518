// One TCP connection of the kernel, driven by readiness.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <deque>
#include <memory>

#include "io/asio/loop.h"
#include "io/asio/unique_fd.h"
#include "io/ports.h"

namespace gregor::io {

// The connection itself. Lives on its shard; kept by its owner's KernelStream and by whatever waits in the
// loop for it, so a callback may destroy the KernelStream that it came through.
//
// Reading: waits until there are bytes, only then asks the handler where they go. Writing: what is queued in
// a turn leaves at its end in as few system calls as there are file ranges; what the kernel does not take
// waits for room.
class Connection final : public Flushable {
public:
    Connection(Loop& loop, UniqueFd fd, Endpoint peer);

    void set_handler(StreamHandler& handler);
    void send(BufferChain chain);
    void pause_reading() { reading_ = false; }
    void resume_reading();
    void close_after_sending();
    void close();
    const Endpoint& peer() const { return peer_; }

    void flush() override;

private:
    ~Connection() override;
    enum class Outcome : std::uint8_t { done, would_block, failed };
    struct Sent {
        std::size_t size = 0;
        Outcome outcome = Outcome::done;
    };

    void wait_for_bytes();
    void read_available();
    bool read_once();
    void wait_for_room();
    void schedule_flush();
    Sent send_queued();
    Sent send_slices();
    Sent send_range();
    void drop_sent(std::size_t size);
    void end(std::string why);

    Loop& loop_;
    boost::asio::posix::stream_descriptor descriptor_;
    const Endpoint peer_;
    StreamHandler* handler_ = nullptr;

    std::deque<BufferChain::Element> queue_;
    std::size_t sent_of_front_ = 0;

    bool reading_ = false;          // the user wants bytes
    bool waits_for_bytes_ = false;  // the loop will tell
    bool waits_for_room_ = false;
    bool flush_scheduled_ = false;
    bool closes_after_sending_ = false;
    bool closed_ = false;
};

class KernelStream final : public Stream {
public:
    explicit KernelStream(Ref<Connection> connection) : connection_(std::move(connection)) {}
    ~KernelStream() override { connection_->close(); }

    void set_handler(StreamHandler& handler) override { connection_->set_handler(handler); }
    void send(BufferChain chain) override { connection_->send(std::move(chain)); }
    void pause_reading() override { connection_->pause_reading(); }
    void resume_reading() override { connection_->resume_reading(); }
    void close_after_sending() override { connection_->close_after_sending(); }
    void close() override { connection_->close(); }
    Endpoint peer() const override { return connection_->peer(); }

private:
    const Ref<Connection> connection_;
};

// Takes a connected, non-blocking socket: no delay for small answers, no signal for a gone peer.
std::unique_ptr<Stream> make_stream(Loop& loop, UniqueFd fd, Endpoint peer);

}  // namespace gregor::io
