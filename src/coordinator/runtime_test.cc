#include "coordinator/runtime.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

#include "coordinator/batch_codec.h"
#include "coordinator/test_world.h"
#include "records/batch.h"

namespace gregor::coordinator {
namespace {

constexpr PartitionIndex k_first{0};

OffsetCommitRequest commit_of(std::string group, std::int64_t offset, std::string metadata = {}) {
    OffsetCommitRequest request{.group_id = std::move(group)};
    request.topics.push_back(
        {.name = "t", .partitions = {{.partition = 0, .offset = offset, .metadata = std::move(metadata)}}});
    return request;
}

// Collects what commits are answered with, in order.
struct Answers {
    std::vector<ErrorCode> codes;
    Completion<Result<OffsetCommitResult>> next() {
        return [this](Result<OffsetCommitResult> result) {
            codes.push_back(result ? result->topics[0][0] : result.error().code);
        };
    }
};

std::int32_t records_in(const Slice& batch) { return records::BatchView(batch.bytes()).records_count(); }

std::int64_t fetched(TestWorld& world, const std::string& group) {
    std::int64_t offset = -2;
    OffsetFetchRequest request{.group_id = group};
    request.topics.emplace().push_back({.name = "t", .partitions = {0}});
    world.groups().fetch_offsets(std::move(request), [&](Result<OffsetFetchResult> result) {
        if (result) offset = result->topics[0].partitions[0].offset;
    });
    world.settle();
    return offset;
}

TEST(Runtime, WritesOfOneTurnShareABatch) {
    TestWorld world({});
    world.elect();
    world.settle();
    Answers answers;
    for (int i = 0; i < 5; ++i) world.groups().commit_offsets(commit_of("g", i), answers.next());
    EXPECT_TRUE(answers.codes.empty());
    world.settle();
    ASSERT_EQ(world.log.log(k_first).size(), 1U);
    EXPECT_EQ(records_in(world.log.log(k_first)[0]), 5);
    EXPECT_EQ(answers.codes, std::vector<ErrorCode>(5, ErrorCode::none));
    EXPECT_EQ(fetched(world, "g"), 4);
}

TEST(Runtime, BatchesStayWithinTheLimit) {
    TestWorld world({});
    world.log.set_max_batch_bytes(400);
    world.elect();
    world.settle();
    Answers answers;
    for (int i = 0; i < 4; ++i)
        world.groups().commit_offsets(commit_of("g", i, std::string(150, 'x')), answers.next());
    world.groups().commit_offsets(commit_of("g", 4, std::string(400, 'x')), answers.next());
    world.settle();
    for (const auto& batch : world.log.log(k_first)) EXPECT_LE(batch.size(), 400U);
    EXPECT_EQ(world.log.log(k_first).size(), 4U);
    // What can never be written is refused without harm to the others; it says nothing, so it need not wait.
    EXPECT_EQ(std::ranges::count(answers.codes, ErrorCode::unknown_server_error), 1);
    EXPECT_EQ(std::ranges::count(answers.codes, ErrorCode::none), 4);
    EXPECT_EQ(fetched(world, "g"), 3);
}

TEST(Runtime, AFailedWriteTakesEverythingAfterItBack) {
    TestWorld world({});
    world.elect();
    world.settle();
    Answers answers;
    world.groups().commit_offsets(commit_of("g", 1), answers.next());
    world.settle();
    world.log.fail_next(ErrorCode::not_enough_replicas);
    world.groups().commit_offsets(commit_of("g", 2), answers.next());
    world.groups().commit_offsets(commit_of("other", 3), answers.next());
    world.settle();
    EXPECT_EQ(answers.codes, (std::vector{ErrorCode::none, ErrorCode::coordinator_not_available,
                                          ErrorCode::coordinator_not_available}));
    EXPECT_EQ(fetched(world, "g"), 1);
    EXPECT_EQ(fetched(world, "other"), -1);
}

// What the log answers, and what a client of the coordinator is told.
TEST(Runtime, ClientsHearOfFailedWritesInTheCoordinatorsWords) {
    const std::vector<std::pair<ErrorCode, ErrorCode>> told = {
        {ErrorCode::unknown_topic_or_partition, ErrorCode::coordinator_not_available},
        {ErrorCode::not_enough_replicas, ErrorCode::coordinator_not_available},
        {ErrorCode::not_enough_replicas_after_append, ErrorCode::coordinator_not_available},
        {ErrorCode::request_timed_out, ErrorCode::coordinator_not_available},
        {ErrorCode::not_leader_or_follower, ErrorCode::not_coordinator},
        {ErrorCode::kafka_storage_error, ErrorCode::not_coordinator},
        {ErrorCode::message_too_large, ErrorCode::unknown_server_error},
        {ErrorCode::record_list_too_large, ErrorCode::unknown_server_error},
        {ErrorCode::invalid_producer_epoch, ErrorCode::invalid_producer_epoch}};
    for (const auto& [written, heard] : told) {
        TestWorld world({});
        world.elect();
        world.settle();
        Answers answers;
        world.log.fail_next(written);
        world.groups().commit_offsets(commit_of("g", 1), answers.next());
        world.settle();
        EXPECT_EQ(answers.codes, std::vector{heard});
    }
}

TEST(Runtime, LateCommitsOfAFormerLeadershipAreIgnored) {
    TestWorld world({});
    world.elect();
    world.settle();
    Answers answers;
    world.log.hold_writes();
    world.groups().commit_offsets(commit_of("g", 1), answers.next());
    world.settle();
    world.resign();
    world.elect();
    EXPECT_EQ(answers.codes, std::vector{ErrorCode::not_coordinator});
    world.log.commit_all();
    world.settle();
    EXPECT_EQ(answers.codes.size(), 1U);
    EXPECT_EQ(fetched(world, "g"), 1);  // it was in the log, so it counts
}

TEST(Runtime, ANewEpochKeepsTheMachine) {
    TestWorld world({});
    world.elect();
    world.settle();
    Answers answers;
    world.groups().commit_offsets(commit_of("g", 1), answers.next());
    world.log.hold_loads();
    world.elect();
    world.settle();
    EXPECT_EQ(fetched(world, "g"), 1);
    world.log.release_loads();
    world.settle();
}

// As in every batch of the peer's __consumer_offsets.
TEST(Runtime, BatchesOfNoProducerBeginAtSequenceZero) {
    const auto batch = encode_batch(std::vector{CoordinatorRecord{.key = OwnedBytes(1), .value = {}}}, 0);
    EXPECT_EQ(records::BatchView(batch.bytes()).producer_id(), k_no_producer_id);
    EXPECT_EQ(records::BatchView(batch.bytes()).base_sequence(), 0);
}

TEST(Runtime, ADamagedLogFailsTheLoad) {
    TestWorld world({});
    const CoordinatorRecord damaged{.key = OwnedBytes(1), .value = {}};
    world.log.put(k_first, encode_batch(std::vector{damaged}, 0));
    world.elect();
    world.settle();
    Answers answers;
    world.groups().commit_offsets(commit_of("g", 1), answers.next());
    EXPECT_EQ(answers.codes, std::vector{ErrorCode::not_coordinator});
}

TEST(Runtime, NoTimersWithoutGroups) {
    TestWorld world({});
    world.elect();
    world.settle();
    EXPECT_EQ(world.loop.timers(), 0U);
}

TEST(GroupCoordinator, GroupsAreFoundOnAnyShard) {
    TestWorld world({.config = {}, .partitions = 8, .shards = 3});
    world.elect();
    world.settle();
    Answers answers;
    for (int i = 0; i < 20; ++i) {
        world.groups().commit_offsets(commit_of("group-" + std::to_string(i), i), answers.next());
        world.settle();
    }
    EXPECT_EQ(answers.codes, std::vector<ErrorCode>(20, ErrorCode::none));
    for (int i = 0; i < 20; ++i) EXPECT_EQ(fetched(world, "group-" + std::to_string(i)), i);
    std::size_t listed = 0;
    world.groups().list({}, [&](Result<std::vector<ListedGroup>> groups) { listed = groups->size(); });
    world.settle();
    EXPECT_EQ(listed, 20U);
}

TEST(GroupCoordinator, OtherProtocolsAreLeftAlone) {
    TestWorld world({});
    // ShareGroupMetadata of GroupId-1, epoch 1.
    const std::string_view key("\0\13\0\11GroupId-1", 13);
    const std::string_view value("\0\0\0\0\0\1\0", 7);
    const auto own = [](std::string_view text) {
        const auto bytes = as_bytes(text);
        return OwnedBytes(bytes.begin(), bytes.end());
    };
    world.log.put(k_first, encode_batch(std::vector{CoordinatorRecord{own(key), own(value)}}, 0));
    world.elect();
    world.settle();
    Answers answers;
    world.groups().commit_offsets(commit_of("GroupId-1", 1), answers.next());
    ErrorCode joined = ErrorCode::none;
    JoinRequest join{.group_id = "GroupId-1", .session_timeout_ms = 10'000, .protocol_type = "consumer"};
    join.protocols.push_back({.name = "range", .metadata = {}});
    world.groups().join(std::move(join), [&](Result<JoinResult> result) { joined = result->error; });
    ErrorCode deleted = ErrorCode::none;
    world.groups().remove({"GroupId-1"}, [&](Result<ErrorCode> result) { deleted = *result; });
    std::vector<ErrorCode> beaten;
    for (const std::int32_t epoch : {0, 3, -1}) {
        ConsumerHeartbeatRequest heartbeat{.group_id = "GroupId-1", .member_id = "m", .member_epoch = epoch};
        heartbeat.rebalance_timeout_ms = 60'000;
        heartbeat.subscribed_topics.emplace();
        heartbeat.owned.emplace();
        world.groups().consumer_heartbeat(std::move(heartbeat), [&](Result<ConsumerHeartbeatResult> result) {
            beaten.push_back(result ? result->error : result.error().code);
        });
    }
    world.settle();
    EXPECT_EQ(beaten, std::vector(3, ErrorCode::group_id_not_found));
    EXPECT_EQ(answers.codes, std::vector{ErrorCode::group_id_not_found});
    EXPECT_EQ(joined, ErrorCode::inconsistent_group_protocol);
    EXPECT_EQ(deleted, ErrorCode::group_id_not_found);
    EXPECT_EQ(world.log.log(k_first).size(), 1U);
}

TEST(GroupCoordinator, OffsetsOfADeletedTopicGo) {
    TestWorld world({});
    world.elect();
    world.settle();
    Answers answers;
    world.groups().commit_offsets(commit_of("g", 1), answers.next());
    world.settle();
    world.groups().on_topic_deleted("another", Uuid{1, 2});
    EXPECT_EQ(fetched(world, "g"), 1);
    world.groups().on_topic_deleted("t", Uuid{1, 2});
    world.settle();
    EXPECT_EQ(fetched(world, "g"), -1);
}

JoinRequest join_of(std::string group) {
    JoinRequest join{.group_id = std::move(group),
                     .client_id = "c",
                     .session_timeout_ms = 10'000,
                     .rebalance_timeout_ms = 60'000,
                     .protocol_type = "consumer"};
    join.protocols.push_back({.name = "range", .metadata = {}});
    return join;
}

ErrorCode join_error(TestWorld& world, JoinRequest join) {
    std::optional<ErrorCode> error;
    world.groups().join(std::move(join), [&](Result<JoinResult> result) {
        error = result ? result->error : result.error().code;
    });
    world.settle();
    world.loop.advance(Duration::seconds(3));
    return error.value_or(ErrorCode::request_timed_out);
}

TEST(GroupCoordinator, ImpossibleJoinsAreRefused) {
    TestWorld world({});
    world.elect();
    world.settle();
    EXPECT_EQ(join_error(world, join_of("")), ErrorCode::invalid_group_id);
    for (const auto timeout_ms : {5'999, 1'800'001, -1}) {
        auto join = join_of("g");
        join.session_timeout_ms = timeout_ms;
        EXPECT_EQ(join_error(world, std::move(join)), ErrorCode::invalid_session_timeout);
    }
    auto known = join_of("g");
    known.member_id = "nobody";
    EXPECT_EQ(join_error(world, std::move(known)), ErrorCode::unknown_member_id);
    EXPECT_TRUE(world.log.log(k_first).empty());
}

// As Java counts a text: in UTF-16 units, of which some characters take two.
TEST(GroupCoordinator, MetadataHasAsManyCharactersAsJavaSays) {
    TestWorld world({});
    world.elect();
    world.settle();
    const auto repeated = [](std::string_view text, int count) {
        std::string all;
        for (int i = 0; i < count; ++i) all += text;
        return all;
    };
    const auto error_of = [&world](std::string metadata) {
        Answers answers;
        world.groups().commit_offsets(commit_of("g", 1, std::move(metadata)), answers.next());
        world.settle();
        return answers.codes.at(0);
    };
    EXPECT_EQ(error_of(repeated("\xc3\xa9", 4'096)), ErrorCode::none);
    EXPECT_EQ(error_of(repeated("\xc3\xa9", 4'097)), ErrorCode::offset_metadata_too_large);
    EXPECT_EQ(error_of(repeated("\xf0\x9f\x98\x80", 2'048)), ErrorCode::none);
    EXPECT_EQ(error_of(repeated("\xf0\x9f\x98\x80", 2'049)), ErrorCode::offset_metadata_too_large);
}

TEST(GroupCoordinator, AFullGroupTakesNobodyElse) {
    GroupConfig config;
    config.max_size = 2;
    TestWorld world({.config = config});
    world.elect();
    world.settle();
    std::vector<ErrorCode> errors;
    for (int i = 0; i < 3; ++i)
        world.groups().join(join_of("g"),
                            [&](Result<JoinResult> result) { errors.push_back(result->error); });
    world.settle();
    EXPECT_EQ(errors, std::vector{ErrorCode::group_max_size_reached});
    world.loop.advance(Duration::seconds(6));
    EXPECT_EQ(errors, (std::vector{ErrorCode::group_max_size_reached, ErrorCode::none, ErrorCode::none}));
    EXPECT_EQ(join_error(world, join_of("g")), ErrorCode::group_max_size_reached);
}

// Java: "hello".hashCode() == 99162322, "polygenelubricants".hashCode() == Integer.MIN_VALUE.
TEST(PartitionForKey, HashesAsJavaDoes) {
    EXPECT_EQ(partition_for_key("", 50).value(), 0);
    EXPECT_EQ(partition_for_key("hello", 50).value(), 99'162'322 % 50);
    EXPECT_EQ(partition_for_key("polygenelubricants", 50).value(), 0);
    // U+1F600 is the units d83d de00: 31 * 0xd83d + 0xde00.
    EXPECT_EQ(partition_for_key("\xf0\x9f\x98\x80", 1'000'000).value(), (31 * 0xd83d + 0xde00) % 1'000'000);
    EXPECT_EQ(partition_for_key("\xc3\xa9", 1'000).value(), 0xe9);
}

}  // namespace
}  // namespace gregor::coordinator
