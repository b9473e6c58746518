// One member's step in a consumer group: what its heartbeat (or, of a member that speaks the classic
// protocol, its JoinGroup) changes. Decides against a const group and collects the records; nothing happens
// until they are appended.
//
//   1  the member's metadata: a new subscription makes a new group epoch
//   2  the target assignment, when the group epoch is ahead of it and it is not too soon
//   3  the member's own way to its target
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "coordinator/group/consumer/consumer_group.h"
#include "coordinator/group/consumer/group_view.h"
#include "coordinator/group/rebalance_history.h"

namespace gregor::coordinator {

class MemberStep {
public:
    // `member` as it was, or, when it is new, as members begin. `group` and `view` outlive the step.
    MemberStep(const ConsumerGroup& group, const GroupView& view, ConsumerMember member);

    // The member comes in the place of `former`, with what that one has.
    void replace(const ConsumerMember& former);
    // Fails when the member brings a regular expression that is none.
    Status change(MemberMetadata metadata);
    // Whether the subscription changed so that the group must be assigned anew.
    bool subscription_changed() const { return topics_changed_ || regex_ != RegexChanged::no; }
    bool needs_new_epoch() const { return topics_changed_ || regex_ == RegexChanged::to_resolved; }
    // A new group epoch when `is_new`, or when the topics are not what they were.
    void update_epoch(bool is_new);
    // Of the new epoch, if there is one.
    RebalanceCause cause() const;
    Status update_target();
    Status reconcile(const std::optional<Assignment>& owned);

    const ConsumerMember& member() const { return member_; }
    bool assignment_changed() const { return member_.current.assigned != before_.current.assigned; }
    bool current_changed() const { return member_.current != before_.current; }
    std::int32_t epoch() const { return epoch_; }
    bool looked_at_topics() const { return looked_at_topics_; }
    const std::set<std::string>& regexes_to_resolve() const { return regexes_to_resolve_; }
    const std::vector<ConsumerChange>& changes() const { return changes_; }

private:
    enum class RegexChanged : std::uint8_t { no, to_unresolved, to_resolved };

    Status change_regex();
    void plan_resolution(bool is_new_regex);
    bool may_compute_target() const;
    AssignorInput assignor_input() const;
    AssignorMember assignor_member(const ConsumerMember& member, const Assignment& current) const;
    void set_targets(MemberAssignments assignments, const AssignorInput& input);

    const ConsumerGroup& group_;
    const GroupView& view_;
    ConsumerMember before_;
    ConsumerMember member_;
    std::optional<std::string> replaced_;  // whose target it inherits
    bool topics_changed_ = false;
    RegexChanged regex_ = RegexChanged::no;
    std::int32_t epoch_;
    bool is_homogeneous_;
    bool looked_at_topics_ = false;
    std::int32_t target_epoch_;
    Assignment target_;
    std::set<std::string> regexes_to_resolve_;
    std::vector<ConsumerChange> changes_;
};

}  // namespace gregor::coordinator
