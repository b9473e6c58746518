#include "io/asio/loop.h"

#include <boost/asio/post.hpp>

#include "base/assert.h"

namespace gregor::io {

Loop::Loop(const MachineClock& clock)
    : clock_(clock), keep_running_(context_.get_executor()), wake_timer_(context_) {}

void Loop::post(Task task) {
    ASSERT(task != nullptr);
    ready_.push_back(std::move(task));
    schedule_turn();
}

void Loop::flush_at_end_of_turn(Ref<Flushable> target) {
    dirty_.push_back(std::move(target));
    schedule_turn();
}

// One entry in Asio's queue for all tasks of a turn, behind the socket events that are already waiting there.
void Loop::schedule_turn() {
    if (turn_scheduled_) return;
    turn_scheduled_ = true;
    boost::asio::post(context_, [this] { run_turn(); });
}

void Loop::run_turn() {
    turn_scheduled_ = false;
    std::swap(ready_, running_);
    for (auto& task : running_) std::exchange(task, nullptr)();
    running_.clear();
    std::swap(dirty_, flushing_);
    for (const auto& target : flushing_) target->flush();
    flushing_.clear();
}

void Loop::deliver(Task task) {
    ASSERT(task != nullptr);
    bool was_empty = false;
    {
        const std::scoped_lock lock(mailbox_mutex_);
        was_empty = mailbox_.empty();
        mailbox_.push_back(std::move(task));
    }
    if (was_empty) boost::asio::post(context_, [this] { drain_mailbox(); });
}

void Loop::drain_mailbox() {
    {
        const std::scoped_lock lock(mailbox_mutex_);
        std::swap(mailbox_, delivered_);
    }
    for (auto& task : delivered_) std::exchange(task, nullptr)();
    delivered_.clear();
}

TimerId Loop::call_at(Instant when, Task task) {
    const auto timer = timers_.add(when, std::move(task));
    if (when < armed_for_) arm_timer();
    return timer;
}

// The wake-up stays armed: at worst it finds nothing due, once.
void Loop::cancel(TimerId timer) { timers_.cancel(timer); }

void Loop::arm_timer() {
    armed_for_ = timers_.earliest();
    if (armed_for_ == Instant::never()) return;
    // MachineClock and steady_clock both read CLOCK_MONOTONIC.
    using Steady = std::chrono::steady_clock;
    const auto span =
        std::chrono::duration_cast<Steady::duration>(std::chrono::nanoseconds(armed_for_.to_nanos()));
    wake_timer_.expires_at(Steady::time_point(span));
    wake_timer_.async_wait([this](const boost::system::error_code& error) {
        if (!error) fire_timers();
    });
}

void Loop::fire_timers() {
    armed_for_ = Instant::never();
    const auto now = clock_.now();
    // No more than were pending before: a task that asks for "at once" again must not keep the loop here.
    for (auto budget = timers_.size(); budget > 0; --budget) {
        auto task = timers_.take_due(now);
        if (task == nullptr) break;
        task();
    }
    if (timers_.earliest() < armed_for_) arm_timer();
}

void Loop::run() { context_.run(); }
bool Loop::run_one(Duration patience) {
    return context_.run_one_for(std::chrono::nanoseconds(patience.to_nanos())) > 0;
}
void Loop::stop() { context_.stop(); }

// Dropping a task may queue another (a destructor that says goodbye), hence the repetition.
void Loop::discard_pending() {
    while (!ready_.empty() || !mailbox_.empty() || !dirty_.empty() || timers_.size() != 0) {
        std::exchange(ready_, {}).clear();
        std::exchange(mailbox_, {}).clear();
        std::exchange(dirty_, {}).clear();
        timers_.clear();
    }
}

}  // namespace gregor::io
