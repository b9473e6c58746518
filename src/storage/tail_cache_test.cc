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

TEST(TailCache, KnowsHowMuchLiesBetween) {
    TailCache cache(400);
    TailCache::Tail tail(cache);
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
