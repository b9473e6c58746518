#include "node/memory_plan.h"

#include <gtest/gtest.h>

namespace gregor::node {
namespace {

constexpr std::uint64_t k_mib = 1U << 20U;
constexpr std::uint64_t k_request_max = 100 * k_mib;  // Kafka's default of socket.request.max.bytes

// The most that a node may hold by its plan.
std::uint64_t most(const MemoryPlan& plan, const MemoryRequest& request) {
    const auto shard = 3 * plan.request_bytes + 2 * plan.small_request_bytes + 2 * plan.answer_bytes +
                       plan.tail_cache_bytes + plan.write_queue_bytes * request.log_directories;
    return shard * request.shards;
}

TEST(MemoryPlan, WherePlentyIsEveryRequestOfKafkasDefaultGetsThrough) {
    for (const std::uint64_t machine : {std::uint64_t{0}, 24'000 * k_mib}) {
        const auto plan =
            plan_memory({.machine_bytes = machine, .request_bytes_max = k_request_max, .shards = 2});
        EXPECT_EQ(plan.frame_bytes_max, k_request_max);
        EXPECT_EQ(plan.request_bytes, 64 * k_mib);
        EXPECT_EQ(plan.write_queue_bytes, 64 * k_mib);
        EXPECT_EQ(plan.tail_cache_bytes, 32 * k_mib);
    }
}

TEST(MemoryPlan, StaysWithinItsLimit) {
    for (const std::uint64_t limit : {64 * k_mib, 200 * k_mib, 1'000 * k_mib}) {
        for (const std::uint32_t shards : {1U, 2U, 4U}) {
            for (const std::size_t directories : {1U, 2U}) {
                const MemoryRequest request{.limit_bytes = limit,
                                            .request_bytes_max = k_request_max,
                                            .shards = shards,
                                            .log_directories = directories};
                EXPECT_LE(most(plan_memory(request), request), limit);
            }
        }
    }
}

TEST(MemoryPlan, TakesHalfOfASmallMachine) {
    const auto plan =
        plan_memory({.machine_bytes = 128 * k_mib, .request_bytes_max = k_request_max, .shards = 2});
    const auto same =
        plan_memory({.limit_bytes = 64 * k_mib, .request_bytes_max = k_request_max, .shards = 2});
    EXPECT_EQ(plan.request_bytes, same.request_bytes);
    EXPECT_LT(plan.frame_bytes_max, k_request_max);
    EXPECT_GE(plan.frame_bytes_max, 8 * k_mib);
}

TEST(MemoryPlan, KafkasOwnLimitIsTakenAtItsWord) {
    const auto plan = plan_memory({.limit_bytes = 64 * k_mib,
                                   .queued_request_bytes = 300'000'000,
                                   .request_bytes_max = k_request_max,
                                   .shards = 2});
    EXPECT_EQ(plan.request_bytes, 150'000'000U);
    EXPECT_EQ(plan.frame_bytes_max, k_request_max);
}

}  // namespace
}  // namespace gregor::node
