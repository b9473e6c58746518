#include "sim/shard.h"

#include <algorithm>

#include "base/assert.h"
#include "sim/machine.h"
#include "sim/net.h"

namespace gregor::sim {

// ---------------------------------------------------------------- Executor

void SimExecutor::post(io::Task task) {
    queue_.push_back(std::move(task));
    if (std::exchange(turn_scheduled_, true)) return;
    const auto pause = Duration::nanos(prng_.between(1'000, 10'000));
    world_.schedule(world_.now() + pause, process_, "turn", [this] { run_turn(); });
}

void SimExecutor::run_turn() {
    turn_scheduled_ = false;
    auto turn = std::exchange(queue_, {});
    while (!turn.empty() && world_.is_alive(process_)) {
        auto task = std::move(turn.front());
        turn.pop_front();
        task();
    }
    // Of a process that died in this turn: to be destroyed with the rest of it.
    while (!turn.empty()) {
        queue_.push_front(std::move(turn.back()));
        turn.pop_back();
    }
}

io::TimerId SimExecutor::call_at(Instant when, io::Task task) {
    const auto id = ++last_timer_;
    timers_.emplace(TimerKey{when, id}, std::move(task));
    timer_times_.emplace(id, when);
    schedule_timers();
    return {id};
}

void SimExecutor::cancel(io::TimerId timer) {
    const auto found = timer_times_.find(timer.value);
    if (found == timer_times_.end()) return;
    const auto at = timers_.find({found->second, timer.value});
    timer_times_.erase(found);
    const auto dropped = std::move(at->second);
    timers_.erase(at);
}

// An event that turns out too early costs little; one for every cancelled timer would cost much.
void SimExecutor::schedule_timers() {
    if (timers_.empty() || timers_.begin()->first.first >= timers_due_) return;
    world_.cancel(timers_event_);
    timers_due_ = std::max(timers_.begin()->first.first, world_.now());
    const auto late = Duration::nanos(prng_.between(0, 1'000'000));
    timers_event_ = world_.schedule(timers_due_ + late, process_, "timers", [this] { run_timers(); });
}

void SimExecutor::run_timers() {
    timers_due_ = Instant::never();
    while (!timers_.empty() && timers_.begin()->first.first <= world_.now() && world_.is_alive(process_)) {
        auto due = timers_.extract(timers_.begin());
        timer_times_.erase(due.key().second);
        due.mapped()();
    }
    schedule_timers();
}

void SimExecutor::drop_tasks() {
    queue_.clear();
    timers_.clear();
    timer_times_.clear();
}

// ---------------------------------------------------------------- Clock

Instant SimClock::now() const { return machine_.world().now(); }

std::int64_t SimClock::wall_clock_ms() const {
    return machine_.world().wall_clock_ms() + machine_.wall_clock_skew().to_millis();
}

// ---------------------------------------------------------------- Shards

std::uint32_t SimShards::count() const { return machine_.shard_count(); }

void SimShards::submit(ShardId to, io::Task task) {
    ASSERT(to.value() < count());
    mail_[to].push_back(std::move(task));
    const auto delay = Duration::nanos(prng_.between(500, prng_.chance(1, 50) ? 2'000'000 : 20'000));
    world_.schedule(world_.now() + delay, machine_.process(), "mail", [this, to] { deliver(to); });
}

// Whichever delivery comes first brings the oldest letter: the order of a pair never changes.
void SimShards::deliver(ShardId to) {
    auto& mail = mail_[to];
    auto task = std::move(mail.front());
    mail.pop_front();
    task();
}

// ---------------------------------------------------------------- Disk

void SimDiskQueue::submit(io::DiskLane lane, std::unique_ptr<io::DiskJob> job) {
    ASSERT(lane.value <= last_lane_);
    if (lane.value != 0) {
        auto& queue = lanes_[lane.value];
        if (queue.busy) {
            queue.waiting.push_back(std::move(job));
            return;
        }
        queue.busy = true;
    }
    start(lane.value, std::move(job));
}

void SimDiskQueue::start(std::uint32_t lane, std::unique_ptr<io::DiskJob> job) {
    const auto delay = Duration::nanos(prng_.between(5'000, 50'000));
    world_.schedule(world_.now() + delay, machine_.process(), "disk",
                    [this, lane, owned = std::move(job)]() mutable { run(lane, std::move(owned)); });
}

void SimDiskQueue::run(std::uint32_t lane, std::unique_ptr<io::DiskJob> job) {
    machine_.disk().take_cost();
    job->run(machine_.files());
    const auto cost = machine_.disk().take_cost();
    world_.schedule(world_.now() + cost, machine_.process(), "disk_done",
                    [this, lane, owned = std::move(job)]() mutable { complete(lane, std::move(owned)); });
}

void SimDiskQueue::complete(std::uint32_t lane, std::unique_ptr<io::DiskJob> job) {
    if (lane != 0) {
        auto& queue = lanes_[lane];
        queue.busy = !queue.waiting.empty();
        if (queue.busy) {
            start(lane, std::move(queue.waiting.front()));
            queue.waiting.pop_front();
        }
    }
    job->complete();
}

// ---------------------------------------------------------------- together

ShardFake::ShardFake(Machine& machine, ShardId shard, Prng prng)
    : shard_(shard),
      clock_(machine),
      random_(prng.split()),
      executor_(machine.world(), machine.process(), prng.split()),
      shards_(machine.world(), machine, prng.split()),
      disk_(machine.world(), machine, prng.split()),
      network_(machine.world().net().open_for(machine, shard)) {}

io::ShardPorts ShardFake::ports() { return {shard_, clock_, random_, executor_, shards_, disk_, *network_}; }

void ShardFake::drop_tasks() {
    executor_.drop_tasks();
    shards_.drop_tasks();
    disk_.drop_tasks();
}

}  // namespace gregor::sim
