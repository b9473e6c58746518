#include "coordinator/group/offsets.h"

#include <gtest/gtest.h>

namespace gregor::coordinator {
namespace {

const OffsetKey k_t0{.topic = "t", .partition = 0};
constexpr ProducerId k_producer{7};

CommittedOffset at(std::int64_t offset) { return {.offset = offset, .metadata = {}}; }

TEST(Offsets, ATransactionsOffsetsCountWhenItCommits) {
    Offsets offsets;
    offsets.put("g", k_t0, at(1));
    offsets.put("g", k_t0, at(2), k_producer);
    EXPECT_EQ(offsets.find("g", k_t0)->offset, 1);
    EXPECT_TRUE(offsets.has_pending("g", k_t0));
    EXPECT_TRUE(offsets.has_pending("g"));
    EXPECT_FALSE(offsets.has_pending("a"));
    offsets.complete_transaction(k_producer, true);
    EXPECT_EQ(offsets.find("g", k_t0)->offset, 2);
    EXPECT_FALSE(offsets.has_pending("g"));
}

TEST(Offsets, AnAbortedTransactionLeavesNothing) {
    Offsets offsets;
    offsets.put("g", k_t0, at(2), k_producer);
    offsets.complete_transaction(k_producer, false);
    EXPECT_EQ(offsets.find("g", k_t0), nullptr);
    EXPECT_FALSE(offsets.has_pending("g"));
}

TEST(Offsets, TheLastWriteInTheLogWins) {
    Offsets offsets;
    offsets.put("g", k_t0, at(2), k_producer);
    offsets.put("g", k_t0, at(5));
    offsets.complete_transaction(k_producer, true);
    EXPECT_EQ(offsets.find("g", k_t0)->offset, 5);
}

TEST(Offsets, TransactionsCommitByTheOrderOfTheirRecords) {
    constexpr ProducerId k_other{8};
    Offsets offsets;
    offsets.put("g", k_t0, at(2), k_producer);
    offsets.put("g", k_t0, at(3), k_other);
    offsets.complete_transaction(k_other, true);
    offsets.complete_transaction(k_producer, true);
    EXPECT_EQ(offsets.find("g", k_t0)->offset, 3);
}

TEST(Offsets, ATombstoneTakesPendingOffsetsToo) {
    Offsets offsets;
    offsets.put("g", k_t0, at(1));
    offsets.put("g", k_t0, at(2), k_producer);
    offsets.erase("g", k_t0);
    offsets.complete_transaction(k_producer, true);
    EXPECT_EQ(offsets.find("g"), nullptr);
    EXPECT_TRUE(offsets.empty());
}

}  // namespace
}  // namespace gregor::coordinator
