// The event loop of one shard: its tasks, its timers, its mailbox, and the end of its turn.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <mutex>
#include <vector>

#include "base/ref.h"
#include "io/asio/machine.h"
#include "io/asio/timer_heap.h"
#include "io/ports.h"

namespace gregor::io {

// Something with output to send once the turn is over.
class Flushable : public RefCounted {
public:
    virtual void flush() = 0;
};

// Lives on one thread, except deliver() and stop(), which any thread may call. Outlives all that posts to it.
class Loop final : public Executor {
public:
    explicit Loop(const MachineClock& clock);

    void post(Task task) override;
    TimerId call_at(Instant when, Task task) override;
    void cancel(TimerId timer) override;

    // Calls target->flush() when the turn's tasks are done, so that what they all queue leaves together. The
    // target sees to it that it is listed once.
    void flush_at_end_of_turn(Ref<Flushable> target);
    // Any thread: hands over a task. One wake-up per batch, in order of the calls.
    void deliver(Task task);

    void run();
    // Waits for one event at most so long, and handles it. False when there was none.
    bool run_one(Duration patience);
    void stop();  // any thread
    // Drops everything that still waits; only when nothing runs any more.
    void discard_pending();

    boost::asio::io_context& context() { return context_; }

private:
    void schedule_turn();
    void run_turn();
    void drain_mailbox();
    void arm_timer();
    void fire_timers();

    const MachineClock& clock_;
    boost::asio::io_context context_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> keep_running_;
    boost::asio::steady_timer wake_timer_;
    Instant armed_for_ = Instant::never();
    TimerHeap timers_;

    bool turn_scheduled_ = false;
    std::vector<Task> ready_;
    std::vector<Task> running_;
    std::vector<Ref<Flushable>> dirty_;
    std::vector<Ref<Flushable>> flushing_;

    std::mutex mailbox_mutex_;
    std::vector<Task> mailbox_;  // guarded by mailbox_mutex_
    std::vector<Task> delivered_;
};

}  // namespace gregor::io
