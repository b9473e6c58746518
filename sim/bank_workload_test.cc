#include "sim/bank_workload.h"

#include <gtest/gtest.h>

#include "base/log.h"
#include "sim/bank.h"

namespace gregor::sim {
namespace {

RunReport run(std::uint64_t seed, std::string planted = {}) {
    set_log_level(LogLevel::error);
    return run_bank_workload({.seed = seed, .planted = std::move(planted)}, {});
}

TEST(BankWorkload, ASeedHasItsGoals) {
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
        const auto report = run(seed);
        ASSERT_FALSE(report.failure) << "seed " << seed << ": " << *report.failure;
        EXPECT_GE(report.commits, 60U);
    }
}

TEST(BankWorkload, RepeatsItself) {
    const auto first = run(7);
    EXPECT_EQ(first.trace_hash, run(7).trace_hash);
    EXPECT_NE(first.trace_hash, run(8).trace_hash);
}

// The checker itself: each contradiction once.
class BankTest : public testing::Test {
protected:
    static Posting posting(std::uint64_t attempt, std::int64_t amount, std::int64_t offset = 0) {
        return {.order = {k_orders, 0}, .offset = offset, .attempt = attempt, .amount = amount};
    }
    World world{WorldOptions{}};
    Bank bank{world};
    const TopicPartition account{k_accounts, 0};
    const std::map<TopicPartition, Offset> one_order{{{k_orders, 0}, Offset{1}}};
};

TEST_F(BankTest, AcceptsWholeBookings) {
    EXPECT_EQ(parse_posting(to_text(posting(3, -5))), posting(3, -5));
    EXPECT_FALSE(parse_posting("1 2 3"));
    bank.read(account, Offset{0}, posting(1, 5));
    bank.read(account, Offset{1}, posting(1, -5));
    bank.read(account, Offset{1}, posting(1, -5));
    bank.committed(1);
    EXPECT_TRUE(bank.has_booked_all(one_order));
    bank.check_complete(one_order);
    EXPECT_FALSE(world.failure());
}

TEST_F(BankTest, FindsHalves) {
    bank.read(account, Offset{0}, posting(1, 5));
    bank.check_complete(one_order);
    EXPECT_TRUE(world.failure());
}

TEST_F(BankTest, FindsWhatIsMissing) {
    bank.check_complete(one_order);
    EXPECT_TRUE(world.failure());
}

TEST_F(BankTest, FindsWhatIsBookedTwice) {
    bank.read(account, Offset{0}, posting(1, 5));
    bank.read(account, Offset{1}, posting(2, -5));
    EXPECT_TRUE(world.failure());
}

TEST_F(BankTest, FindsAbortedRecords) {
    bank.aborted(1);
    bank.read(account, Offset{0}, posting(1, 5));
    EXPECT_TRUE(world.failure());
}

TEST_F(BankTest, FindsAbortedRecordsThatWereReadBefore) {
    bank.read(account, Offset{0}, posting(1, 5));
    bank.aborted(1);
    EXPECT_TRUE(world.failure());
}

#ifdef GREGOR_PLANTED_BUGS
class BankPlantedBug : public testing::TestWithParam<const char*> {};

TEST_P(BankPlantedBug, IsCaught) {
    for (std::uint64_t seed = 1; seed <= 100; ++seed)
        if (run(seed, GetParam()).failure) return;
    FAIL() << "nobody noticed";
}

INSTANTIATE_TEST_SUITE_P(BankWorkload, BankPlantedBug,
                         testing::Values("markers_forgotten_at_load", "partitions_added_in_memory_only",
                                         "init_without_a_new_epoch", "offsets_of_aborted_transactions_count",
                                         "open_transactions_are_stable"));
#endif

}  // namespace
}  // namespace gregor::sim
