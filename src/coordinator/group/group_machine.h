// The state machine of one __consumer_offsets partition: its groups and their offsets.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/completion.h"
#include "coordinator/group/classic_group.h"
#include "coordinator/group/group_records.h"
#include "coordinator/group/offsets.h"
#include "coordinator/group/types.h"
#include "coordinator/state_machine.h"

namespace gregor::coordinator {

// Partition state: owned by the runtime, lives from a load to the next.
class GroupMachine final : public StateMachine {
public:
    template <class T>
    using Done = Completion<Result<T>>;

    // `config` outlives the machine.
    explicit GroupMachine(const GroupConfig& config) : config_(config) {}

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
    void remove(const std::string& group_id, Turn& turn, Done<ErrorCode> done);
    // Every group that passes the filter.
    std::vector<ListedGroup> list(const ListFilter& filter) const;
    // The topic was deleted: its offsets mean nothing to a topic of the same name.
    void forget_topic(const std::string& name, Uuid topic_id, Turn& turn);

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
    void apply(const OtherGroupRecord& record);
    void apply(const IgnoredRecord&) {}

    ErrorCode check_commit(const OffsetCommitRequest& request, Turn& turn);
    OffsetFetchResult::Partition fetch_one(const OffsetFetchRequest& request, const OffsetKey& key,
                                           Uuid topic_id) const;
    std::vector<OffsetFetchResult::Topic> fetch_all(const OffsetFetchRequest& request) const;

    // group_expiry.cc
    void watch_retention(Turn& turn);
    void expire_offsets(Turn& turn);
    void expire_offsets_of(ClassicGroup& group, Turn& turn);
    bool is_expired(const ClassicGroup& group, const CommittedOffset& offset, std::int64_t now_ms) const;
    // Atomic per batch only: more tombstones than one batch takes go in several.
    Status append_tombstones(std::vector<CoordinatorRecord> records, Turn& turn);

    const GroupConfig& config_;
    std::map<std::string, ClassicGroup> groups_;
    std::set<std::string> other_groups_;  // of protocols that are not served here; left alone
    Offsets offsets_;
    bool is_loaded_ = false;
    bool watches_retention_ = false;
};

}  // namespace gregor::coordinator
