#include "coordinator/group/rebalance_history.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace gregor::coordinator {
namespace {

std::string_view words(RebalanceCause cause) {
    switch (cause) {
        case RebalanceCause::member_joined: return "member joined";
        case RebalanceCause::member_changed: return "member changed";
        case RebalanceCause::member_replaced: return "static member came back";
        case RebalanceCause::member_left: return "member left";
        case RebalanceCause::member_expired: return "member expired";
        case RebalanceCause::member_did_not_sync: return "member did not sync";
        case RebalanceCause::group_too_large: return "group too large";
        case RebalanceCause::assignment_not_stored: return "assignment not stored";
        case RebalanceCause::topics_changed: return "topics changed";
        case RebalanceCause::expression_matched: return "expression matched other topics";
    }
    UNREACHABLE();
}

// Cut between characters.
std::string brief(std::string_view text) {
    constexpr auto k_max = RebalanceHistory::k_text_bytes_max;
    if (text.size() <= k_max) return std::string(text);
    auto size = k_max;
    while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xc0U) == 0x80U) --size;
    return std::string(text.substr(0, size));
}

}  // namespace

void RebalanceHistory::start(const Start& start) {
    if (is_under_way()) {
        ++rebalances_.back().further_causes;
        return;
    }
    if (rebalances_.size() == k_rebalances_max) rebalances_.erase(rebalances_.begin());
    rebalances_.push_back({.start_ms = start.now_ms,
                           .cause = std::string(words(start.cause)),
                           .member_id = brief(start.member_id),
                           .reason = brief(start.reason)});
}

void RebalanceHistory::end(const End& end) {
    if (!is_under_way()) return;
    auto& last = rebalances_.back();
    last.duration_ms = std::max<std::int64_t>(end.now_ms - last.start_ms, 0);
    last.generation = end.generation;
    last.members = static_cast<std::int32_t>(end.members);
    rebalances_.shrink_to_fit();
}

}  // namespace gregor::coordinator
