// KIP-227, as section 2 of Kafka's fetch sessions has it: order of service, epochs, and what room there is.
#include "server/fetch_session.h"

#include <gtest/gtest.h>

#include <limits>
#include <set>

namespace gregor::server {
namespace {

FetchKey key(std::int32_t index) { return {{}, "t", PartitionIndex{index}}; }
SessionPartition partition(std::int32_t index, std::int64_t offset = 0) {
    return {.key = key(index), .fetch_offset = offset};
}
std::string order(const FetchSession& session) {
    std::string text;
    for (const auto& entry : session.partitions()) text += std::to_string(entry.key.partition.value());
    return text;
}
Instant at(std::int64_t seconds) { return Instant::from_nanos(0) + Duration::seconds(seconds); }

TEST(FetchSession, ServesInOrderOfInsertionAndMovesToTheEnd) {
    FetchSession session;
    for (const auto index : {3, 1, 2}) session.put(partition(index));
    EXPECT_EQ(order(session), "312");
    session.put(partition(3, 7));  // known: new parameters, same place
    EXPECT_EQ(order(session), "312");
    EXPECT_EQ(session.find(key(3))->fetch_offset, 7);
    session.move_to_end(key(3));
    session.move_to_end(key(9));
    EXPECT_EQ(order(session), "123");
    session.forget(key(2));
    session.forget(key(9));
    EXPECT_EQ(order(session), "13");
    EXPECT_EQ(session.find(key(2)), nullptr);
    session.put(partition(2));
    EXPECT_EQ(order(session), "132");
}

TEST(FetchSession, NewParametersKeepWhatTheClientWasTold) {
    FetchSession session;
    session.put(partition(1));
    session.find(key(1))->is_new = false;
    session.find(key(1))->sent_high_watermark = 5;
    session.put(partition(1, 9));
    EXPECT_FALSE(session.find(key(1))->is_new);
    EXPECT_EQ(session.find(key(1))->sent_high_watermark, 5);
}

TEST(FetchSessions, EpochsGoFromOneAndWrapToOne) {
    EXPECT_EQ(next_session_epoch(1), 2);
    EXPECT_EQ(next_session_epoch(std::numeric_limits<std::int32_t>::max()), 1);
}

TEST(FetchSessions, ChecksInKafkasOrder) {
    FetchSessions sessions({});
    const auto* session = sessions.create({.uses_topic_ids = true, .partition_count = 1}, at(0));
    const auto id = session->id;
    EXPECT_EQ(sessions.check(id, 1, true), ErrorCode::none);
    EXPECT_EQ(sessions.check(id + 1, 1, true), ErrorCode::fetch_session_id_not_found);
    EXPECT_EQ(sessions.check(id, 2, true), ErrorCode::invalid_fetch_session_epoch);
    EXPECT_EQ(sessions.check(id, 2, false), ErrorCode::invalid_fetch_session_epoch);
    EXPECT_EQ(sessions.check(id, 1, false), ErrorCode::fetch_session_topic_id_error);
    sessions.close(id);
    sessions.close(id);
    EXPECT_EQ(sessions.check(id, 1, true), ErrorCode::fetch_session_id_not_found);
}

TEST(FetchSessions, IdsArePositiveAndOfTheirShardAlone) {
    std::set<std::int32_t> seen;
    for (const std::uint32_t shard : {0U, 1U, 2U}) {
        FetchSessions sessions({.slots_max = 50, .shard = shard, .shard_count = 3, .seed = 11});
        for (int i = 0; i < 50; ++i) {
            const auto id = sessions.create({.partition_count = 1}, at(0))->id;
            EXPECT_GT(id, 0);
            EXPECT_TRUE(seen.insert(id).second);
        }
    }
}

TEST(FetchSessions, OnlyTheLongestUnusedSessionMakesRoom) {
    FetchSessions sessions({.slots_max = 2});
    const auto first = sessions.create({.partition_count = 1}, at(0))->id;
    const auto second = sessions.create({.partition_count = 1}, at(10))->id;
    EXPECT_EQ(sessions.create({.partition_count = 1}, at(120)), nullptr);  // 120 s are not more than 120 s
    sessions.find(first)->last_used = at(115);
    EXPECT_EQ(sessions.create({.partition_count = 1}, at(121)), nullptr);
    const auto* third = sessions.create({.partition_count = 1}, at(131));
    ASSERT_NE(third, nullptr);
    EXPECT_EQ(sessions.find(second), nullptr);
    EXPECT_NE(sessions.find(first), nullptr);
    EXPECT_EQ(sessions.size(), 2U);
}

// Kafka's FetchSessionCacheShard.tryEvict: the key is (privileged, size, id), the applicant's id is 0.
class FetchSessionEviction : public testing::Test {
protected:
    struct Wanted {
        bool is_privileged = false;
        std::size_t size = 0;
    };
    // Creates a session and fills it; 0 when there is no room.
    std::int32_t create(Wanted wanted, std::int64_t second) {
        auto* session = sessions.create(
            {.is_privileged = wanted.is_privileged, .partition_count = wanted.size}, at(second));
        if (session == nullptr) return 0;
        for (std::size_t i = 0; i < wanted.size; ++i) session->put(partition(static_cast<std::int32_t>(i)));
        return session->id;
    }
    void use(std::int32_t id, std::int64_t second) { sessions.find(id)->last_used = at(second); }
    bool lives(std::int32_t id) { return sessions.find(id) != nullptr; }

    FetchSessions sessions{{.slots_max = 2}};
};

TEST_F(FetchSessionEviction, ALargerSessionTakesThePlaceOfAnOldSmallerOne) {
    const auto small = create({.size = 2}, 0);
    const auto large = create({.size = 5}, 0);
    use(small, 100);
    use(large, 100);
    EXPECT_EQ(create({.size = 9}, 100), 0);  // nobody is older than 120 s
    use(small, 121);
    use(large, 121);
    EXPECT_EQ(create({.size = 1}, 122), 0);  // worth less than either
    EXPECT_EQ(create({.size = 2}, 122), 0);  // as much as the small one: its id decides, and ours is 0
    EXPECT_NE(create({.size = 3}, 122), 0);
    EXPECT_FALSE(lives(small));
    EXPECT_TRUE(lives(large));
}

TEST_F(FetchSessionEviction, AFollowerTakesThePlaceOfAnyConsumer) {
    const auto young = create({.size = 7}, 0);
    const auto follower = create({.is_privileged = true, .size = 1}, 0);
    const auto other = create({.is_privileged = true, .size = 1}, 1);
    EXPECT_NE(other, 0);
    EXPECT_FALSE(lives(young));
    EXPECT_TRUE(lives(follower));
    EXPECT_EQ(create({.is_privileged = true, .size = 9}, 2), 0);  // young followers stay
    use(follower, 121);
    use(other, 121);
    EXPECT_EQ(create({.size = 100}, 122), 0);  // a consumer takes no follower's place
    EXPECT_NE(create({.is_privileged = true, .size = 2}, 122), 0);
    EXPECT_FALSE(lives(follower) && lives(other));
}

TEST_F(FetchSessionEviction, TheStalestGoesFirstWhateverItIsWorth) {
    const auto large = create({.is_privileged = true, .size = 50}, 0);
    const auto small = create({.size = 1}, 0);
    use(small, 130);
    EXPECT_NE(create({.size = 1}, 131), 0);
    EXPECT_FALSE(lives(large));
    EXPECT_TRUE(lives(small));
}

TEST(FetchSessions, PartitionsOfAllSessionsHaveALimit) {
    FetchSessions sessions({.slots_max = 10, .partitions_max = 3});
    EXPECT_EQ(sessions.create({.partition_count = 4}, at(0)), nullptr);
    auto* session = sessions.create({.partition_count = 3}, at(0));
    ASSERT_NE(session, nullptr);
    for (const auto index : {1, 2, 3}) session->put(partition(index));
    EXPECT_FALSE(sessions.is_over_limit());
    EXPECT_EQ(sessions.create({.partition_count = 1}, at(100)), nullptr);
    EXPECT_EQ(sessions.create({.partition_count = 4}, at(1000)),
              nullptr);  // would not fit anyway: nobody is evicted
    EXPECT_EQ(sessions.size(), 1U);
    session->put(partition(4));
    EXPECT_TRUE(sessions.is_over_limit());
    session->forget(key(1));
    EXPECT_FALSE(sessions.is_over_limit());
    EXPECT_NE(sessions.create({.partition_count = 1}, at(1000)), nullptr);
}

TEST(FetchSessions, NoSlotsNoSessions) {
    FetchSessions sessions({.slots_max = 0});
    EXPECT_EQ(sessions.create({.partition_count = 1}, at(1000)), nullptr);
}

}  // namespace
}  // namespace gregor::server
