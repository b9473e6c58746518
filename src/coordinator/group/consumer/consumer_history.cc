// Why consumer groups rebalanced: from a new group epoch to the moment when every member has reached its
// target.
#include <utility>

#include "coordinator/group/group_machine.h"

namespace gregor::coordinator {

void GroupMachine::note_epoch(const std::string& group_id, std::int32_t before, RebalanceCause cause,
                              std::string_view member_id, Turn& turn) {
    const auto* group = find_consumer(group_id);
    if (group == nullptr) return;
    const auto now_ms = turn.wall_clock_ms();
    if (group->epoch() > before)
        consumer_histories_[group_id].start({.cause = cause, .member_id = member_id, .now_ms = now_ms});
    const auto history = consumer_histories_.find(group_id);
    if (history == consumer_histories_.end() || !history->second.is_under_way()) return;
    const auto state = group->state();
    if (state == ConsumerGroupState::stable || state == ConsumerGroupState::empty)
        history->second.end(
            {.now_ms = now_ms, .generation = group->epoch(), .members = group->members().size()});
}

RebalanceHistory GroupMachine::take_history(const std::string& group_id) {
    auto taken = consumer_histories_.extract(group_id);
    return taken.empty() ? RebalanceHistory() : std::move(taken.mapped());
}

}  // namespace gregor::coordinator
