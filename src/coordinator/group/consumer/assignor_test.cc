// What Kafka's own results cannot show (tests/golden): damaged targets, and the promise at scale.
#include "coordinator/group/consumer/assignor.h"

#include <gtest/gtest.h>

#include <fmt/format.h>

namespace gregor::coordinator {
namespace {

constexpr Uuid k_a{1, 1};
constexpr Uuid k_b{2, 2};
constexpr Uuid k_gone{9, 9};

AssignorMember member(std::string id, std::set<Uuid> topics, Assignment current = {}) {
    return {.member_id = std::move(id),
            .instance_id = {},
            .rack_id = {},
            .subscribed_topics = std::move(topics),
            .current = std::move(current)};
}

AssignorInput group(std::vector<AssignorMember> members, bool homogeneous) {
    AssignorInput input;
    input.topics = {{k_a, {.name = "a", .partition_count = 4}}, {k_b, {.name = "b", .partition_count = 3}}};
    input.homogeneous = homogeneous;
    for (auto& each : members) input.members.emplace(each.member_id, each);
    return input;
}

// Each partition of the input's topics with a subscriber is owned once; who owns it subscribes to it.
void expect_sound(const AssignorInput& input, const MemberAssignments& assignments) {
    std::map<Uuid, std::map<std::int32_t, std::string>> owners;
    for (const auto& [id, assignment] : assignments) {
        for (const auto& [topic, partitions] : assignment) {
            EXPECT_TRUE(input.members.at(id).subscribed_topics.contains(topic)) << id;
            EXPECT_FALSE(partitions.empty()) << id;
            for (const auto partition : partitions) {
                EXPECT_TRUE(owners[topic].emplace(partition, id).second) << partition;
                EXPECT_LT(partition, input.topics.at(topic).partition_count);
                EXPECT_GE(partition, 0);
            }
        }
    }
    for (const auto& [topic, shape] : input.topics) EXPECT_EQ(owners[topic].size(), shape.partition_count);
}

TEST(Assignor, SurvivesADamagedTarget) {
    for (const auto homogeneous : {true, false}) {
        const auto input = group({member("1", {k_a, k_b, k_gone}, {{k_a, {-1, 0, 1, 4'000}}, {k_gone, {0}}}),
                                  member("2", {k_a, k_b, k_gone}, {{k_a, {0, 1, 2, 3}}, {k_b, {0, 7}}}),
                                  member("3", {k_a, k_b, k_gone}, {{k_a, {0, 1, 2, 3}}})},
                                 homogeneous);
        expect_sound(input, assign_uniform(input));
        expect_sound(input, assign_range(input));
    }
}

TEST(Assignor, NothingToAssign) {
    for (const auto homogeneous : {true, false}) {
        EXPECT_TRUE(assign_uniform(group({}, homogeneous)).empty());
        EXPECT_TRUE(assign_range(group({}, homogeneous)).empty());
        for (const auto& topics : {std::set<Uuid>{}, std::set<Uuid>{k_gone}})
            for (const auto assign : {assign_uniform, assign_range})
                for (const auto& [id, assignment] : assign(group({member("1", topics)}, homogeneous)))
                    EXPECT_TRUE(assignment.empty());
    }
}

TEST(Assignor, ALargeGroupIsBalancedAndStaysWhereItIs) {
    AssignorInput input;
    input.homogeneous = true;
    input.topics = {{k_a, {.name = "a", .partition_count = 2'500}}};
    for (int i = 0; i < 1'000; ++i) {
        const auto id = fmt::format("{:04}", i);
        input.members.emplace(id, member(id, {k_a}));
    }
    const auto first = assign_uniform(input);
    expect_sound(input, first);
    for (const auto& [id, assignment] : first) {
        const auto count = assignment.at(k_a).size();
        EXPECT_TRUE(count == 2 || count == 3) << id;
        input.members.at(id).current = assignment;
    }
    EXPECT_EQ(assign_uniform(input), first);
    input.homogeneous = false;
    EXPECT_EQ(assign_uniform(input), first);

    // One leaves: only its partitions move.
    input.homogeneous = true;
    input.members.erase("0500");
    const auto second = assign_uniform(input);
    expect_sound(input, second);
    for (const auto& [id, assignment] : second)
        for (const auto partition : first.at(id).at(k_a))
            EXPECT_TRUE(assignment.at(k_a).contains(partition)) << id;
}

}  // namespace
}  // namespace gregor::coordinator
