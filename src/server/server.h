// The server of one shard: its connections, their memory, their ends.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/budget.h"
#include "io/ports.h"
#include "server/connection.h"
#include "server/connection_quotas.h"
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
    // Outlives the server; before the first connection.
    void set_client_quotas(ClientQuotas& quotas) { dispatcher_.set_client_quotas(quotas); }

    // Lets every connection answer what it was asked, then closes it; `done` follows when the last one is
    // gone, or at `deadline`, when the rest is cut off. What is accepted from now on is closed at once.
    void drain(Instant deadline, io::Task done);

    std::size_t connections() const { return open_; }
    const RequestMemory& request_memory() const { return request_memory_; }
    std::size_t answer_bytes() const { return answer_bytes_; }

    MutableBytes scratch() override;
    Instant now() const override { return services_.ports.clock.now(); }
    void wait_for_memory(ConnectionId connection, const BudgetAccount& account) override;
    void wait_for_answers(ConnectionId connection) override;
    bool has_room_for_answers(std::size_t waiting) const override;
    // What the node's quotas say about the connection that asked as `number`.
    void on_admission(std::uint64_t number, const ConnectionQuotas::Asker& asker, bool admitted);
    void change_answer_bytes(std::size_t added, std::size_t sent) override;
    void wait_for_turn(ConnectionId connection) override;
    void wait_until(ConnectionId connection, Instant when) override;
    void retire(ConnectionId connection) override;

private:
    struct Slot {
        std::uint32_t generation = 0;
        std::unique_ptr<Connection> connection;
    };

    // Those who wait for one kind of memory, in order of asking.
    struct Queue {
        std::deque<ConnectionId> waiting;
        bool has_fed = false;  // since the last relief
    };
    // Accepted, and waits for the word of the node's quotas.
    struct Unadmitted {
        std::uint32_t listener = 0;
        std::unique_ptr<io::Stream> stream;
    };

    void open(std::uint32_t listener, std::unique_ptr<io::Stream> stream);
    void ask_quotas(std::uint32_t listener, std::unique_ptr<io::Stream> stream);
    void release_quota(const ConnectionQuotas::Asker& asker);
    Connection* find(ConnectionId id);
    ConnectionId free_slot();
    Ref<const PeerIdentity> identify(std::uint32_t listener, const io::Stream& stream) const;
    void feed_starved();
    bool feed(Queue& queue, bool (ShardServer::*has_room)() const);
    bool has_answer_memory() const { return has_room_for_answers(1); }
    bool has_small_memory() const { return request_memory_.small->has_room(); }
    bool has_large_memory() const { return request_memory_.large->has_room(); }
    void arm_relief_timer();
    void relieve();
    void relieve_requests(Instant at);
    void close_largest(const BudgetAccount& account);
    void relieve_answers(Instant at);
    void give_turns();
    void arm_patience_timer();
    void check_patience();
    void bury_retired();
    void end_drain();

    ShardServices& services_;
    Dispatcher dispatcher_;
    const RequestMemory request_memory_;
    Ref<Buffer> scratch_;

    std::vector<Slot> slots_;
    std::vector<std::uint32_t> free_slots_;
    std::size_t open_ = 0;
    std::map<std::uint64_t, Unadmitted> unadmitted_;
    std::uint64_t next_admission_ = 1;
    Queue for_small_;
    Queue for_large_;
    Queue for_answers_;
    bool is_feeding_ = false;
    std::size_t answer_bytes_ = 0;
    bool is_relief_armed_ = false;
    io::TimerId relief_timer_;
    std::vector<ConnectionId> waiting_for_turn_;
    std::vector<std::unique_ptr<Connection>> retired_;
    bool is_burial_posted_ = false;

    bool is_patience_armed_ = false;
    io::TimerId patience_timer_;
    bool is_draining_ = false;
    io::Task on_drained_;
    io::TimerId drain_timer_;
};

}  // namespace gregor::server
