// The server of one shard: its connections, their memory, their ends.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "base/budget.h"
#include "io/ports.h"
#include "server/connection.h"
#include "server/dispatch.h"
#include "server/services.h"

namespace gregor::server {

// Lives on its shard, made by node/, which registers it as the accept handler and listens. Outlives its
// connections; calls that are still unanswered find their connection by handle, or nothing.
class ShardServer final : public io::AcceptHandler, public AnswerSink, public ConnectionHost {
public:
    ShardServer(ShardServices& services, const ApiTable& apis);
    ~ShardServer() override;

    void on_accept(std::uint32_t listener, std::unique_ptr<io::Stream> stream) override;
    void answer(ConnectionId connection, std::uint64_t request, Answer answer) override;

    // Lets every connection answer what it was asked, then closes it; `done` follows when the last one is
    // gone, or at `deadline`, when the rest is cut off. What is accepted from now on is closed at once.
    void drain(Instant deadline, io::Task done);

    std::size_t connections() const { return open_; }
    const BudgetAccount& request_memory() const { return *request_memory_; }

    MutableBytes scratch() override;
    Instant now() const override { return services_.ports.clock.now(); }
    void wait_for_memory(ConnectionId connection) override;
    void retire(ConnectionId connection) override;

private:
    struct Slot {
        std::uint32_t generation = 0;
        std::unique_ptr<Connection> connection;
    };

    Connection* find(ConnectionId id);
    ConnectionId free_slot();
    Ref<const PeerIdentity> identify(std::uint32_t listener, const io::Stream& stream) const;
    void feed_starved();
    void arm_hoarding_timer();
    void check_hoarding();
    void arm_patience_timer();
    void check_patience();
    void bury_retired();
    void end_drain();

    ShardServices& services_;
    Dispatcher dispatcher_;
    Ref<BudgetAccount> request_memory_;
    Ref<Buffer> scratch_;

    std::vector<Slot> slots_;
    std::vector<std::uint32_t> free_slots_;
    std::size_t open_ = 0;
    std::deque<ConnectionId> starved_;  // in order of asking
    bool is_hoarding_armed_ = false;
    io::TimerId hoarding_timer_;
    std::vector<std::unique_ptr<Connection>> retired_;
    bool is_burial_posted_ = false;

    bool is_patience_armed_ = false;
    io::TimerId patience_timer_;
    bool is_draining_ = false;
    io::Task on_drained_;
    io::TimerId drain_timer_;
};

}  // namespace gregor::server
