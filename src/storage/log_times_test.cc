#include <gtest/gtest.h>

#include <algorithm>

#include "records/batch.h"
#include "records/big_endian.h"
#include "records/compression.h"
#include "storage/log.h"
#include "storage/testing/log_world.h"

namespace gregor::storage {
namespace {

using testing::k_test_now_ms;
using testing::LogWorld;
using testing::make_batch;
using testing::TestBatch;

// What Kafka's leader lets pass, since it does not compare a compressed record's own length with its fields:
// that of the first record is one too small. Who reads the batch stumbles.
Slice batch_of_false_length(const TestBatch& batch) {
    const auto honest = make_batch(batch);
    const records::BatchView view(honest.bytes());
    std::vector<std::byte> fields(view.records().begin(), view.records().end());
    fields.front() = static_cast<std::byte>(static_cast<unsigned>(fields.front()) - 2);  // zig-zag
    const auto compressed = records::compress(fields, {.codec = records::Codec::gzip});

    auto buffer = Buffer::allocate(records::k_batch_overhead + compressed.size());
    const auto bytes = buffer->writable();
    std::ranges::copy(honest.bytes().first(records::k_batch_overhead), bytes.begin());
    std::ranges::copy(compressed.bytes(), bytes.begin() + records::k_batch_overhead);
    records::store_be(bytes.data() + records::layout::k_batch_length,
                      static_cast<std::int32_t>(bytes.size() - records::k_log_overhead));
    records::store_be(bytes.data() + records::layout::k_attributes,
                      static_cast<std::uint16_t>(records::Codec::gzip));
    records::MutableBatch(bytes).update_crc();
    return Slice(std::move(buffer));
}

TEST(LogTimes, ARecordOfFalseLengthIsAnError) {
    LogWorld world;
    world.open();
    ASSERT_TRUE(world.append(TestBatch{.timestamp = k_test_now_ms}));
    ASSERT_TRUE(world.append(batch_of_false_length({.records = 2, .timestamp = k_test_now_ms + 10})));
    world.settle();
    EXPECT_EQ(world.find_time(k_test_now_ms)->offset, Offset{0});
    EXPECT_EQ(world.find_time(k_test_now_ms + 5).error().code, ErrorCode::invalid_record);
    EXPECT_EQ(world.find_time(k_max_timestamp).error().code, ErrorCode::invalid_record);
    // A later batch with a larger timestamp is found without a look at that one.
    ASSERT_TRUE(world.append(TestBatch{.timestamp = k_test_now_ms + 20}));
    world.settle();
    EXPECT_EQ(world.find_time(k_max_timestamp)->offset, Offset{3});
}

}  // namespace
}  // namespace gregor::storage
