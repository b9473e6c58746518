// What the handlers of groups and offsets refuse by themselves, and what they make of the coordinator's
// errors in each version. The groups' own rules are told by tests/transcripts. The codes are those of Kafka's
// broker.
#include "gen/api/consumer_group_describe.h"
#include "gen/api/consumer_group_heartbeat.h"
#include "gen/api/delete_groups.h"
#include "gen/api/describe_groups.h"
#include "gen/api/heartbeat.h"
#include "gen/api/join_group.h"
#include "gen/api/leave_group.h"
#include "gen/api/list_groups.h"
#include "gen/api/offset_commit.h"
#include "gen/api/offset_delete.h"
#include "gen/api/offset_fetch.h"
#include "gen/api/sync_group.h"
#include "server/handlers/consumer_groups.h"
#include "server/handlers/test_replicas.h"

namespace gregor::server {
namespace {

using security::Operation;

class GroupsTest : public testing::Test {
protected:
    void SetUp() override {
        seen = broker.add_topic("seen");
        hidden = broker.add_topic("hidden");
        broker.world.state.features.set("group.version", 1);
        broker.publish();
        for (const auto* topic : {"seen", "hidden"}) broker.groups.images.put_topic(topic, 1);
        broker.groups.elect();
        broker.groups.settle();
        broker.authorizer.denied = {{Operation::read, "hidden"}, {Operation::describe, "hidden"}};
    }

    template <class Request, class Response>
    Response ask(void (*handler)(const Request&, RequestContext&, Completion<Response>), std::int16_t version,
                 const Request& request) {
        const auto question =
            std::make_shared<test::Question<Request, Response>>(broker, handler, version, request);
        questions.push_back(question);
        broker.groups.settle();
        EXPECT_TRUE(question->is_answered());
        return **question;
    }

    void forbid(Operation operation, const std::string& name) {
        broker.authorizer.denied.emplace_back(operation, name);
    }

    // Of partition 0 of each topic; ids since v10.
    msg::OffsetCommitRequest commit_of(std::string_view group, const std::vector<std::string_view>& topics) {
        msg::OffsetCommitRequest request;
        request.group_id = group;
        for (const auto name : topics) {
            auto& topic = request.topics.emplace_back();
            topic.name = name;
            topic.topic_id = name == "seen" ? seen : name == "hidden" ? hidden : Uuid{9, 9};
            topic.partitions.emplace_back().committed_metadata = "";
        }
        return request;
    }
    std::vector<ErrorCode> commit(std::int16_t version, const msg::OffsetCommitRequest& request) {
        std::vector<ErrorCode> errors;
        for (const auto& topic : ask(&handle_offset_commit, version, request).topics)
            errors.push_back(topic.partitions.at(0).error_code);
        return errors;
    }

    test::ReplicaBroker broker;
    Uuid seen;
    Uuid hidden;
    std::vector<std::shared_ptr<void>> questions;  // answers are views into their bytes
};

using Codes = std::vector<ErrorCode>;

// ---------------------------------------------------------------- offsets

TEST_F(GroupsTest, WhatMayNotBeCommittedIsSaidOfEachTopic) {
    const auto request = commit_of("g", {"seen", "hidden", "nowhere"});
    EXPECT_EQ(commit(9, request), (Codes{ErrorCode::none, ErrorCode::topic_authorization_failed,
                                         ErrorCode::unknown_topic_or_partition}));
    EXPECT_EQ(commit(10, request),
              (Codes{ErrorCode::none, ErrorCode::topic_authorization_failed, ErrorCode::unknown_topic_id}));
    auto other_partition = commit_of("g", {"seen"});
    other_partition.topics[0].partitions[0].partition_index = 1;
    EXPECT_EQ(commit(9, other_partition), Codes{ErrorCode::unknown_topic_or_partition});
    auto large = commit_of("g", {"seen", "nowhere"});
    const std::string metadata(4'097, 'x');
    large.topics[0].partitions[0].committed_metadata = metadata;
    EXPECT_EQ(commit(9, large),
              (Codes{ErrorCode::offset_metadata_too_large, ErrorCode::unknown_topic_or_partition}));
    forbid(Operation::read, "g");
    EXPECT_EQ(commit(9, request), Codes(3, ErrorCode::group_authorization_failed));
}

TEST_F(GroupsTest, AMemberOfNoGroupIsToldSoInTheWordsOfItsVersion) {
    auto request = commit_of("g", {"seen"});
    request.generation_id_or_member_epoch = 3;
    request.member_id = "m";
    EXPECT_EQ(commit(9, request), Codes{ErrorCode::group_id_not_found});
    EXPECT_EQ(commit(8, request), Codes{ErrorCode::illegal_generation});
}

TEST_F(GroupsTest, WhoDoesNotLeadTheGroupSaysSoOfEachPartition) {
    broker.groups.resign();
    EXPECT_EQ(commit(9, commit_of("g", {"seen", "nowhere"})),
              (Codes{ErrorCode::not_coordinator, ErrorCode::unknown_topic_or_partition}));
}

TEST_F(GroupsTest, OffsetsAreFetchedOfTopicsThatMayBeSeen) {
    broker.authorizer.denied.clear();
    EXPECT_EQ(commit(9, commit_of("g", {"seen", "hidden"})), Codes(2, ErrorCode::none));
    forbid(Operation::describe, "hidden");
    msg::OffsetFetchRequest request;
    auto& group = request.groups.emplace_back();
    group.group_id = "g";
    group.topics.emplace();
    for (const auto& [name, id] :
         {std::pair("seen", seen), std::pair("hidden", hidden), std::pair("no", Uuid{9, 9})}) {
        auto& topic = group.topics->emplace_back();
        topic.name = name;
        topic.topic_id = id;
        topic.partition_indexes = {0};
    }
    const auto errors = [&](std::int16_t version) {
        Codes codes;
        for (const auto& topic : ask(&handle_offset_fetch, version, request).groups.at(0).topics)
            codes.push_back(topic.partitions.at(0).error_code);
        return codes;
    };
    EXPECT_EQ(errors(9), (Codes{ErrorCode::none, ErrorCode::none, ErrorCode::topic_authorization_failed}));
    EXPECT_EQ(errors(10),
              (Codes{ErrorCode::none, ErrorCode::topic_authorization_failed, ErrorCode::unknown_topic_id}));
    group.topics.reset();  // all: those that may be seen
    const auto all = ask(&handle_offset_fetch, 9, request);
    ASSERT_EQ(all.groups.at(0).topics.size(), 1U);
    EXPECT_EQ(all.groups[0].topics[0].name, "seen");
    forbid(Operation::describe, "g");
    EXPECT_EQ(ask(&handle_offset_fetch, 9, request).groups.at(0).error_code,
              ErrorCode::group_authorization_failed);
}

// Version 1 has no place for the group's error.
TEST_F(GroupsTest, TheErrorOfAGroupWasOnceThatOfEachPartition) {
    forbid(Operation::describe, "g");
    msg::OffsetFetchRequest request;
    request.group_id = "g";
    request.topics.emplace();
    auto& topic = request.topics->emplace_back();
    topic.name = "seen";
    topic.partition_indexes = {0, 1};
    const auto first = ask(&handle_offset_fetch, 1, request);
    for (const auto& partition : first.topics.at(0).partitions)
        EXPECT_EQ(partition.error_code, ErrorCode::group_authorization_failed);
    const auto second = ask(&handle_offset_fetch, 2, request);
    EXPECT_EQ(second.error_code, ErrorCode::group_authorization_failed);
    EXPECT_TRUE(second.topics.empty());
}

// What was committed for a topic of another id is not there for the one of today.
TEST_F(GroupsTest, OffsetsOfATopicThatWasMadeAgainAreNotIts) {
    EXPECT_EQ(commit(10, commit_of("g", {"seen"})), Codes{ErrorCode::none});
    broker.world.delete_topic("seen");
    const auto again = broker.add_topic("seen");
    msg::OffsetFetchRequest request;
    auto& group = request.groups.emplace_back();
    group.group_id = "g";
    auto& topic = group.topics.emplace().emplace_back();
    topic.partition_indexes = {0};
    topic.topic_id = again;
    const auto found = ask(&handle_offset_fetch, 10, request);
    EXPECT_EQ(found.groups.at(0).topics.at(0).partitions.at(0).committed_offset, -1);
    EXPECT_EQ(found.groups[0].topics[0].partitions[0].error_code, ErrorCode::none);
    topic.topic_id = seen;
    const auto gone = ask(&handle_offset_fetch, 10, request);
    EXPECT_EQ(gone.groups.at(0).topics.at(0).partitions.at(0).error_code, ErrorCode::unknown_topic_id);
}

TEST_F(GroupsTest, OffsetsAreDeletedByWhoMayDeleteTheGroup) {
    EXPECT_EQ(commit(9, commit_of("g", {"seen"})), Codes{ErrorCode::none});
    msg::OffsetDeleteRequest request;
    request.group_id = "g";
    for (const auto* name : {"seen", "hidden", "nowhere"}) {
        auto& topic = request.topics.emplace_back();
        topic.name = name;
        topic.partitions.emplace_back().partition_index = 0;
    }
    std::map<std::string, ErrorCode> errors;
    for (const auto& topic : ask(&handle_offset_delete, 0, request).topics)
        errors[std::string(topic.name)] = topic.partitions.at(0).error_code;
    EXPECT_EQ(errors, (std::map<std::string, ErrorCode>{{"hidden", ErrorCode::topic_authorization_failed},
                                                        {"nowhere", ErrorCode::unknown_topic_or_partition},
                                                        {"seen", ErrorCode::none}}));
    forbid(Operation::remove, "g");
    EXPECT_EQ(ask(&handle_offset_delete, 0, request).error_code, ErrorCode::group_authorization_failed);
}

// ---------------------------------------------------------------- classic groups

TEST_F(GroupsTest, MembersMustBeAllowedToReadTheGroup) {
    forbid(Operation::read, "g");
    msg::JoinGroupRequest join;
    join.group_id = "g";
    join.session_timeout_ms = 10'000;
    EXPECT_EQ(ask(&handle_join_group, 9, join).error_code, ErrorCode::group_authorization_failed);
    msg::SyncGroupRequest sync;
    sync.group_id = "g";
    EXPECT_EQ(ask(&handle_sync_group, 4, sync).error_code, ErrorCode::group_authorization_failed);
    // Asked before who it is.
    EXPECT_EQ(ask(&handle_sync_group, 5, sync).error_code, ErrorCode::inconsistent_group_protocol);
    sync.protocol_type = "consumer";
    EXPECT_EQ(ask(&handle_sync_group, 5, sync).error_code, ErrorCode::inconsistent_group_protocol);
    sync.protocol_name = "range";
    EXPECT_EQ(ask(&handle_sync_group, 5, sync).error_code, ErrorCode::group_authorization_failed);
    msg::HeartbeatRequest heartbeat;
    heartbeat.group_id = "g";
    EXPECT_EQ(ask(&handle_heartbeat, 4, heartbeat).error_code, ErrorCode::group_authorization_failed);
    msg::LeaveGroupRequest leave;
    leave.group_id = "g";
    EXPECT_EQ(ask(&handle_leave_group, 5, leave).error_code, ErrorCode::group_authorization_failed);
}

TEST_F(GroupsTest, LeavingWasOnceOfOneMemberAlone) {
    msg::LeaveGroupRequest request;
    request.group_id = "g";
    request.member_id = "m";
    EXPECT_EQ(ask(&handle_leave_group, 2, request).error_code, ErrorCode::unknown_member_id);
    request.member_id = {};
    request.members.emplace_back().member_id = "m";
    const auto response = ask(&handle_leave_group, 5, request);
    EXPECT_EQ(response.error_code, ErrorCode::none);
    EXPECT_EQ(response.members.at(0).error_code, ErrorCode::unknown_member_id);
}

TEST_F(GroupsTest, AGroupThatIsNotThereWasOnceCalledDead) {
    msg::DescribeGroupsRequest request;
    request.groups = {"g"};
    const auto older = ask(&handle_describe_groups, 5, request);
    EXPECT_EQ(older.groups.at(0).error_code, ErrorCode::none);
    EXPECT_EQ(older.groups[0].group_state, "Dead");
    const auto newer = ask(&handle_describe_groups, 6, request);
    EXPECT_EQ(newer.groups.at(0).error_code, ErrorCode::group_id_not_found);
    EXPECT_TRUE(newer.groups[0].error_message);
    forbid(Operation::describe, "g");
    EXPECT_EQ(ask(&handle_describe_groups, 6, request).groups.at(0).error_code,
              ErrorCode::group_authorization_failed);
}

TEST_F(GroupsTest, ListsWhatMayBeSeen) {
    for (const auto* group : {"g", "h"})
        EXPECT_EQ(commit(9, commit_of(group, {"seen"})), Codes{ErrorCode::none});
    forbid(Operation::describe, "g");
    EXPECT_EQ(ask(&handle_list_groups, 5, {}).groups.size(), 2U);  // who may see the cluster sees all
    forbid(Operation::describe, std::string(security::k_cluster_resource));
    const auto response = ask(&handle_list_groups, 5, {});
    EXPECT_EQ(response.error_code, ErrorCode::none);
    ASSERT_EQ(response.groups.size(), 1U);
    EXPECT_EQ(response.groups[0].group_id, "h");
}

TEST_F(GroupsTest, AreDeletedByWhoMay) {
    EXPECT_EQ(commit(9, commit_of("g", {"seen"})), Codes{ErrorCode::none});
    msg::DeleteGroupsRequest request;
    request.groups_names = {"g", "nobody"};
    forbid(Operation::remove, "g");
    const auto denied = ask(&handle_delete_groups, 2, request);
    EXPECT_EQ(denied.results.at(0).error_code, ErrorCode::group_authorization_failed);
    EXPECT_EQ(denied.results.at(1).error_code, ErrorCode::group_id_not_found);
    broker.authorizer.denied.clear();
    EXPECT_EQ(ask(&handle_delete_groups, 2, request).results.at(0).error_code, ErrorCode::none);
}

// ---------------------------------------------------------------- groups of KIP-848

msg::ConsumerGroupHeartbeatRequest joining(const std::vector<std::string_view>& topics) {
    msg::ConsumerGroupHeartbeatRequest request;
    request.group_id = "g";
    request.member_id = "m";
    request.rebalance_timeout_ms = 60'000;
    request.subscribed_topic_names.emplace(topics.begin(), topics.end());
    request.topic_partitions.emplace();
    return request;
}

TEST_F(GroupsTest, TopicsThatMayNotBeSeenAreNotSubscribedTo) {
    const auto heartbeat = [&](const std::vector<std::string_view>& topics) {
        return ask(&handle_consumer_group_heartbeat, 1, joining(topics)).error_code;
    };
    EXPECT_EQ(heartbeat({"seen", "hidden"}), ErrorCode::topic_authorization_failed);
    EXPECT_EQ(heartbeat({"seen"}), ErrorCode::none);
    forbid(Operation::read, "g");
    EXPECT_EQ(heartbeat({"seen"}), ErrorCode::group_authorization_failed);
}

TEST_F(GroupsTest, AConsumerGroupIsDescribedWithAllItsTopicsOrNotAtAll) {
    broker.authorizer.denied.clear();
    EXPECT_EQ(ask(&handle_consumer_group_heartbeat, 1, joining({"seen", "hidden"})).error_code,
              ErrorCode::none);
    msg::ConsumerGroupDescribeRequest request;
    request.group_ids = {"g", "", "nobody"};
    const auto open = ask(&handle_consumer_group_describe, 1, request);
    EXPECT_EQ(open.groups.at(0).error_code, ErrorCode::none);
    EXPECT_EQ(open.groups[0].members.size(), 1U);
    EXPECT_EQ(open.groups.at(1).error_code, ErrorCode::invalid_group_id);
    EXPECT_EQ(open.groups.at(2).error_code, ErrorCode::group_id_not_found);
    forbid(Operation::describe, "hidden");
    const auto partly = ask(&handle_consumer_group_describe, 1, request);
    EXPECT_EQ(partly.groups.at(0).error_code, ErrorCode::topic_authorization_failed);
    EXPECT_TRUE(partly.groups[0].members.empty());
    forbid(Operation::describe, "g");
    EXPECT_EQ(ask(&handle_consumer_group_describe, 1, request).groups.at(0).error_code,
              ErrorCode::group_authorization_failed);
}

// The cluster has to have the feature, and the broker the protocol.
TEST_F(GroupsTest, WithoutTheProtocolItsRequestsAreOfAnUnsupportedVersion) {
    msg::ConsumerGroupDescribeRequest describe;
    describe.group_ids = {"g"};
    const auto expect = [&](ErrorCode heartbeat, ErrorCode described) {
        EXPECT_EQ(ask(&handle_consumer_group_heartbeat, 1, joining({"seen"})).error_code, heartbeat);
        EXPECT_EQ(ask(&handle_consumer_group_describe, 1, describe).groups.at(0).error_code, described);
    };
    broker.properties.given["group.coordinator.rebalance.protocols"] = "classic";
    expect(ErrorCode::unsupported_version, ErrorCode::unsupported_version);
    broker.properties.given["group.coordinator.rebalance.protocols"] = "classic, consumer";
    expect(ErrorCode::none, ErrorCode::none);
    broker.world.state.features.set("group.version", 0);
    broker.publish();
    expect(ErrorCode::unsupported_version, ErrorCode::unsupported_version);
}

}  // namespace
}  // namespace gregor::server
