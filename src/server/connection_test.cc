// A connection from its client's side: order of answers, limits, hostile bytes, memory, patience.
#include "server/connection.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "gen/api/heartbeat.h"
#include "gen/api/produce.h"
#include "protocol/frame.h"
#include "server/test_world.h"

namespace gregor::server {
namespace {

using test::Client;
using test::framed;
using test::request;
using test::World;

// What the handlers of these tests have been asked and have not answered. One test at a time.
struct Asked {
    std::vector<std::string> groups;
    std::vector<Completion<msg::HeartbeatResponse>> heartbeats;
    std::vector<Completion<msg::ProduceResponse>> produces;
    std::vector<RequestContext*> contexts;
    bool answers_at_once = false;
    ~Asked() {
        const AbandonScope tearing_down;
        heartbeats.clear();
        produces.clear();
    }
};
Asked* asked = nullptr;

void on_heartbeat(const msg::HeartbeatRequest& heartbeat, RequestContext& context,
                  Completion<msg::HeartbeatResponse> done) {
    asked->groups.emplace_back(heartbeat.group_id);
    if (asked->answers_at_once) return done({});
    asked->contexts.push_back(&context);
    asked->heartbeats.push_back(std::move(done));
}

void on_produce(const msg::ProduceRequest&, RequestContext& context, Completion<msg::ProduceResponse> done) {
    asked->contexts.push_back(&context);
    asked->produces.push_back(std::move(done));
}

constexpr std::int16_t k_heartbeat = 12;
constexpr std::int16_t k_produce = 0;

constexpr auto k_rows = std::to_array<ServedApi>({
    {.key = ApiKey::produce,
     .run = &run_handler<msg::ProduceRequest, msg::ProduceResponse, &on_produce>,
     .overlap = Overlap::with_own_kind},
    {.key = ApiKey::heartbeat,
     .run = &run_handler<msg::HeartbeatRequest, msg::HeartbeatResponse, &on_heartbeat>},
    {.key = ApiKey::create_topics},
});
constexpr ApiTable k_apis{std::span<const ServedApi>(k_rows)};

std::string heartbeat(std::int32_t correlation_id, std::string_view group = "g") {
    return request({k_heartbeat, 0, correlation_id}, [group](protocol::Writer& writer) {
        msg::HeartbeatRequest body;
        body.group_id = group;
        body.encode(writer, 0);
    });
}

std::string produce(std::int32_t correlation_id, std::size_t record_bytes = 0) {
    const std::string records(record_bytes, 'r');
    return request({k_produce, 3, correlation_id}, [&records](protocol::Writer& writer) {
        msg::ProduceRequest body;
        body.acks = -1;
        body.topic_data.resize(1);
        body.topic_data[0].name = "t";
        body.topic_data[0].partition_data.resize(1);
        body.topic_data[0].partition_data[0].records = protocol::Records(Slice::copy_of(as_bytes(records)));
        body.encode(writer, 3);
    });
}

class ConnectionTest : public testing::Test {
public:
    ConnectionTest() { asked = &asked_; }
    // The world of this test, with one client connected.
    World& start(ConnectionLimits limits = {}) {
        world.emplace(k_apis, limits);
        world->accept(client);
        return *world;
    }
    void answer_heartbeat(std::size_t i) { asked_.heartbeats.at(i)({}); }
    void answer_produce(std::size_t i) { asked_.produces.at(i)({}); }
    void settle() { world->settle({&client}); }
    std::size_t memory_used() const {
        const auto& memory = world->server->request_memory();
        return memory.small->used() + memory.large->used();
    }

    Client client;
    Asked asked_;
    std::optional<World> world;
};

// ---------------------------------------------------------------- order

TEST_F(ConnectionTest, OneRequestAtATimeAndAnswersInOrder) {
    start();
    client.send(heartbeat(1, "a") + heartbeat(2, "b") + heartbeat(3, "c"));
    EXPECT_EQ(asked_.groups, (std::vector<std::string>{"a"}));
    EXPECT_FALSE(client.is_reading);  // back-pressure while "b" waits
    answer_heartbeat(0);
    EXPECT_EQ(asked_.groups, (std::vector<std::string>{"a", "b"}));
    answer_heartbeat(1);
    answer_heartbeat(2);
    settle();
    EXPECT_EQ(client.correlation_ids(), (std::vector<std::int32_t>{1, 2, 3}));
    EXPECT_TRUE(client.is_reading);
}

TEST_F(ConnectionTest, ProducesOverlapAndAreAnsweredInOrder) {
    start();
    client.send(produce(1) + produce(2) + heartbeat(3) + produce(4));
    EXPECT_EQ(asked_.produces.size(), 2U);
    EXPECT_TRUE(asked_.heartbeats.empty());
    answer_produce(1);
    settle();
    EXPECT_TRUE(client.correlation_ids().empty());  // 2 waits for 1
    answer_produce(0);
    settle();
    EXPECT_EQ(client.correlation_ids(), (std::vector<std::int32_t>{1, 2}));
    ASSERT_EQ(asked_.heartbeats.size(), 1U);
    EXPECT_EQ(asked_.produces.size(), 2U);  // 4 does not start beside 3
    answer_heartbeat(0);
    ASSERT_EQ(asked_.produces.size(), 3U);
    answer_produce(2);
    settle();
    EXPECT_EQ(client.correlation_ids(), (std::vector<std::int32_t>{1, 2, 3, 4}));
}

TEST_F(ConnectionTest, EveryWayOfCuttingTheBytesGivesTheSame) {
    asked_.answers_at_once = true;
    const auto bytes = heartbeat(1, "first") + heartbeat(2, "") + heartbeat(3, "third");
    for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
        start();
        client.start_anew();
        asked_.groups.clear();
        client.send(bytes.substr(0, cut));
        for (const char c : bytes.substr(cut)) client.send(std::string(1, c));
        settle();
        ASSERT_EQ(asked_.groups, (std::vector<std::string>{"first", "", "third"})) << cut;
        ASSERT_EQ(client.correlation_ids(), (std::vector<std::int32_t>{1, 2, 3})) << cut;
    }
}

TEST_F(ConnectionTest, ASuppressedResponseLeavesNoGap) {
    start();
    client.send(produce(1) + produce(2));
    asked_.contexts[0]->suppress_response();
    answer_produce(0);
    answer_produce(1);
    settle();
    EXPECT_EQ(client.correlation_ids(), (std::vector<std::int32_t>{2}));
}

TEST_F(ConnectionTest, AHandlerMayCloseInsteadOfAnswering) {
    start();
    client.send(produce(1));
    asked_.contexts[0]->close_connection();
    answer_produce(0);
    settle();
    EXPECT_TRUE(client.is_closed);
    EXPECT_EQ(world->server->connections(), 0U);
}

TEST_F(ConnectionTest, AnAnswerAfterTheDisconnectFindsNothing) {
    start();
    client.send(heartbeat(1));
    client.handler->on_closed({});
    world->hand.settle();
    EXPECT_EQ(world->server->connections(), 0U);
    Client next;
    world->accept(next);  // takes the same slot
    answer_heartbeat(0);
    world->settle({&next});
    EXPECT_TRUE(next.received.empty());
    EXPECT_EQ(memory_used(), 0U);
}

// ---------------------------------------------------------------- hostile bytes

TEST_F(ConnectionTest, BadFramesCloseAndCostNothing) {
    const std::string bad[] = {
        std::string("\xff\xff\xff\xff", 4),                             // length -1
        std::string("\x80\0\0\0", 4),                                   // the least length
        std::string("\x7f\xff\xff\xff", 4),                             // 2 GiB
        std::string("\x06\x40\0\1", 4),                                 // 100 MiB and one
        framed(""),                                                     // no room for a header
        framed(std::string("\0\x0c\0\0\0\0\0", 7)),                     // one byte short of a preamble
        framed(std::string("\x7f\0\0\0\0\0\0\1\xff\xff", 10)),          // key 32512
        framed(std::string("\0\x0c\0\x63\0\0\0\1\xff\xff", 10)),        // Heartbeat v99
        framed(std::string("\0\x0c\xff\xff\0\0\0\1\xff\xff", 10)),      // Heartbeat v-1
        framed(std::string("\0\x0c\0\0\0\0\0\1\x7f\xff", 10)),          // client id of 32767 bytes
        framed(std::string("\0\x0c\0\0\0\0\0\1\xff\xff\x7f\xff", 12)),  // a group of 32767 bytes
        framed(std::string("\0\x01\0\x0c\0\0\0\1\xff\xff", 10)),        // Fetch is not served here
        framed(std::string("\0\x12\0\x63\0\0\0\1\xff\xff\0", 11)),      // neither is ApiVersions
    };
    for (const auto& bytes : bad) {
        start();
        client.start_anew();
        client.send(bytes);
        settle();
        EXPECT_TRUE(client.is_closed) << testing::PrintToString(bytes);
        EXPECT_TRUE(client.received.empty());
        EXPECT_EQ(world->server->connections(), 0U);
        EXPECT_EQ(memory_used(), 0U);
    }
    EXPECT_TRUE(asked_.groups.empty());
}

TEST_F(ConnectionTest, AnswersBeforeABadRequestStillLeave) {
    start();
    client.send(produce(1) + produce(2));
    client.takes_answers = false;
    answer_produce(0);
    answer_produce(1);
    client.send(framed("junk"));
    EXPECT_FALSE(client.is_closed);
    client.takes_answers = true;
    settle();
    EXPECT_TRUE(client.is_closed);
    EXPECT_EQ(client.correlation_ids(), (std::vector<std::int32_t>{1, 2}));
}

TEST_F(ConnectionTest, AnAnnouncedLengthAloneCostsAlmostNothing) {
    start();
    client.send(std::string("\x06\x40\0\0", 4));  // exactly 100 MiB
    EXPECT_TRUE(client.is_reading);
    EXPECT_LE(memory_used(), FrameReader::k_first_step);
    client.send(std::string(FrameReader::k_first_step, 'x'));
    EXPECT_LE(memory_used(), FrameReader::k_first_step * FrameReader::k_growth);
    EXPECT_LE(client.biggest_target, FrameReader::k_first_step * FrameReader::k_growth);
}

TEST_F(ConnectionTest, ManyAnnouncedLengthsStayWithinTheAccount) {
    constexpr std::size_t k_limit = 1U << 20U;
    start({.shard_request_bytes_max = k_limit});
    std::vector<std::unique_ptr<Client>> crowd;
    for (int i = 0; i < 1'000; ++i) {
        crowd.push_back(std::make_unique<Client>());
        world->accept(*crowd.back());
        crowd.back()->send(std::string("\x06\x40\0\0", 4) + std::string(FrameReader::k_first_step - 1, 'x'));
    }
    EXPECT_LE(world->server->request_memory().large->peak(), k_limit + FrameReader::k_first_step);
    // Small requests have memory of their own.
    client.send(heartbeat(1));
    EXPECT_EQ(asked_.groups.size(), 1U);
    answer_heartbeat(0);
    // Those who sit on memory lose it, and who waited gets through.
    auto rest = client.send(produce(2, 100'000));
    EXPECT_TRUE(asked_.produces.empty());
    for (int second = 0; second < 40; ++second) {
        world->hand.advance(Duration::seconds(1));
        rest = client.send(rest);
    }
    EXPECT_EQ(asked_.produces.size(), 1U);
}

// A byte now and then is no progress for a frame that holds what others wait for.
TEST_F(ConnectionTest, SlowBytesDoNotKeepMemoryFromOthers) {
    start({.shard_small_request_bytes_max = 10 * FrameReader::k_first_step});
    std::vector<std::unique_ptr<Client>> crowd;
    for (int i = 0; i < 20; ++i) {
        crowd.push_back(std::make_unique<Client>());
        world->accept(*crowd.back());
        crowd.back()->send(std::string("\0\0\xea\x60", 4) + "x");  // 60,000 bytes
    }
    auto rest = client.send(heartbeat(1));
    for (int second = 0; second < 10 && asked_.groups.empty(); ++second) {
        for (const auto& slow : crowd) slow->send("x");
        world->hand.advance(Duration::seconds(1));
        rest = client.send(rest);
    }
    EXPECT_EQ(asked_.groups.size(), 1U);
    EXPECT_FALSE(client.is_closed);
}

// Frames that wait for each other's memory: the largest go until half of it is free.
TEST_F(ConnectionTest, FramesThatWaitForEachOtherDoNotWaitForEver) {
    constexpr std::size_t k_limit = 1U << 20U;
    start({.shard_request_bytes_max = k_limit});
    std::vector<std::unique_ptr<Client>> crowd;
    const std::string endless =
        std::string("\x06\x40\0\0", 4) + std::string(FrameReader::k_first_step * 16, 'x');
    for (int i = 0; i < 100; ++i) {
        crowd.push_back(std::make_unique<Client>());
        world->accept(*crowd.back());
        crowd.back()->send(endless);
    }
    EXPECT_LE(world->server->request_memory().large->peak(), 3 * k_limit);
    auto rest = client.send(produce(1, 500'000));
    EXPECT_TRUE(asked_.produces.empty());
    for (int second = 0; second < 30 && asked_.produces.empty(); ++second) {
        world->hand.advance(Duration::seconds(1));
        rest = client.send(rest);
    }
    EXPECT_EQ(asked_.produces.size(), 1U);
    EXPECT_LE(world->server->request_memory().large->peak(), 3 * k_limit);
}

// What was read behind a request that waits is kept aside: little of it, and it counts.
TEST_F(ConnectionTest, WhatIsSentAheadIsKeptShort) {
    start();
    std::string many = heartbeat(0);
    for (int i = 1; i < 10'000; ++i) many += heartbeat(i);
    client.send(many);
    EXPECT_FALSE(client.is_reading);
    EXPECT_EQ(asked_.groups.size(), 1U);
    EXPECT_GT(memory_used(), 0U);
    EXPECT_LE(memory_used(), 8U * 1024);
}

TEST_F(ConnectionTest, ThousandsOfRequestsLeaveOthersTheirTurn) {
    asked_.answers_at_once = true;
    start({.requests_per_turn_max = 10});
    Client other;
    world->accept(other);
    std::string many;
    for (int i = 0; i < 1'000; ++i) many += heartbeat(i);
    std::string rest = client.send(many);
    EXPECT_EQ(asked_.groups.size(), 10U);
    EXPECT_FALSE(client.is_reading);
    other.send(heartbeat(7));
    EXPECT_EQ(asked_.groups.size(), 11U);
    for (int turn = 0; turn < 1'000 && client.correlation_ids().size() < 1'000; ++turn) {
        settle();
        rest = client.send(rest);
    }
    EXPECT_EQ(client.correlation_ids().size(), 1'000U);
    EXPECT_TRUE(std::ranges::is_sorted(client.correlation_ids()));
}

// ---------------------------------------------------------------- memory of answers

TEST_F(ConnectionTest, AnswersOfAllConnectionsAreLimited) {
    asked_.answers_at_once = true;
    start({.shard_response_bytes_max = 1'000, .patience_without_memory = Duration::seconds(1)});
    std::vector<std::unique_ptr<Client>> crowd;
    for (int i = 0; i < 1'000; ++i) {
        crowd.push_back(std::make_unique<Client>());
        crowd.back()->takes_answers = false;
        world->accept(*crowd.back());
        crowd.back()->send(heartbeat(i));
    }
    EXPECT_LT(world->server->answer_bytes(), 2'100U);
    const auto started = asked_.groups.size();
    client.send(heartbeat(7));
    EXPECT_EQ(asked_.groups.size(), started);
    // Those who take nothing go, and who waited is answered.
    for (int second = 0; second < 100 && client.received.empty(); ++second) {
        world->hand.advance(Duration::seconds(1));
        settle();
    }
    EXPECT_EQ(client.correlation_ids(), std::vector<std::int32_t>{7});
    EXPECT_LT(world->server->answer_bytes(), 2'100U);
}

// ---------------------------------------------------------------- limits

TEST_F(ConnectionTest, AFrameLargerThanTheAccountStillGetsThrough) {
    start({.shard_request_bytes_max = 1'000});
    client.send(produce(1, 500'000));
    ASSERT_EQ(asked_.produces.size(), 1U);
    answer_produce(0);
    EXPECT_EQ(memory_used(), 0U);
}

TEST_F(ConnectionTest, TheNextLargeFrameIsReadInPlace) {
    constexpr std::size_t k_size = 1U << 20U;
    start();
    client.send(produce(1, k_size));
    client.biggest_target = 0;
    client.send(produce(2, k_size));
    EXPECT_EQ(asked_.produces.size(), 2U);
    EXPECT_GE(client.biggest_target, k_size - FrameReader::k_head_bytes);
}

TEST_F(ConnectionTest, RequestsInFlightAreLimited) {
    start({.requests_in_flight_max = 3});
    std::string many;
    for (int i = 0; i < 10; ++i) many += produce(i);
    client.send(many);
    EXPECT_EQ(asked_.produces.size(), 3U);
    EXPECT_FALSE(client.is_reading);
    for (std::size_t i = 0; i < 10; ++i) answer_produce(i);
    settle();
    EXPECT_EQ(client.correlation_ids().size(), 10U);
    EXPECT_TRUE(client.is_reading);
}

TEST_F(ConnectionTest, WhoTakesNoAnswersIsNotReadAndThenClosed) {
    asked_.answers_at_once = true;
    start({.response_bytes_queued_max = 100, .slow_reader_max = Duration::seconds(60)});
    client.takes_answers = false;
    std::string rest;
    for (int i = 0; i < 100; ++i) rest += heartbeat(i);
    rest = client.send(rest);
    settle();
    EXPECT_FALSE(client.is_reading);
    EXPECT_LT(client.queued.size(), 120U);
    EXPECT_LT(asked_.groups.size(), 12U);
    world->hand.advance(Duration::seconds(50));
    EXPECT_FALSE(client.is_closed);
    world->hand.advance(Duration::seconds(30));
    EXPECT_TRUE(client.is_closed);
    EXPECT_EQ(memory_used(), 0U);
}

TEST_F(ConnectionTest, ASlowReaderThatTakesSomethingLives) {
    asked_.answers_at_once = true;
    start({.response_bytes_queued_max = 100, .slow_reader_max = Duration::seconds(60)});
    std::string many;
    for (int i = 0; i < 100; ++i) many += heartbeat(i);
    int rounds = 0;
    for (; rounds < 50 && client.correlation_ids().size() < 100; ++rounds) {
        client.take_answers();
        many = client.send(many);
        world->hand.advance(Duration::seconds(50));
        ASSERT_FALSE(client.is_closed);
    }
    EXPECT_EQ(client.correlation_ids().size(), 100U);
    EXPECT_GT(rounds, 5);
}

TEST_F(ConnectionTest, ConnectionsAreLimited) {
    start({.connections_max = 1});
    Client second;
    world->accept(second);
    EXPECT_TRUE(second.is_closed);
    EXPECT_FALSE(client.is_closed);
}

// ---------------------------------------------------------------- patience

TEST_F(ConnectionTest, IdleConnectionsAreClosedAndLeaveNoTimer) {
    start({.idle_max = Duration::seconds(600)});
    world->hand.advance(Duration::seconds(590));
    EXPECT_FALSE(client.is_closed);
    world->hand.advance(Duration::seconds(30));
    EXPECT_TRUE(client.is_closed);
    world->hand.advance(Duration::seconds(30));
    EXPECT_EQ(world->hand.timers(), 0U);
}

// Kafka's broker closes it, too: a wait of 20 s ends after connections.max.idle.ms=4000.
TEST_F(ConnectionTest, WhoWaitsForAnAnswerIsIdleInTheEnd) {
    start({.idle_max = Duration::seconds(600)});
    client.send(heartbeat(1));
    world->hand.advance(Duration::seconds(590));
    EXPECT_FALSE(client.is_closed);
    world->hand.advance(Duration::seconds(30));
    EXPECT_TRUE(client.is_closed);
    answer_heartbeat(0);  // finds nobody
    settle();
    EXPECT_TRUE(client.received.empty());
}

TEST_F(ConnectionTest, AStalledFrameIsClosed) {
    start({.frame_stall_max = Duration::seconds(30)});
    client.send(heartbeat(1).substr(0, 9));
    world->hand.advance(Duration::seconds(25));
    EXPECT_FALSE(client.is_closed);
    world->hand.advance(Duration::seconds(20));
    EXPECT_TRUE(client.is_closed);
}

// ---------------------------------------------------------------- the end

TEST_F(ConnectionTest, DrainingAnswersWhatWasAsked) {
    start();
    Client idle;
    world->accept(idle);
    client.send(produce(1) + produce(2) + heartbeat(3));
    bool drained = false;
    world->server->drain(world->hand.now() + Duration::seconds(10), [&] { drained = true; });
    world->settle({&idle, &client});
    EXPECT_TRUE(idle.is_closed);
    EXPECT_FALSE(client.is_closed);
    Client late;
    world->accept(late);
    EXPECT_TRUE(late.is_closed);
    answer_produce(1);
    answer_produce(0);
    settle();
    EXPECT_TRUE(client.is_closed);
    EXPECT_EQ(client.correlation_ids(), (std::vector<std::int32_t>{1, 2}));
    EXPECT_TRUE(asked_.groups.empty());  // 3 had not been started
    EXPECT_TRUE(drained);
    EXPECT_EQ(world->hand.timers(), 0U);
}

TEST_F(ConnectionTest, DrainingEndsAtItsDeadline) {
    start();
    client.send(heartbeat(1));
    bool drained = false;
    world->server->drain(world->hand.now() + Duration::seconds(10), [&] { drained = true; });
    world->hand.advance(Duration::seconds(9));
    EXPECT_FALSE(drained);
    world->hand.advance(Duration::seconds(2));
    EXPECT_TRUE(drained);
    EXPECT_TRUE(client.is_closed);
}

TEST_F(ConnectionTest, DrainingWithoutConnectionsEndsInALaterTurn) {
    world.emplace(k_apis, ConnectionLimits{});
    bool drained = false;
    world->server->drain(world->hand.now() + Duration::seconds(10), [&] { drained = true; });
    EXPECT_FALSE(drained);
    world->hand.settle();
    EXPECT_TRUE(drained);
}

// ---------------------------------------------------------------- quotas

class QuotaTest : public ConnectionTest {
public:
    void set_quota(std::string_view key, double bound) {
        start();
        quotas.emplace(world->services.ports, QuotaWindow{});
        metadata::ClusterState state;
        PersistentMap<std::string, double> quota;
        quota.set(std::string(key), bound);
        state.client_quotas.set({{"client-id", "tester"}}, quota);
        quotas->on_image(state);
        world->server->set_client_quotas(*quotas);
    }
    std::int32_t throttle_ms(std::size_t answer) {
        settle();
        bytes = client.answers().at(answer);
        protocol::Reader reader(as_bytes(bytes));
        reader.i32();
        msg::ProduceResponse response;
        response.decode(reader, 3);
        return response.throttle_time_ms;
    }
    std::optional<ClientQuotas> quotas;
    std::string bytes;
};

// 10,000 bytes are free at a rate of 1,000 a second; the rest takes its time. The answer leaves at once.
TEST_F(QuotaTest, OverItsQuotaAConnectionIsHeldBackOnceItIsAnswered) {
    set_quota("producer_byte_rate", 1'000);
    client.send(produce(1, 5'000));
    answer_produce(0);
    EXPECT_EQ(throttle_ms(0), 0);
    client.send(produce(2, 7'000));
    answer_produce(1);
    const auto held_ms = throttle_ms(1);
    EXPECT_GT(held_ms, 2'000);
    EXPECT_LT(held_ms, 2'200);  // the frames are a little larger than their records
    EXPECT_FALSE(client.is_reading);
    world->hand.advance(Duration::millis(held_ms - 1));
    EXPECT_FALSE(client.is_reading);
    world->hand.advance(Duration::millis(1));
    EXPECT_TRUE(client.is_reading);
    client.send(heartbeat(3));
    EXPECT_EQ(asked_.groups.size(), 1U);
}

TEST_F(QuotaTest, WhatWasReadAlreadyWaitsToo) {
    set_quota("producer_byte_rate", 1'000);
    client.send(produce(1, 12'000) + heartbeat(2));
    answer_produce(0);
    settle();
    EXPECT_TRUE(asked_.groups.empty());
    world->hand.advance(Duration::seconds(3));
    EXPECT_EQ(asked_.groups.size(), 1U);
}

TEST_F(QuotaTest, ProducesThatOverlapAddUp) {
    set_quota("producer_byte_rate", 1'000);
    client.send(produce(1, 12'000) + produce(2, 1'000));
    ASSERT_EQ(asked_.produces.size(), 2U);
    answer_produce(0);
    answer_produce(1);
    EXPECT_GT(throttle_ms(1), throttle_ms(0) + 999);
    world->hand.advance(Duration::millis(throttle_ms(0)));
    EXPECT_FALSE(client.is_reading);
    world->hand.advance(Duration::millis(throttle_ms(1) - throttle_ms(0)));
    EXPECT_TRUE(client.is_reading);
}

TEST_F(QuotaTest, TimeCountsWhereverItWasSpent) {
    set_quota("request_percentage", 1);  // of a second: 10 ms, ten of which are free
    client.send(heartbeat(1));
    world->hand.advance(Duration::seconds(5));  // waiting takes no time of the shard's
    answer_heartbeat(0);
    settle();
    EXPECT_TRUE(client.is_reading);
    quotas->record(QuotaKind::request, {"ANONYMOUS", "tester"}, 10.5);
    client.send(heartbeat(2));
    answer_heartbeat(1);
    settle();
    EXPECT_FALSE(client.is_reading);
    world->hand.advance(Duration::millis(500));
    EXPECT_TRUE(client.is_reading);
}

TEST_F(QuotaTest, AConnectionThatIsHeldBackCanEnd) {
    set_quota("producer_byte_rate", 1);
    client.send(produce(1, 1'000));
    answer_produce(0);
    settle();
    bool drained = false;
    world->server->drain(world->hand.now() + Duration::seconds(10), [&] { drained = true; });
    settle();
    world->hand.settle();
    EXPECT_TRUE(drained);
    world->hand.advance(Duration::seconds(3'000));  // its timer finds nobody
}

}  // namespace
}  // namespace gregor::server
