// Answers and sessions of Fetch as Kafka's broker gives them (protocol guide, KIP-227, 516, 951).
#include "gen/api/fetch.h"

#include <algorithm>
#include <limits>

#include "server/fetch_meter.h"
#include "server/handlers/metered_fetch.h"
#include "server/handlers/test_replicas.h"

namespace gregor::server {
namespace {

using msg::FetchRequest;
using msg::FetchResponse;
using Fetch = test::Question<FetchRequest, FetchResponse>;
using ReplicaWorld = replication::testing::World;

class FetchTest : public testing::Test {
protected:
    struct From {
        std::int32_t partition = 0;
        std::int64_t offset = 0;
    };
    static FetchRequest request(std::initializer_list<From> places, std::string_view topic = "t") {
        FetchRequest request;
        request.min_bytes = 1;
        if (places.size() == 0) return request;
        auto& row = request.topics.emplace_back();
        row.topic = topic;
        for (const auto& [partition, offset] : places) {
            auto& entry = row.partitions.emplace_back();
            entry.partition = partition;
            entry.fetch_offset = offset;
            entry.partition_max_bytes = 1 << 20;
        }
        return request;
    }
    static FetchRequest in_session(FetchRequest request, std::int32_t id, std::int32_t epoch) {
        request.session_id = id;
        request.session_epoch = epoch;
        return request;
    }
    void append(std::int32_t partition = 0) {
        broker.world.append(topic_, partition);
        broker.world.settle();
    }
    // "partition:error:records" of each row, in order.
    static std::string rows(const FetchResponse& response) {
        std::string text;
        for (const auto& topic : response.responses) {
            for (const auto& row : topic.partitions) {
                text += (text.empty() ? "" : " ") + std::to_string(row.partition_index) + ":" +
                        std::to_string(static_cast<int>(row.error_code)) + ":" +
                        (row.records && !row.records->empty() ? "x" : "-");
            }
        }
        return text;
    }
    void make_topic(std::int32_t partitions) { topic_ = broker.add_topic("t", partitions); }

    test::ReplicaBroker broker;
    Uuid topic_;
};

TEST_F(FetchTest, EveryVersionIsAnswered) {
    make_topic(1);
    append();
    for (std::int16_t version = FetchRequest::k_min_version; version <= FetchRequest::k_max_version;
         ++version) {
        auto asked = request({{0, 0}});
        if (version >= 13) {
            asked.topics[0].topic = {};
            asked.topics[0].topic_id = topic_;
        }
        Fetch fetch(broker, &handle_fetch, version, asked);
        broker.world.settle();
        ASSERT_EQ(fetch.calls(), 1) << version;
        ASSERT_EQ(rows(*fetch), "0:0:x") << version;
        const auto& row = fetch->responses[0].partitions[0];
        EXPECT_EQ(row.high_watermark, 1);
        EXPECT_EQ(row.last_stable_offset, 1);
        EXPECT_EQ(row.log_start_offset, version >= 5 ? 0 : -1);
        EXPECT_FALSE(row.aborted_transactions.has_value());
        EXPECT_EQ(row.preferred_read_replica, -1);
        EXPECT_EQ(fetch->session_id, 0);
    }
}

TEST_F(FetchTest, AReadCommittedAnswerListsAbortedTransactions) {
    make_topic(1);
    auto asked = request({{0, 0}});
    asked.isolation_level = 1;
    Fetch fetch(broker, &handle_fetch, 12, asked);
    broker.world.settle();
    ASSERT_TRUE(fetch->responses[0].partitions[0].aborted_transactions.has_value());
    EXPECT_TRUE(fetch->responses[0].partitions[0].aborted_transactions->empty());

    broker.world.partition(topic_)->log().update_config({});  // nobody verifies transactions yet
    const storage::testing::TestBatch open{
        .producer_id = ProducerId{7}, .producer_epoch = 0, .base_sequence = 0, .transactional = true};
    broker.world.append({replication::testing::World::entry(topic_, 0, open)}, broker.world.options());
    broker.world.settle();
    Fetch held_back(broker, &handle_fetch, 12, asked);
    broker.world.settle();
    EXPECT_EQ(rows(*held_back), "0:0:-");
    EXPECT_EQ(held_back->responses[0].partitions[0].last_stable_offset, 0);
    EXPECT_EQ(held_back->responses[0].partitions[0].high_watermark, 1);
    auto how = broker.world.options();
    how.origin = records::AppendOrigin::coordinator;
    broker.world.append({replication::marker_append({.partition = replication::testing::World::id_of(topic_),
                                                     .producer_id = ProducerId{7},
                                                     .producer_epoch = 0},
                                                    replication::testing::k_now_ms)},
                        how);
    broker.world.settle();
    Fetch ended(broker, &handle_fetch, 12, asked);
    broker.world.settle();
    const auto& row = ended->responses[0].partitions[0];
    EXPECT_EQ(row.last_stable_offset, 2);
    ASSERT_EQ(row.aborted_transactions->size(), 1U);
    EXPECT_EQ((*row.aborted_transactions)[0].producer_id, 7);
    EXPECT_EQ((*row.aborted_transactions)[0].first_offset, 0);
}

// Seen at the peer, which notices only when a log is to be read: no session begins, and one that lives has
// moved on.
TEST_F(FetchTest, AnIsolationLevelThatDoesNotExistFailsEveryPartition) {
    make_topic(1);
    append();
    auto asked = in_session(request({{0, 0}, {7, 0}}), 0, 0);
    asked.isolation_level = 2;
    Fetch by_name(broker, &handle_fetch, 12, asked);
    broker.world.settle();
    EXPECT_EQ(by_name->error_code, ErrorCode::unknown_server_error);
    EXPECT_EQ(by_name->session_id, 0);
    ASSERT_EQ(rows(*by_name), "0:-1:- 7:-1:-");
    EXPECT_EQ(by_name->responses[0].partitions[0].high_watermark, -1);
    asked.topics[0].topic = {};
    asked.topics[0].topic_id = topic_;
    Fetch by_id(broker, &handle_fetch, 13, asked);
    broker.world.settle();
    EXPECT_EQ(by_id->error_code, ErrorCode::unknown_server_error);
    EXPECT_EQ(rows(*by_id), "");
    auto of_nothing = request({{7, 0}});
    of_nothing.isolation_level = 2;
    Fetch unread(broker, &handle_fetch, 12, of_nothing);
    broker.world.settle();
    EXPECT_EQ(unread->error_code, ErrorCode::none);
    EXPECT_EQ(rows(*unread), "7:3:-");
}

TEST_F(FetchTest, WaitsForRecordsAndThenForItsDeadline) {
    make_topic(1);
    auto asked = request({{0, 0}});
    asked.max_wait_ms = 500;
    Fetch fetch(broker, &handle_fetch, 12, asked);
    Fetch late(broker, &handle_fetch, 12, request({{0, 0}}));  // does not wait at all
    broker.world.settle();
    EXPECT_EQ(fetch.calls(), 0);
    EXPECT_EQ(rows(*late), "0:0:-");
    broker.world.advance(Duration::millis(500));
    EXPECT_EQ(rows(*fetch), "0:0:-");
    asked.max_wait_ms = INT32_MAX;
    Fetch patient(broker, &handle_fetch, 12, asked);
    broker.world.settle();
    EXPECT_EQ(patient.calls(), 0);
    append();
    EXPECT_EQ(rows(*patient), "0:0:x");
}

// Kafka's broker: what it refuses itself does not end the wait for what it reads.
TEST_F(FetchTest, ARefusedPartitionDoesNotEndTheWaitOfTheOthers) {
    make_topic(1);
    auto asked = request({{0, 0}, {5, 0}});
    asked.max_wait_ms = 500;
    Fetch fetch(broker, &handle_fetch, 12, asked);
    auto hopeless = request({{5, 0}, {-1, 0}});
    hopeless.max_wait_ms = 500;
    Fetch alone(broker, &handle_fetch, 12, hopeless);
    broker.world.settle();
    EXPECT_EQ(fetch.calls(), 0);
    EXPECT_EQ(rows(*alone), "5:3:- -1:3:-");
    broker.world.advance(Duration::millis(500));
    EXPECT_EQ(rows(*fetch), "0:0:- 5:3:-");
}

TEST_F(FetchTest, OddNumbersAreNoHarm) {
    make_topic(1);
    append();
    for (const std::int32_t number : {0, -1, INT32_MIN, INT32_MAX}) {
        auto asked = request({{0, 0}});
        asked.max_bytes = number;
        asked.min_bytes = number;
        asked.max_wait_ms = number == INT32_MAX ? 0 : number;
        asked.topics[0].partitions[0].partition_max_bytes = number;
        Fetch fetch(broker, &handle_fetch, 12, asked);
        broker.world.settle();
        EXPECT_EQ(rows(*fetch), "0:0:x") << number;  // the first batch always comes
    }
    for (const std::int64_t offset : {std::int64_t{-1}, INT64_MIN, INT64_MAX, std::int64_t{2}}) {
        Fetch fetch(broker, &handle_fetch, 12, request({{0, offset}}));
        broker.world.settle();
        EXPECT_EQ(rows(*fetch), "0:1:-") << offset;
        EXPECT_EQ(fetch->responses[0].partitions[0].high_watermark, -1);
    }
}

TEST_F(FetchTest, NamesIdsAndPermissions) {
    make_topic(1);
    auto by_id = request({{0, 0}}, "");
    by_id.topics[0].topic_id = Uuid{5, 5};
    Fetch unknown_id(broker, &handle_fetch, 13, by_id);
    Fetch unknown_name(broker, &handle_fetch, 12, request({{0, 0}}, "u"));
    broker.authorizer.denied = {{security::Operation::read, "t"}, {security::Operation::read, "u"}};
    Fetch denied(broker, &handle_fetch, 12, request({{0, 0}}));
    Fetch denied_unknown(broker, &handle_fetch, 12, request({{0, 0}}, "u"));
    broker.world.settle();
    EXPECT_EQ(rows(*unknown_id), "0:100:-");
    EXPECT_EQ(rows(*unknown_name), "0:3:-");
    EXPECT_EQ(rows(*denied), "0:29:-");
    EXPECT_EQ(rows(*denied_unknown), "0:29:-");
}

// Seen at the peer: it remembers partitions by name, and answers last what it never asks a log about.
TEST_F(FetchTest, RepeatedPartitionsAreOneAndRefusedOnesComeLast) {
    make_topic(2);
    append(1);
    Fetch fetch(broker, &handle_fetch, 12, request({{9, 0}, {1, 1}, {0, 0}, {1, 0}}));
    broker.world.settle();
    EXPECT_EQ(rows(*fetch), "1:0:x 0:0:- 9:3:-");
    const auto& partitions = fetch->responses[0].partitions;
    EXPECT_FALSE(partitions[0].aborted_transactions);
    EXPECT_TRUE(partitions[2].aborted_transactions);
}

// Seen at the peer: of what it asks no log about, ids that nobody has come first.
TEST_F(FetchTest, UnknownIdsComeBeforeOtherRefusals) {
    make_topic(1);
    append();
    auto asked = request({{9, 0}}, "");
    asked.topics[0].topic_id = topic_;
    auto unknown = request({{3, 0}}, "").topics[0];
    unknown.topic_id = Uuid{5, 5};
    auto known = request({{0, 0}}, "").topics[0];
    known.topic_id = topic_;
    asked.topics.push_back(unknown);
    asked.topics.push_back(known);
    Fetch fetch(broker, &handle_fetch, 13, asked);
    broker.world.settle();
    EXPECT_EQ(rows(*fetch), "0:0:x 3:100:- 9:3:-");
}

TEST_F(FetchTest, WhoDivergesIsToldOfNoTransactions) {
    make_topic(1);
    append();
    auto asked = request({{0, 5}});
    asked.isolation_level = 1;
    asked.topics[0].partitions[0].last_fetched_epoch = 0;
    Fetch fetch(broker, &handle_fetch, 12, asked);
    broker.world.settle();
    const auto& row = fetch->responses.at(0).partitions.at(0);
    EXPECT_EQ(row.diverging_epoch.end_offset, 1);
    EXPECT_FALSE(row.aborted_transactions);
}

TEST_F(FetchTest, ASessionMayBeginWithoutPartitions) {
    make_topic(1);
    Fetch empty(broker, &handle_fetch, 12, in_session(request({}), 0, 0));
    broker.world.settle();
    EXPECT_GT(empty->session_id, 0);
    Fetch first(broker, &handle_fetch, 12, in_session(request({{0, 0}}), empty->session_id, 1));
    broker.world.settle();
    EXPECT_EQ(first->session_id, empty->session_id);
    EXPECT_EQ(rows(*first), "0:0:-");
}

TEST_F(FetchTest, NegativeEpochsAreUnknownOnes) {
    make_topic(1);
    append();
    auto asked = request({{0, 0}});
    asked.topics[0].partitions[0].current_leader_epoch = -2;
    asked.topics[0].partitions[0].last_fetched_epoch = INT32_MIN;
    Fetch fetch(broker, &handle_fetch, 12, asked);
    broker.world.settle();
    EXPECT_EQ(rows(*fetch), "0:0:x");
}

TEST_F(FetchTest, ASessionTellsOnlyWhatChanged) {
    make_topic(3);
    append(1);
    Fetch full(broker, &handle_fetch, 12, in_session(request({{0, 0}, {1, 0}, {2, 0}}), 0, 0));
    broker.world.settle();
    const auto id = full->session_id;
    EXPECT_GT(id, 0);
    EXPECT_EQ(rows(*full), "0:0:- 1:0:x 2:0:-");

    Fetch nothing(broker, &handle_fetch, 12, in_session(request({{1, 1}}), id, 1));
    broker.world.settle();
    EXPECT_EQ(nothing->session_id, id);
    EXPECT_EQ(rows(*nothing), "");

    append(2);
    append(0);
    Fetch news(broker, &handle_fetch, 12, in_session(request({}), id, 2));
    broker.world.settle();
    EXPECT_EQ(rows(*news), "0:0:x 2:0:x");

    // Not fetched on: the same records again, and behind the others.
    append(1);
    Fetch again(broker, &handle_fetch, 12, in_session(request({}), id, 3));
    broker.world.settle();
    EXPECT_EQ(rows(*again), "1:0:x 0:0:x 2:0:x");

    auto leave = in_session(request({{0, 1}, {2, 1}}), id, 4);
    leave.forgotten_topics_data.push_back(
        {.topic = "t", .topic_id = {}, .partitions = {1, 77}, .unknown_tags = {}});
    Fetch fewer(broker, &handle_fetch, 12, leave);
    broker.world.settle();
    EXPECT_EQ(rows(*fewer), "");
    EXPECT_EQ(broker.sessions.partition_count(), 2U);

    auto leave_all = in_session(request({}), id, 5);
    leave_all.forgotten_topics_data.push_back(
        {.topic = "t", .topic_id = {}, .partitions = {0, 2}, .unknown_tags = {}});
    Fetch last(broker, &handle_fetch, 12, leave_all);
    broker.world.settle();
    EXPECT_EQ(last->session_id, 0);
    EXPECT_EQ(broker.sessions.size(), 0U);
}

// Each partition gets its turn at a budget that holds one batch.
TEST_F(FetchTest, ASessionServesInTurn) {
    make_topic(3);
    for (std::int32_t i = 0; i < 3; ++i) append(i);
    auto asked = in_session(request({{0, 0}, {1, 0}, {2, 0}}), 0, 0);
    asked.max_bytes = 1;
    Fetch full(broker, &handle_fetch, 12, asked);
    broker.world.settle();
    EXPECT_EQ(rows(*full), "0:0:x 1:0:- 2:0:-");
    std::string turns;
    for (std::int32_t epoch = 1; epoch <= 4; ++epoch) {
        auto next = in_session(request({}), full->session_id, epoch);
        next.max_bytes = 1;
        Fetch fetch(broker, &handle_fetch, 12, next);
        broker.world.settle();
        turns += rows(*fetch) + "|";
    }
    EXPECT_EQ(turns, "0:0:x|1:0:x|2:0:x|0:0:x|");  // the answer that made the session moved nothing
}

TEST_F(FetchTest, AnErrorInASessionIsToldEachTimeAndItsEndToo) {
    make_topic(2);
    Fetch full(broker, &handle_fetch, 12, in_session(request({{0, 5}, {1, 0}}), 0, 0));
    broker.world.settle();
    EXPECT_EQ(rows(*full), "0:1:- 1:0:-");
    const auto id = full->session_id;
    Fetch still(broker, &handle_fetch, 12, in_session(request({}), id, 1));
    broker.world.settle();
    EXPECT_EQ(rows(*still), "0:1:-");
    Fetch mended(broker, &handle_fetch, 12, in_session(request({{0, 0}}), id, 2));
    broker.world.settle();
    EXPECT_EQ(rows(*mended), "0:0:-");
    Fetch quiet(broker, &handle_fetch, 12, in_session(request({}), id, 3));
    broker.world.settle();
    EXPECT_EQ(rows(*quiet), "");
}

TEST_F(FetchTest, SessionErrors) {
    make_topic(1);
    const auto error_of = [&](std::int16_t version, FetchRequest asked) {
        Fetch fetch(broker, &handle_fetch, version, std::move(asked));
        broker.world.settle();
        EXPECT_EQ(fetch.calls(), 1);
        EXPECT_EQ(rows(*fetch), "");
        return fetch->error_code;
    };
    Fetch full(broker, &handle_fetch, 12, in_session(request({{0, 0}}), 0, 0));
    broker.world.settle();
    const auto id = full->session_id;
    EXPECT_EQ(error_of(12, in_session(request({}), id + 1, 1)), ErrorCode::fetch_session_id_not_found);
    EXPECT_EQ(error_of(12, in_session(request({}), 0, 1)), ErrorCode::fetch_session_id_not_found);
    EXPECT_EQ(error_of(12, in_session(request({}), id, 2)), ErrorCode::invalid_fetch_session_epoch);
    EXPECT_EQ(error_of(12, in_session(request({}), id, -7)), ErrorCode::invalid_fetch_session_epoch);
    EXPECT_EQ(error_of(13, in_session(request({}), id, 1)), ErrorCode::fetch_session_topic_id_error);
    EXPECT_EQ(error_of(12, in_session(request({}), id, 1)), ErrorCode::none);
    EXPECT_EQ(error_of(12, in_session(request({}), id, -1)), ErrorCode::none);  // closes it
    EXPECT_EQ(error_of(12, in_session(request({}), id, 2)), ErrorCode::fetch_session_id_not_found);
}

TEST_F(FetchTest, ASessionThatMovedOnWhileARequestWaited) {
    make_topic(1);
    Fetch full(broker, &handle_fetch, 12, in_session(request({{0, 0}}), 0, 0));
    broker.world.settle();
    const auto id = full->session_id;
    auto wait = in_session(request({}), id, 1);
    wait.max_wait_ms = 1000;
    Fetch slow(broker, &handle_fetch, 12, wait);
    Fetch quick(broker, &handle_fetch, 12, in_session(request({}), id, 2));
    wait.session_epoch = 3;
    Fetch closed(broker, &handle_fetch, 12, wait);
    broker.world.settle();
    EXPECT_EQ(quick->error_code, ErrorCode::invalid_fetch_session_epoch);  // the third came before its answer
    broker.sessions.close(id);
    broker.world.advance(Duration::seconds(1));
    EXPECT_EQ(slow->error_code, ErrorCode::fetch_session_id_not_found);
    EXPECT_EQ(closed->error_code, ErrorCode::fetch_session_id_not_found);
}

TEST_F(FetchTest, WithoutRoomThereIsAnAnswerButNoSession) {
    make_topic(60);
    FetchRequest big;
    auto& topic = big.topics.emplace_back();
    topic.topic = "t";
    for (std::int32_t i = 0; i < 51; ++i)
        topic.partitions.push_back({.partition = i, .replica_directory_id = {}, .unknown_tags = {}});
    Fetch sessionless(broker, &handle_fetch, 12, in_session(big, 0, 0));
    broker.world.settle();
    EXPECT_EQ(sessionless->session_id, 0);
    EXPECT_EQ(sessionless->responses.at(0).partitions.size(), 51U);

    Fetch small(broker, &handle_fetch, 12, in_session(request({{0, 0}}), 0, 0));
    broker.world.settle();
    Fetch grown(broker, &handle_fetch, 12, in_session(big, small->session_id, 1));
    broker.world.settle();
    EXPECT_EQ(grown->error_code, ErrorCode::fetch_session_id_not_found);
    EXPECT_EQ(broker.sessions.size(), 0U);
}

TEST_F(FetchTest, ADeletedTopicStaysInTheSessionAsAnError) {
    make_topic(1);
    auto asked = in_session(request({{0, 0}}, ""), 0, 0);
    asked.topics[0].topic_id = topic_;
    Fetch full(broker, &handle_fetch, 13, asked);
    broker.world.settle();
    auto wait = in_session(request({}), full->session_id, 1);
    wait.max_wait_ms = 10'000;
    Fetch waiting(broker, &handle_fetch, 13, wait);
    broker.world.settle();
    EXPECT_EQ(waiting.calls(), 0);
    broker.world.delete_topic("t");
    broker.publish();
    EXPECT_EQ(waiting.calls(), 1);
    EXPECT_EQ(rows(*waiting), "0:3:-");
    Fetch next(broker, &handle_fetch, 13, in_session(request({}), full->session_id, 2));
    broker.world.settle();
    EXPECT_EQ(rows(*next), "0:100:-");
}

// What a client that has gone away holds goes with it, however long it was willing to wait.
TEST_F(FetchTest, AWaitEndsWithItsConnection) {
    make_topic(1);
    auto asked = request({{0, 0}});
    asked.max_wait_ms = std::numeric_limits<std::int32_t>::max();
    Fetch waiting(broker, &handle_fetch, 12, asked);
    broker.world.settle();
    broker.world.advance(Duration::seconds(3'000));
    EXPECT_EQ(waiting.calls(), 0);
    EXPECT_EQ(broker.world.replicas().waiting_fetches(), 1U);
    broker.waiting.end({.slot = 9});  // somebody else
    EXPECT_EQ(waiting.calls(), 0);
    broker.waiting.end(waiting.context.connection());
    EXPECT_EQ(waiting.calls(), 1);
    EXPECT_EQ(broker.world.replicas().waiting_fetches(), 0U);
    EXPECT_EQ(broker.waiting.size(), 0U);
}

// ---------------------------------------------------------------- quotas

struct FakeMeter final : FetchMeter {
    std::int32_t most_bytes(std::int32_t wanted) override { return std::min(wanted, most); }
    bool admit(std::size_t bytes) override {
        asked.push_back(bytes);
        return admits;
    }
    std::int32_t most = 1 << 20;
    bool admits = true;
    std::vector<std::size_t> asked;
};
FakeMeter* meter = nullptr;

void fetch_metered(const FetchRequest& request, RequestContext& context, Completion<FetchResponse> done) {
    handle_metered_fetch(request, context, *meter, std::move(done));
}

TEST_F(FetchTest, OverItsQuotaAClientGetsNoRecords) {
    FakeMeter fake;
    meter = &fake;
    make_topic(1);
    append();
    Fetch first(broker, &fetch_metered, 12, in_session(request({{0, 0}}), 0, 0));
    broker.world.settle();
    ASSERT_EQ(rows(*first), "0:0:x");
    const auto id = first->session_id;
    ASSERT_NE(id, 0);
    const auto records = first->responses[0].partitions[0].records->size();
    ASSERT_EQ(fake.asked.size(), 1U);
    EXPECT_GT(fake.asked[0], records);
    EXPECT_LT(fake.asked[0], records + 200);

    fake.admits = false;
    Fetch none(broker, &fetch_metered, 12, in_session(request({}), id, 1));
    broker.world.settle();
    EXPECT_EQ(rows(*none), "");
    EXPECT_EQ(none->error_code, ErrorCode::none);
    EXPECT_EQ(none->session_id, id);
    Fetch anew(broker, &fetch_metered, 12, in_session(request({{0, 0}}), 0, 0));
    broker.world.settle();
    EXPECT_EQ(rows(*anew), "");
    EXPECT_EQ(anew->session_id, 0);  // no session begins

    fake.admits = true;
    Fetch after(broker, &fetch_metered, 12, in_session(request({}), id, 2));
    broker.world.settle();
    EXPECT_EQ(rows(*after), "0:0:x");
}

TEST_F(FetchTest, NoMoreIsReadThanTheQuotaLets) {
    FakeMeter fake;
    meter = &fake;
    make_topic(1);
    for (int i = 0; i < 3; ++i) append();
    Fetch all(broker, &fetch_metered, 12, request({{0, 0}}));
    broker.world.settle();
    const auto whole = all->responses[0].partitions[0].records->size();
    fake.most = 1;
    Fetch one(broker, &fetch_metered, 12, request({{0, 0}}));
    broker.world.settle();
    EXPECT_EQ(one->responses[0].partitions[0].records->size(), whole / 3);
}

TEST_F(FetchTest, FollowersAreNotServedYet) {
    make_topic(1);
    auto asked = request({{0, 0}});
    asked.replica_id = 2;
    Fetch fetch(broker, &handle_fetch, 12, asked);
    broker.world.settle();
    EXPECT_EQ(fetch->error_code, ErrorCode::not_leader_or_follower);
}

}  // namespace
}  // namespace gregor::server
