// The state machine of one __consumer_offsets partition: its groups and their offsets.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/completion.h"
#include "coordinator/group/classic_group.h"
#include "coordinator/group/consumer/consumer_group.h"
#include "coordinator/group/consumer/consumer_timers.h"
#include "coordinator/group/consumer/consumer_types.h"
#include "coordinator/group/consumer/group_view.h"
#include "coordinator/group/consumer/member_step.h"
#include "coordinator/group/group_records.h"
#include "coordinator/group/offsets.h"
#include "coordinator/group/rebalance_history.h"
#include "coordinator/group/types.h"
#include "coordinator/state_machine.h"
#include "metadata/image_source.h"

namespace gregor::coordinator {

// Partition state: owned by the runtime, lives from a load to the next.
class GroupMachine final : public StateMachine {
public:
    template <class T>
    using Done = Completion<Result<T>>;

    // Both outlive the machine.
    GroupMachine(const GroupConfig& config, const metadata::ImageSource& images)
        : config_(config), images_(images) {}

    void join(JoinRequest request, Turn& turn, Done<JoinResult> done);
    void sync(SyncRequest request, Turn& turn, Done<SyncResult> done);
    void heartbeat(const HeartbeatRequest& request, Turn& turn, Done<ErrorCode> done);
    void leave(const LeaveRequest& request, Turn& turn, Done<LeaveResult> done);
    void commit_offsets(const OffsetCommitRequest& request, Turn& turn, Done<OffsetCommitResult> done);
    void fetch_offsets(const OffsetFetchRequest& request, Turn& turn, Done<OffsetFetchResult> done);
    void delete_offsets(const OffsetDeleteRequest& request, Turn& turn, Done<OffsetDeleteResult> done);
    // The offsets of the transaction count from here, or never.
    void end_transaction(const TransactionEnd& end, Turn& turn, Done<ErrorCode> done);
    void describe(const DescribeRequest& request, Turn& turn, Done<DescribedGroup> done);
    void consumer_heartbeat(const ConsumerHeartbeatRequest& request, Turn& turn,
                            Done<ConsumerHeartbeatResult> done);
    void describe_consumer(const DescribeConsumerRequest& request, Turn& turn,
                           Done<DescribedConsumerGroup> done);
    void remove(const std::string& group_id, Turn& turn, Done<ErrorCode> done);
    // Every group that passes the filter.
    std::vector<ListedGroup> list(const ListFilter& filter) const;
    // The topic was deleted: its offsets mean nothing to a topic of the same name.
    void forget_topic(const std::string& name, Uuid topic_id, Turn& turn);
    // Topics came, went or got partitions: the groups that subscribe to them look again with their next
    // heartbeat.
    void on_topics_changed(const std::set<std::string>& topics, bool has_new_topics);

    Status apply(const RecordView& record) override;
    void apply_marker(ProducerId producer_id, bool committed) override;
    void on_loaded(Turn& turn) override;
    void on_alarm(const std::string& key, Turn& turn) override;
    void on_unload(const Error& why) override;
    void check_invariants() const override;

private:
    ClassicGroup* find(const std::string& group_id);
    bool is_other(const std::string& group_id) const { return other_groups_.contains(group_id); }
    void apply(const OffsetRecord& record, ProducerId producer_id);
    void apply(const GroupRecord& record);
    void apply(const ConsumerGroupRecord& record);
    void apply(const OtherGroupRecord& record);
    void apply(const IgnoredRecord&) {}

    ErrorCode check_commit(const OffsetCommitRequest& request, Turn& turn);
    bool is_too_large(std::string_view metadata) const;
    bool owned_all_since(const CurrentAssignment& current, const OffsetCommitRequest& request) const;
    ErrorCode check_consumer_commit(const ConsumerGroup& group, const OffsetCommitRequest& request) const;
    ErrorCode check_fetch(const OffsetFetchRequest& request) const;
    OffsetFetchResult::Partition fetch_one(const OffsetFetchRequest& request, const OffsetKey& key,
                                           Uuid topic_id) const;
    std::vector<OffsetFetchResult::Topic> fetch_all(const OffsetFetchRequest& request) const;

    // group_expiry.cc
    void watch_retention(Turn& turn);
    void expire_offsets(Turn& turn);
    struct Expiry {
        std::set<std::string> subscribed;           // topics whose offsets stay
        std::optional<std::int64_t> since_ms;       // nothing: since each commit
        std::vector<CoordinatorRecord> tombstones;  // of the group, when no offset is left
    };
    static std::optional<Expiry> expiry_of(const ClassicGroup& group);
    static Expiry expiry_of(const ConsumerGroup& group);
    void expire_offsets_of(const std::string& id, const Expiry& rule, Turn& turn);
    bool is_expired(const Expiry& rule, const CommittedOffset& offset, std::int64_t now_ms) const;
    // Atomic per batch only: more tombstones than one batch takes go in several.
    Status append_tombstones(std::vector<CoordinatorRecord> records, Turn& turn);

    // consumer/consumer_requests.cc
    // The group of a heartbeat: one that is there, or one that its records are about to make.
    struct OpenedGroup {
        const ConsumerGroup* existing = nullptr;
        std::optional<ConsumerGroup> created;
        std::vector<CoordinatorRecord> records;  // before those of the member's step
        bool upgrades = false;                   // a classic group with members
        const ConsumerGroup& group() const { return existing != nullptr ? *existing : *created; }
    };
    void forget_consumer(const std::string& group_id);
    ConsumerGroup* find_consumer(const std::string& group_id);
    Error no_consumer_group(const std::string& group_id) const;
    ConsumerTimers& timers_of(const std::string& group_id);
    bool has_metadata_expired(const std::string& group_id, Turn& turn) const;
    GroupView view_of(const std::string& group_id, Turn& turn);
    Result<OpenedGroup> open_consumer_group(const std::string& group_id, bool creates, const GroupView& view);
    Result<ConsumerMember> member_for_step(const ConsumerGroup& group,
                                           const ConsumerHeartbeatRequest& request) const;
    Result<ConsumerHeartbeatResult> step_in_consumer_group(const ConsumerHeartbeatRequest& request,
                                                           Turn& turn);
    Result<ConsumerHeartbeatResult> leave_consumer_group(const ConsumerHeartbeatRequest& request, Turn& turn);
    Status append_changes(const std::string& group_id, const std::vector<ConsumerChange>& changes,
                          Turn& turn);
    Status take_step(OpenedGroup opened, const MemberStep& step, Turn& turn);
    void watch_member(const std::string& group_id, const MemberStep& step, std::int32_t session_timeout_ms,
                      Turn& turn);

    // consumer/consumer_upkeep.cc
    void resolve_regexes(const std::string& group_id, const std::set<std::string>& regexes,
                         const TopicFilter& may_describe, Turn& turn);
    static ResolvedRegex resolve(const std::string& regex, const GroupView& view,
                                 const TopicFilter& may_describe);
    // Takes members out; the group may be a classic one afterwards.
    Status fence(const std::string& group_id, const std::set<std::string>& member_ids, RebalanceCause cause,
                 Turn& turn);
    void on_consumer_alarm(const std::string& group_id, Turn& turn);
    void watch_loaded(const ConsumerGroup& group, Turn& turn);

    // consumer/consumer_history.cc
    // After a change to a group that had the epoch `before`: why it has a new one, or that all are there.
    void note_epoch(const std::string& group_id, std::int32_t before, RebalanceCause cause,
                    std::string_view member_id, Turn& turn);
    RebalanceHistory take_history(const std::string& group_id);

    // consumer/classic_members.cc
    void join_consumer_group(JoinRequest request, Turn& turn, Done<JoinResult> done);
    ErrorCode check_classic_join(const ConsumerGroup& group, const JoinRequest& request) const;
    Result<ConsumerMember> classic_member_for_step(const ConsumerGroup& group, const JoinRequest& request,
                                                   bool is_new_id) const;
    Result<JoinResult> step_of_classic_member(JoinRequest request, Turn& turn);
    void watch_joined(const std::string& group_id, const JoinRequest& request, const std::string& member_id,
                      Turn& turn);
    SyncResult sync_in_consumer_group(const ConsumerGroup& group, const SyncRequest& request, Turn& turn);
    OwnedBytes embedded_assignment(const Assignment& assignment, Bytes subscription) const;
    static void expect_join(ConsumerTimers& timers, const ConsumerMember& member, Turn& turn);
    ErrorCode heartbeat_in_consumer_group(const ConsumerGroup& group, const HeartbeatRequest& request,
                                          Turn& turn);
    Result<LeaveResult> leave_as_classic(const ConsumerGroup& group, const LeaveRequest& request, Turn& turn);

    // consumer/migration.cc
    struct Downgrade {
        std::set<std::string> leaving;
        const ConsumerMember* joining = nullptr;  // takes the place of a static member
        std::optional<RebalanceCause> cause;      // nothing: the members go on as they are
    };
    Status check_upgrade(const ClassicGroup& classic) const;
    Status upgrade(const ClassicGroup& classic, const GroupView& view, OpenedGroup& opened) const;
    bool may_downgrade_without(const ConsumerGroup& group, const std::set<std::string>& leaving) const;
    bool may_downgrade_replacing(const ConsumerGroup& group, const ConsumerMember& replaced) const;
    ClassicGroup classic_group_of(const ConsumerGroup& group, const Downgrade& how,
                                  std::int64_t now_ms) const;
    Status downgrade(const ConsumerGroup& group, const Downgrade& how,
                     const std::vector<ConsumerChange>& changes, Turn& turn);

    const GroupConfig& config_;
    const metadata::ImageSource& images_;
    std::map<std::string, ClassicGroup> groups_;
    std::map<std::string, ConsumerGroup> consumer_groups_;
    std::map<std::string, ConsumerTimers> consumer_timers_;
    std::map<std::string, RebalanceHistory> consumer_histories_;  // of groups that have rebalanced
    TopicHashes topic_hashes_;
    std::int64_t newest_topics_version_ = -1;
    std::set<std::string> other_groups_;  // of protocols that are not served here; left alone
    Offsets offsets_;
    bool is_loaded_ = false;
    bool watches_retention_ = false;
};

}  // namespace gregor::coordinator
