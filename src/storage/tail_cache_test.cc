#include "storage/tail_cache.h"

#include <gtest/gtest.h>

namespace gregor::storage {
namespace {

TailBatch batch(std::int64_t base, std::size_t bytes) {
    return {Offset{base}, Offset{base + 1}, Slice(Buffer::allocate(bytes))};
}

TEST(TailCache, StaysWithinItsCapacityOldestFirst) {
    TailCache cache(300);
    TailCache::Tail a(cache);
    TailCache::Tail b(cache);
    a.note_reader();
    b.note_reader();
    a.append(batch(0, 100));
    b.append(batch(0, 100));
    a.append(batch(2, 100));
    EXPECT_EQ(cache.size(), 300U);
    a.append(batch(4, 100));
    EXPECT_EQ(cache.size(), 400U);  // nothing is written yet: nothing may go
    a.set_written_end(Offset{6});
    EXPECT_EQ(cache.size(), 300U);
    EXPECT_FALSE(a.holds(Offset{1}));
    EXPECT_TRUE(a.holds(Offset{2}));
    EXPECT_TRUE(b.holds(Offset{0}));
    b.set_written_end(Offset{2});
    b.append(batch(2, 250));
    EXPECT_EQ(cache.size(), 250U);
    EXPECT_FALSE(a.holds(Offset{5}));
    EXPECT_TRUE(b.holds(Offset{3}));
}

TEST(TailCache, ReadsWholeBatchesBelowTheBound) {
    TailCache cache(10'000);
    TailCache::Tail tail(cache);
    for (int i = 0; i < 5; ++i) tail.append(batch(2 * i, 100));
    const auto two = tail.read(Offset{3}, Offset{10}, 250, false);
    EXPECT_EQ(two.records.size(), 200U);
    EXPECT_EQ(two.next_offset, Offset{6});
    EXPECT_EQ(tail.read(Offset{3}, Offset{4}, 1000, false).records.size(), 100U);
    EXPECT_EQ(tail.read(Offset{3}, Offset{10}, 10, false).records.size(), 0U);
    EXPECT_EQ(tail.read(Offset{3}, Offset{10}, 10, true).records.size(), 100U);
    tail.truncate_to(Offset{4});
    EXPECT_EQ(cache.size(), 200U);
    EXPECT_FALSE(tail.holds(Offset{4}));
}

TEST(TailCache, KeepsOnlyWhatIsNotWrittenOfALogThatNobodyReads) {
    TailCache cache(3 * TailCache::k_unread_bytes);
    TailCache::Tail tail(cache);
    tail.append(batch(0, 100));
    tail.append(batch(2, 100));
    tail.set_written_end(Offset{2});
    EXPECT_FALSE(tail.holds(Offset{1}));
    EXPECT_TRUE(tail.holds(Offset{2}));
    tail.note_reader();
    tail.append(batch(4, TailCache::k_unread_bytes));
    tail.set_written_end(Offset{6});
    EXPECT_TRUE(tail.holds(Offset{2}));  // a reader is not far behind
    tail.append(batch(6, 100));
    tail.set_written_end(Offset{8});
    EXPECT_EQ(cache.size(), 0U);
    EXPECT_EQ(tail.begin(), Offset{8});
}

// The order of admission is bookkeeping, which an old batch of one log must not let grow with the traffic of
// others.
TEST(TailCache, EvictsInOrderAfterManyBatchesWentWithoutEviction) {
    TailCache cache(200);
    TailCache::Tail read(cache);
    read.note_reader();
    read.append(batch(0, 100));
    read.set_written_end(Offset{2});
    TailCache::Tail unread(cache);
    for (int i = 0; i < 1000; ++i) {
        unread.append(batch(2 * i, 10));
        unread.set_written_end(Offset{2 * i + 2});
        ASSERT_LE(cache.admissions(), 100U);
    }
    EXPECT_TRUE(read.holds(Offset{0}));
    read.append(batch(2, 101));
    EXPECT_FALSE(read.holds(Offset{0}));
    EXPECT_TRUE(read.holds(Offset{2}));
}

TEST(TailCache, KnowsHowMuchLiesBetween) {
    TailCache cache(400);
    TailCache::Tail tail(cache);
    tail.note_reader();
    for (int i = 0; i < 4; ++i) tail.append(batch(2 * i, 100));
    EXPECT_EQ(tail.bytes_between(Offset{0}, Offset{8}), 400U);
    EXPECT_EQ(tail.bytes_between(Offset{3}, Offset{7}), 200U);  // the batch that holds 6 ends at the bound
    EXPECT_EQ(tail.bytes_between(Offset{4}, Offset{4}), 0U);
    tail.truncate_to(Offset{6});
    tail.append(batch(6, 30));
    EXPECT_EQ(tail.bytes_between(Offset{2}, Offset{8}), 230U);
    tail.set_written_end(Offset{8});
    tail.append(batch(8, 200));
    EXPECT_EQ(tail.bytes_between(Offset{0}, Offset{10}), std::nullopt);
    EXPECT_EQ(tail.bytes_between(Offset{8}, Offset{10}), 200U);
}

}  // namespace
}  // namespace gregor::storage
