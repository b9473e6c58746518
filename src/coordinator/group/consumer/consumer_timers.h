// The deadlines of a consumer group's members. Not replicated: they start anew when the group is loaded.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/time.h"
#include "coordinator/state_machine.h"

namespace gregor::coordinator {

// What a member is too late with when the deadline passes.
enum class MemberWait : std::uint8_t {
    session,    // to be heard of at all
    rebalance,  // to give partitions back
    join,       // to join again, of a classic member that was told to
    sync        // to fetch its assignment, of a classic member that joined
};

// One alarm of the group, for the earliest deadline; a group without members has none.
class ConsumerTimers {
public:
    struct Due {
        Instant when = Instant::never();
        MemberWait wait = MemberWait::session;
        std::string member_id;
        std::int32_t epoch = 0;  // that the member had when it was asked to give partitions back
    };

    explicit ConsumerTimers(std::string group_id) : group_id_(std::move(group_id)) {}

    void watch(const std::string& member_id, MemberWait wait, std::int32_t timeout_ms, Turn& turn);
    void watch_rebalance(const std::string& member_id, std::int32_t epoch, std::int32_t timeout_ms,
                         Turn& turn);
    void cancel(const std::string& member_id, MemberWait wait);
    bool is_watched(const std::string& member_id, MemberWait wait) const;
    void forget(const std::string& member_id) { members_.erase(member_id); }
    // What is due; those deadlines are gone. Nothing when this alarm was an old one.
    std::vector<Due> take_due(Turn& turn);

    // When the topics that the group subscribes to are looked at again though nothing said they changed.
    bool has_metadata_expired(std::int64_t now_ms) const { return now_ms >= metadata_expires_ms_; }
    void expire_metadata() { metadata_expires_ms_ = 0; }
    void renew_metadata(std::int64_t now_ms) { metadata_expires_ms_ = now_ms + INT32_MAX; }

private:
    static constexpr std::size_t k_waits = 4;
    struct Deadlines {
        std::array<Instant, k_waits> at{Instant::never(), Instant::never(), Instant::never(),
                                        Instant::never()};
        std::int32_t rebalance_epoch = 0;
    };

    void arm(Instant deadline, Turn& turn);

    std::string group_id_;
    std::map<std::string, Deadlines> members_;
    Instant alarm_at_ = Instant::never();
    std::int64_t metadata_expires_ms_ = 0;
};

}  // namespace gregor::coordinator
