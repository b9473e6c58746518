// A consumer group (KIP-848): the server decides who gets which partitions, and every member moves to its
// target at its own pace.
//
//   group epoch       grows with every change of members, subscriptions or topics
//   assignment epoch  the group epoch for which the target was computed
//   member epoch      the assignment epoch that the member has reached
//
// What is replicated changes by records only; decisions are made outside (member_step.h), against a const
// group.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "coordinator/group/consumer/consumer_member.h"
#include "coordinator/group/consumer/consumer_records.h"
#include "coordinator/state_machine.h"

namespace gregor::coordinator {

enum class ConsumerGroupState : std::uint8_t { empty, assigning, reconciling, stable };

std::string_view state_name(ConsumerGroupState state);  // as on the wire: "Reconciling"

// Which subscriptions name a topic.
struct SubscriptionCount {
    std::int32_t members = 0;      // that name it
    std::int32_t expressions = 0;  // that matched it, each counted once
    friend bool operator==(const SubscriptionCount&, const SubscriptionCount&) = default;
};
using SubscribedTopics = std::map<std::string, SubscriptionCount>;
using Counts = std::map<std::string, std::int32_t>;

class ConsumerGroup {
public:
    explicit ConsumerGroup(std::string id) : id_(std::move(id)) {}

    void apply(const ConsumerChange& change);

    const std::string& id() const { return id_; }
    ConsumerGroupState state() const;
    std::int32_t epoch() const { return epoch_; }
    std::int64_t metadata_hash() const { return metadata_hash_; }
    std::int32_t assignment_epoch() const { return assignment_epoch_; }
    std::int64_t assignment_timestamp_ms() const { return assignment_timestamp_ms_; }
    bool has_partition_metadata() const { return has_partition_metadata_; }

    const std::map<std::string, ConsumerMember>& members() const { return members_; }
    bool is_empty() const { return members_.empty(); }
    const ConsumerMember* find(const std::string& member_id) const;
    const ConsumerMember* find_static(const std::optional<std::string>& instance_id) const;
    std::int32_t classic_members() const { return classic_members_; }
    // Whether the members of the classic protocol could be a classic group.
    bool has_common_protocol() const;
    bool supports_protocols(std::string_view type, const std::vector<MemberProtocol>& protocols) const;

    const Assignment& target(const std::string& member_id) const;
    bool has_target(const std::string& member_id) const { return targets_.contains(member_id); }
    const PartitionEpochs& owners() const { return owners_; }
    // Whether a partition that the member waits for is still somebody else's.
    bool waits_for_others(const ConsumerMember& member) const;

    const SubscribedTopics& subscribed_topics() const { return subscribed_topics_; }
    const Counts& subscribed_regexes() const { return subscribed_regexes_; }
    std::int32_t subscribers_of(const std::string& regex) const;
    const std::map<std::string, ResolvedRegex>& resolved_regexes() const { return resolved_regexes_; }
    // The same, were `before` replaced by `after`; none of either is a member that comes or goes.
    SubscribedTopics subscribed_topics_with(const MemberMetadata* before, const MemberMetadata* after) const;
    SubscribedTopics subscribed_topics_without(const std::set<std::string>& member_ids,
                                               const std::set<std::string>& regexes) const;
    Counts subscribed_regexes_with(const MemberMetadata* before, const MemberMetadata* after) const;
    // Whether all members have the same subscription.
    static bool is_homogeneous(const SubscribedTopics& topics, const Counts& regexes, std::size_t members);
    std::string preferred_assignor(const MemberMetadata* before, const MemberMetadata* after,
                                   const std::string& otherwise) const;

    // The records that delete the group. With `replaced`, the place of that member is another's by now.
    struct Replacement {
        std::string member_id;
        std::string by;
    };
    std::vector<ConsumerChange> tombstones(const std::optional<Replacement>& replaced = {}) const;

    void check_invariants() const;

private:
    void apply_to(const GroupEpochChange& change);
    void apply_to(const PartitionMetadataChange& change) { has_partition_metadata_ = change.exists; }
    void apply_to(const MemberMetadataChange& change);
    void apply_to(const TargetEpochChange& change);
    void apply_to(const TargetChange& change);
    void apply_to(const CurrentAssignmentChange& change);
    void apply_to(const RegexChange& change);

    void count(const MemberMetadata& metadata, std::int32_t by);
    void forget_static(const ConsumerMember& member);
    void count_regex(const ResolvedRegex& resolved, std::int32_t by);
    void own(const CurrentAssignment& current);
    void disown(const CurrentAssignment& current);

    std::string id_;
    std::int32_t epoch_ = 1;
    std::int64_t metadata_hash_ = 0;
    std::int32_t assignment_epoch_ = 1;
    std::int64_t assignment_timestamp_ms_ = 0;
    bool has_partition_metadata_ = false;
    std::map<std::string, ConsumerMember> members_;
    std::map<std::string, Assignment> targets_;
    std::map<std::string, ResolvedRegex> resolved_regexes_;

    // Follow from the above.
    std::map<std::string, std::string> static_members_;  // instance id → member id
    SubscribedTopics subscribed_topics_;
    Counts subscribed_regexes_;
    Counts server_assignors_;
    Counts classic_protocols_;
    std::int32_t classic_members_ = 0;
    PartitionEpochs owners_;  // partitions that somebody has, with the epoch of that member
};

}  // namespace gregor::coordinator
