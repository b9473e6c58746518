// The contract of Executor, Shards, Clock and Random. See contract_world.h.
#pragma once

#include <algorithm>
#include <atomic>
#include <vector>

#include "io/contract/contract_world.h"

namespace gregor::io::contract {

template <class World>
class ExecutorContract : public testing::Test {};
TYPED_TEST_SUITE_P(ExecutorContract);

TYPED_TEST_P(ExecutorContract, TasksRunLaterAndInOrder) {
    TypeParam world(1);
    auto& executor = world.ports(ShardId{0}).executor;
    std::vector<int> ran;
    executor.post([&] {
        executor.post([&] { ran.push_back(3); });
        ran.push_back(1);
    });
    executor.post([&] { ran.push_back(2); });
    EXPECT_TRUE(ran.empty());
    world.run_until([&] { return ran.size() == 3; });
    EXPECT_EQ(ran, (std::vector{1, 2, 3}));
}

TYPED_TEST_P(ExecutorContract, TimersFireInOrderOfTimeAndNeverEarly) {
    TypeParam world(1);
    auto& ports = world.ports(ShardId{0});
    const auto start = ports.clock.now();
    std::vector<int> fired;
    for (const int delay_ms : {20, 5, 10}) {
        const auto when = start + Duration::millis(delay_ms);
        ports.executor.call_at(when, [&fired, &ports, when, delay_ms] {
            EXPECT_GE(ports.clock.now(), when);
            fired.push_back(delay_ms);
        });
    }
    world.run_until([&] { return fired.size() == 3; });
    EXPECT_EQ(fired, (std::vector{5, 10, 20}));
}

TYPED_TEST_P(ExecutorContract, EqualTimesKeepTheirOrderAndThePastIsNow) {
    TypeParam world(1);
    auto& ports = world.ports(ShardId{0});
    const auto past = ports.clock.now() - Duration::seconds(1);
    std::vector<int> fired;
    for (int i = 0; i < 5; ++i) ports.executor.call_at(past, [&fired, i] { fired.push_back(i); });
    EXPECT_TRUE(fired.empty());
    world.run_until([&] { return fired.size() == 5; });
    EXPECT_EQ(fired, (std::vector{0, 1, 2, 3, 4}));
}

TYPED_TEST_P(ExecutorContract, ACancelledTimerNeverFires) {
    TypeParam world(1);
    auto& ports = world.ports(ShardId{0});
    bool fired = false;
    bool finished = false;
    const auto soon = ports.clock.now() + Duration::millis(5);
    const auto timer = ports.executor.call_at(soon, [&] { fired = true; });
    ports.executor.cancel(timer);
    ports.executor.cancel(timer);
    // The place of a cancelled timer may be used again; its old name must not reach the new one.
    ports.executor.call_at(soon + Duration::millis(5), [&] { finished = true; });
    ports.executor.cancel(timer);
    world.run_until([&] { return finished; });
    EXPECT_FALSE(fired);
}

TYPED_TEST_P(ExecutorContract, ATimerMayCancelAnotherOfItsTime) {
    TypeParam world(1);
    auto& ports = world.ports(ShardId{0});
    const auto when = ports.clock.now() + Duration::millis(2);
    bool second_fired = false;
    bool finished = false;
    TimerId second;
    ports.executor.call_at(when, [&] { ports.executor.cancel(second); });
    second = ports.executor.call_at(when, [&] { second_fired = true; });
    ports.executor.call_at(when + Duration::millis(2), [&] { finished = true; });
    world.run_until([&] { return finished; });
    EXPECT_FALSE(second_fired);
}

TYPED_TEST_P(ExecutorContract, TheMailboxKeepsOrderPerPairOfShards) {
    constexpr int k_tasks = 1'000;
    TypeParam world(3);
    ASSERT_EQ(world.ports(ShardId{0}).shards.count(), 3U);
    std::vector<int> from_1;  // touched on shard 0 only
    std::vector<int> from_2;
    for (const std::uint32_t origin : {1U, 2U}) {
        auto& shards = world.ports(ShardId{origin}).shards;
        auto& received = origin == 1 ? from_1 : from_2;
        shards.submit(ShardId{origin}, [&shards, &received] {
            for (int i = 0; i < k_tasks; ++i) {
                shards.submit(ShardId{0}, [&received, i] { received.push_back(i); });
            }
        });
    }
    world.run_until([&] { return from_1.size() == k_tasks && from_2.size() == k_tasks; });
    EXPECT_TRUE(std::ranges::is_sorted(from_1));
    EXPECT_TRUE(std::ranges::is_sorted(from_2));
}

TYPED_TEST_P(ExecutorContract, SubmittingToTheOwnShardIsALaterTurn) {
    TypeParam world(1);
    auto& ports = world.ports(ShardId{0});
    std::vector<int> ran;
    ports.executor.post([&] {
        ports.shards.submit(ShardId{0}, [&] { ran.push_back(2); });
        ran.push_back(1);
    });
    world.run_until([&] { return ran.size() == 2; });
    EXPECT_EQ(ran, (std::vector{1, 2}));
}

TYPED_TEST_P(ExecutorContract, ShardsTalkBackAndForth) {
    TypeParam world(2);
    int rounds = 0;  // touched on shard 0 only
    auto& shards = world.ports(ShardId{0}).shards;
    struct Ping {
        Shards& shards;
        int& rounds;
        void send() {
            shards.submit(ShardId{1}, [this] { reply(); });
        }
        void reply() {
            shards.submit(ShardId{0}, [this] { count(); });
        }
        void count() {
            if (++rounds < 100) send();
        }
    };
    Ping ping{shards, rounds};
    ping.send();
    world.run_until([&] { return rounds == 100; });
    EXPECT_EQ(rounds, 100);
}

TYPED_TEST_P(ExecutorContract, RandomDoesNotRepeatAndUuidsAreVersion4) {
    TypeParam world(1);
    auto& random = world.ports(ShardId{0}).random;
    std::vector<std::uint64_t> drawn;
    for (int i = 0; i < 100; ++i) drawn.push_back(random.next());
    std::ranges::sort(drawn);
    EXPECT_EQ(std::ranges::adjacent_find(drawn), drawn.end());
    const auto id = random_uuid(random);
    EXPECT_EQ((id.high() >> 12U) & 0xfU, 4U);
    EXPECT_EQ(id.low() >> 62U, 2U);
}

REGISTER_TYPED_TEST_SUITE_P(ExecutorContract, TasksRunLaterAndInOrder, TimersFireInOrderOfTimeAndNeverEarly,
                            EqualTimesKeepTheirOrderAndThePastIsNow, ACancelledTimerNeverFires,
                            ATimerMayCancelAnotherOfItsTime, TheMailboxKeepsOrderPerPairOfShards,
                            SubmittingToTheOwnShardIsALaterTurn, ShardsTalkBackAndForth,
                            RandomDoesNotRepeatAndUuidsAreVersion4);

}  // namespace gregor::io::contract
