// Why a group rebalanced, the last few times: for people who wonder. In memory only; a coordinator that loads
// the group begins anew.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "protocol/rebalances.h"

namespace gregor::coordinator {

enum class RebalanceCause : std::uint8_t {
    member_joined,
    member_changed,  // another subscription, or a leader that asks for a new assignment
    member_replaced,
    member_left,
    member_expired,
    member_did_not_sync,
    group_too_large,
    assignment_not_stored,
    topics_changed,      // that a consumer group subscribes to by name
    expression_matched,  // other topics than before
};

// Group state. Bounded: so many rebalances, so many bytes of what clients wrote.
class RebalanceHistory {
public:
    static constexpr std::size_t k_rebalances_max = 6;
    static constexpr std::size_t k_text_bytes_max = 96;

    struct Start {
        RebalanceCause cause;
        std::string_view member_id = {};
        std::string_view reason = {};  // as the client gave it
        std::int64_t now_ms = 0;
    };
    struct End {
        std::int64_t now_ms = 0;
        std::int32_t generation = 0;
        std::size_t members = 0;
    };

    // A cause that comes while a rebalance is under way counts as a further one.
    void start(const Start& start);
    // Nothing happens when none is under way.
    void end(const End& end);

    bool is_under_way() const { return !rebalances_.empty() && rebalances_.back().duration_ms < 0; }
    const std::vector<protocol::Rebalance>& all() const { return rebalances_; }

private:
    std::vector<protocol::Rebalance> rebalances_;  // oldest first
};

}  // namespace gregor::coordinator
