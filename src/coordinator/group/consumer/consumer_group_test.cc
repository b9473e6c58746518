#include "coordinator/group/consumer/consumer_group.h"

#include <gtest/gtest.h>

#include "coordinator/group/consumer/reconcile.h"

namespace gregor::coordinator {
namespace {

constexpr Uuid k_topic{1, 2};

CurrentAssignmentChange has(const std::string& member_id, std::int32_t epoch, std::int32_t partition) {
    return {.member_id = member_id,
            .value = CurrentAssignment{.epoch = epoch, .assigned = {{k_topic, {{partition, epoch}}}}}};
}

MemberMetadata subscribed_to(std::set<std::string> topics) {
    MemberMetadata metadata;
    metadata.subscribed_topics = std::move(topics);
    return metadata;
}

// Kafka would stop the load; a group that works is of more use to who has such a log.
TEST(ConsumerGroup, APartitionThatALogGivesTwiceBelongsToTheLaterEpoch) {
    ConsumerGroup group("g");
    group.apply(has("a", 5, 0));
    group.apply(has("b", 3, 0));
    EXPECT_EQ(group.owners().at(k_topic).at(0), 5);
    group.apply(CurrentAssignmentChange{.member_id = "b", .value = {}});
    EXPECT_EQ(group.owners().at(k_topic).at(0), 5);
    group.apply(CurrentAssignmentChange{.member_id = "a", .value = {}});
    EXPECT_TRUE(group.owners().empty());
}

TEST(ConsumerGroup, CompactionMayBringRecordsInAnyOrder) {
    ConsumerGroup group("g");
    group.apply(has("a", 2, 0));
    group.apply(TargetChange{.member_id = "a", .value = Assignment{{k_topic, {0}}}});
    group.apply(MemberMetadataChange{.member_id = "a", .value = subscribed_to({"t"})});
    group.apply(TargetEpochChange{{{.epoch = 2}}});
    group.apply(GroupEpochChange{{{.epoch = 2}}});
    EXPECT_EQ(group.state(), ConsumerGroupState::stable);
    group.apply(MemberMetadataChange{.member_id = "nobody", .value = {}});
    group.apply(CurrentAssignmentChange{.member_id = "nobody", .value = {}});
    group.apply(RegexChange{.regex = "nothing", .value = {}});
    EXPECT_EQ(group.members().size(), 1U);
    group.check_invariants();
}

TEST(ConsumerGroup, SubscriptionsAreHomogeneousWhenAllHaveTheSame) {
    EXPECT_TRUE(ConsumerGroup::is_homogeneous({{"t", {.members = 2}}}, {}, 2));
    EXPECT_FALSE(ConsumerGroup::is_homogeneous({{"t", {.members = 2}}, {"u", {.members = 1}}}, {}, 2));
    EXPECT_TRUE(ConsumerGroup::is_homogeneous({{"t", {.expressions = 1}}}, {{"t.*", 2}}, 2));
    EXPECT_FALSE(ConsumerGroup::is_homogeneous({{"t", {.expressions = 1}}}, {{"t.*", 1}}, 2));
    EXPECT_FALSE(ConsumerGroup::is_homogeneous({{"t", {.members = 1, .expressions = 1}}}, {{"t.*", 2}}, 2));
}

// A state that a newer broker wrote: the member must come without partitions.
TEST(Reconcile, AnUnknownStateIsFenced) {
    CurrentAssignment current{.epoch = 4, .state = member_state_of(42)};
    EXPECT_EQ(current.state, MemberState::unknown);
    const auto reconciled = [&](const std::optional<Assignment>& owned) {
        return reconcile({.current = current,
                          .target_epoch = 5,
                          .target = {{k_topic, {0}}},
                          .subscribed_topics = {k_topic},
                          .owned = owned,
                          .owners = {}});
    };
    EXPECT_EQ(reconciled(std::nullopt).error().code, ErrorCode::fenced_member_epoch);
    EXPECT_EQ(reconciled(Assignment{{k_topic, {0}}}).error().code, ErrorCode::fenced_member_epoch);
    EXPECT_EQ(reconciled(Assignment{})->epoch, 5);
}

// A revocation takes no longer than the client needs, and nothing is given that the member no longer wants.
TEST(Reconcile, TargetsOfTopicsThatAreNotSubscribedToAreNothing) {
    const CurrentAssignment current{.epoch = 4, .assigned = {{k_topic, {{0, 4}}}}};
    const auto next = reconcile({.current = current,
                                 .target_epoch = 5,
                                 .target = {{k_topic, {0, 1}}},
                                 .subscribed_topics = {},
                                 .owned = Assignment{},
                                 .owners = {{k_topic, {{0, 4}}}}});
    EXPECT_TRUE(next->assigned.empty());
    EXPECT_EQ(next->epoch, 5);
    EXPECT_EQ(next->state, MemberState::stable);
}

}  // namespace
}  // namespace gregor::coordinator
