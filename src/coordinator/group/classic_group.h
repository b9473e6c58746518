// One group of the classic protocol: who is in it, in which phase of a rebalance, and who waits for what.
//
// Membership is volatile; what survives a restart is the GroupMetadata record of the last completed rebalance
// (Kafka's rule). Methods answer through the Turn they are given. Every wait has a deadline, and the group
// keeps one alarm, for the earliest of them; an idle group has none.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/completion.h"
#include "base/time.h"
#include "coordinator/group/group_records.h"
#include "coordinator/group/rebalance_history.h"
#include "coordinator/group/types.h"
#include "coordinator/state_machine.h"

namespace gregor::coordinator {

enum class ClassicGroupState : std::uint8_t { empty, preparing_rebalance, completing_rebalance, stable };

std::string_view state_name(ClassicGroupState state);  // as on the wire: "PreparingRebalance"

using JoinDone = Completion<Result<JoinResult>>;
using SyncDone = Completion<Result<SyncResult>>;

struct ClassicMember {
    std::string id;
    std::optional<std::string> instance_id;
    std::string client_id;
    std::string client_host;
    std::int32_t rebalance_timeout_ms = 0;
    std::int32_t session_timeout_ms = 0;
    std::vector<MemberProtocol> protocols;  // in order of preference
    OwnedBytes assignment;
    bool is_new = false;                          // has never been answered a join
    Instant session_deadline = Instant::never();  // never: not watched
    JoinDone join;                                // parked JoinGroup
    SyncDone sync;                                // parked SyncGroup

    bool supports(std::string_view protocol) const;
    const OwnedBytes& metadata(std::string_view protocol) const;
};

class ClassicGroup {
public:
    ClassicGroup(std::string id, const GroupConfig& config, std::int64_t wall_clock_ms);
    ClassicGroup(std::string id, const GroupConfig& config, const StoredGroup& stored);
    // Stable, of the members that a consumer group leaves behind; at least one, with a protocol in common.
    struct Converted {
        std::int32_t generation = 0;
        std::vector<ClassicMember> members;
    };
    ClassicGroup(std::string id, const GroupConfig& config, Converted converted, std::int64_t wall_clock_ms);

    void join(JoinRequest request, Turn& turn, JoinDone done);
    void sync(SyncRequest request, Turn& turn, SyncDone done);
    ErrorCode heartbeat(const HeartbeatRequest& request, Turn& turn);
    LeaveResult leave(const LeaveRequest& request, Turn& turn);
    // Whether this member may commit now; an accepted commit proves that the member is alive.
    ErrorCode accept_commit(const OffsetCommitRequest& request, Turn& turn);
    DescribedGroup describe() const;
    const RebalanceHistory& history() const { return history_; }

    // Before the group becomes a consumer group: who waits here is told to join again.
    void send_away(Turn& turn);
    void assign(const std::string& member_id, OwnedBytes assignment);
    // After it was one, when its record is written.
    void continue_history(RebalanceHistory history) { history_ = std::move(history); }
    // It rebalances at once where there is a cause.
    void on_downgraded(std::optional<RebalanceCause> cause, const std::string& member_id, Turn& turn);

    void on_loaded(Turn& turn);
    void on_alarm(Turn& turn);
    void on_unload(const Error& why);

    const std::string& id() const { return id_; }
    ClassicGroupState state() const { return state_; }
    bool is_empty() const { return state_ == ClassicGroupState::empty; }
    std::int32_t generation() const { return generation_; }
    const std::string& protocol_type() const { return protocol_type_; }  // empty: only holds offsets
    std::int64_t current_state_timestamp_ms() const { return state_timestamp_ms_; }
    const std::optional<std::string>& protocol() const { return protocol_; }
    std::size_t member_count() const { return members_.size(); }
    const std::map<std::string, ClassicMember>& members() const { return members_; }
    const OwnedBytes& subscription_of(const std::string& member_id) const;  // to the group's protocol
    // The topics that the generation's members of a "consumer" group subscribe to; nothing when a
    // subscription is unreadable.
    const std::optional<std::set<std::string>>& subscribed_topics() const { return subscribed_topics_; }
    bool is_subscribed_to(const std::string& topic) const;
    ErrorCode check_offset_deletion() const;
    CoordinatorRecord record() const;
    void check_invariants() const;

private:
    enum class Wait : std::uint8_t { join, sync, pending_member, member };
    struct Due {
        Instant when = Instant::never();
        Wait wait = Wait::join;
        std::string member_id;
    };

    // classic_join.cc: who may join, and the phases that lead to a new generation
    ErrorCode check_join(const JoinRequest& request, bool is_known) const;
    bool has_room_for(const std::string& member_id) const;
    bool supports_protocols(const JoinRequest& request) const;
    void join_unknown(JoinRequest request, Turn& turn, JoinDone done);
    void join_known(JoinRequest request, Turn& turn, JoinDone done);
    void rejoin(ClassicMember& member, JoinRequest request, Turn& turn, JoinDone done);
    void add_member(JoinRequest request, Turn& turn, JoinDone done);
    void update_member(ClassicMember& member, JoinRequest request, Turn& turn, JoinDone done);
    void replace_static_member(JoinRequest request, std::string new_id, Turn& turn, JoinDone done);
    void answer_replacement(ClassicMember& member, bool skips_assignment, std::string old_leader, Turn& turn);
    void rebalance_or_complete(Turn& turn);
    void prepare_rebalance(Turn& turn);
    void maybe_complete_join(Turn& turn);
    void complete_join(Turn& turn);
    void start_generation(Turn& turn);
    void extend_initial_delay(Turn& turn);
    bool elect_joined_leader();
    bool all_joined() const;
    std::string select_protocol() const;
    JoinResult current_generation(const ClassicMember& member) const;
    JoinResult joined(const ClassicMember& member) const;
    std::vector<JoinedMember> members_for_leader() const;

    // classic_sync.cc
    ErrorCode check_sync(const SyncRequest& request) const;
    void complete_sync(std::vector<SyncRequest::Assignment> assignments, Turn& turn);
    void fail_syncs(ErrorCode error, Turn& turn);
    void forget_pending_sync(const std::string& member_id);
    SyncResult synced(const ClassicMember& member) const;

    // classic_group.cc
    void read_subscriptions();
    void note_cause(RebalanceCause cause, std::string_view member_id, std::string_view reason, Turn& turn);
    ErrorCode validate_member(const std::string& member_id,
                              const std::optional<std::string>& instance_id) const;
    bool is_current(std::int32_t generation) const;
    ErrorCode leave_one(const LeaveRequest::Member& leaving, Turn& turn);
    void remove_member(const std::string& member_id, Turn& turn);
    void after_removal(Turn& turn);
    void transition(ClassicGroupState to, Turn& turn);
    void watch_session(ClassicMember& member, Turn& turn);
    void watch(Instant deadline, Turn& turn);
    Due next_due() const;
    void expire(const Due& due, Turn& turn);
    void expire_pending_syncs(Turn& turn);
    std::int32_t max_rebalance_timeout_ms() const;
    StoredGroup stored() const;

    const std::string id_;
    const GroupConfig& config_;
    ClassicGroupState state_ = ClassicGroupState::empty;
    ClassicGroupState previous_state_ = ClassicGroupState::empty;
    std::int64_t state_timestamp_ms_ = -1;
    std::int32_t generation_ = 0;
    std::string protocol_type_;
    std::optional<std::string> protocol_;
    std::optional<std::string> leader_id_;
    std::optional<std::set<std::string>> subscribed_topics_;
    std::map<std::string, ClassicMember> members_;
    std::map<std::string, std::string> static_members_;  // instance id → member id
    std::map<std::string, Instant> pending_members_;  // ids handed out by MEMBER_ID_REQUIRED, and until when
    std::set<std::string> pending_syncs_;             // members of this generation that have not synced
    bool new_member_added_ = false;                   // during the initial delay
    std::int32_t initial_remaining_ms_ = 0;           // of the initial delay's extension
    std::int32_t initial_delay_ms_ = 0;               // the delay that runs now
    RebalanceHistory history_;
    Instant join_deadline_ = Instant::never();
    Instant sync_deadline_ = Instant::never();
    Instant alarm_at_ = Instant::never();
};

}  // namespace gregor::coordinator
