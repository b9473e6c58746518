#include "coordinator/group/consumer/consumer_timers.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace gregor::coordinator {

void ConsumerTimers::watch(const std::string& member_id, MemberWait wait, std::int32_t timeout_ms,
                           Turn& turn) {
    auto& deadline = members_[member_id].at[static_cast<std::size_t>(wait)];
    deadline = turn.now() + Duration::millis(timeout_ms);
    arm(deadline, turn);
}

void ConsumerTimers::watch_rebalance(const std::string& member_id, std::int32_t epoch,
                                     std::int32_t timeout_ms, Turn& turn) {
    members_[member_id].rebalance_epoch = epoch;
    watch(member_id, MemberWait::rebalance, timeout_ms, turn);
}

void ConsumerTimers::cancel(const std::string& member_id, MemberWait wait) {
    if (const auto found = members_.find(member_id); found != members_.end())
        found->second.at[static_cast<std::size_t>(wait)] = Instant::never();
}

bool ConsumerTimers::is_watched(const std::string& member_id, MemberWait wait) const {
    const auto found = members_.find(member_id);
    return found != members_.end() && found->second.at[static_cast<std::size_t>(wait)] != Instant::never();
}

void ConsumerTimers::arm(Instant deadline, Turn& turn) {
    if (deadline >= alarm_at_) return;
    alarm_at_ = deadline;
    turn.set_alarm(deadline, group_id_);
}

std::vector<ConsumerTimers::Due> ConsumerTimers::take_due(Turn& turn) {
    std::vector<Due> due;
    if (turn.now() < alarm_at_) return due;
    alarm_at_ = Instant::never();
    auto next = Instant::never();
    for (auto& [id, deadlines] : members_)
        for (std::size_t wait = 0; wait < k_waits; ++wait) {
            auto& at = deadlines.at[wait];
            if (at > turn.now()) {
                next = std::min(next, at);
                continue;
            }
            due.push_back({.when = std::exchange(at, Instant::never()),
                           .wait = static_cast<MemberWait>(wait),
                           .member_id = id,
                           .epoch = deadlines.rebalance_epoch});
        }
    if (next != Instant::never()) arm(next, turn);
    std::ranges::sort(due, {}, [](const Due& one) { return std::tie(one.when, one.member_id, one.wait); });
    return due;
}

}  // namespace gregor::coordinator
