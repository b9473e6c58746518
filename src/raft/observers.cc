#include "raft/observers.h"

#include <algorithm>

namespace gregor::raft {

// Caught up is who asks for what lies behind our end; or who, by now, asks for what was our end when he asked
// before: he was caught up then.
void Observers::on_fetch(const ReplicaKey& key, const Fetch& fetch) {
    if (states_.size() >= k_count_max && !states_.contains(key)) {
        states_.erase(std::ranges::min_element(
            states_, {}, [](const auto& entry) { return entry.second.progress.last_fetch_ms; }));
    }
    auto& [progress, leader_end] = states_[key];
    progress.key = key;
    if (fetch.offset >= fetch.leader_end) {
        progress.last_caught_up_ms = std::max(progress.last_caught_up_ms, fetch.now_ms);
    } else if (leader_end > Offset{0} && fetch.offset >= leader_end) {
        progress.last_caught_up_ms = std::max(progress.last_caught_up_ms, progress.last_fetch_ms);
    }
    progress.log_end_offset = fetch.offset;
    progress.last_fetch_ms = std::max(progress.last_fetch_ms, fetch.now_ms);
    leader_end = fetch.leader_end;
}

std::vector<ReplicaProgress> Observers::list(std::int64_t now_ms) const {
    std::vector<ReplicaProgress> lately;
    for (const auto& [key, state] : states_) {
        if (now_ms - state.progress.last_fetch_ms < k_silence_ms_max) lately.push_back(state.progress);
    }
    return lately;
}

}  // namespace gregor::raft
