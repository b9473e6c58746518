#include "records/batch.h"

#include <limits>

#include <gtest/gtest.h>

#include "base/prng.h"
#include "records/builder.h"
#include "records/opened_batch.h"
#include "records/varint.h"

namespace gregor::records {
namespace {

Slice small_batch(std::int64_t base_offset = 0) {
    BatchBuilder builder({.base_offset = Offset{base_offset}});
    builder.append({.timestamp = 1000, .key = as_bytes("k"), .value = as_bytes("v")});
    builder.append({.timestamp = 900, .value = as_bytes("w")});
    return builder.build();
}

std::vector<std::byte> joined(std::initializer_list<Slice> parts) {
    std::vector<std::byte> all;
    for (const auto& part : parts) all.insert(all.end(), part.bytes().begin(), part.bytes().end());
    return all;
}

TEST(Batch, CursorStopsBeforeAPartialBatch) {
    const auto all = joined({small_batch(0), small_batch(2)});
    const auto one = small_batch(0).size();
    for (std::size_t size = 0; size <= all.size(); ++size) {
        // A copy of its own, so that a sanitizer sees any read behind it.
        const std::vector<std::byte> cut(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(size));
        BatchCursor cursor{Bytes(cut)};
        std::size_t batches = 0;
        while (*cursor.next_v2()) ++batches;
        EXPECT_EQ(batches, size / one);
        EXPECT_EQ(cursor.position(), batches * one);
    }
}

TEST(Batch, PatchesOutsideTheChecksumKeepIt) {
    const auto slice = small_batch();
    MutableBatch batch(slice.patchable());
    batch.set_base_offset(Offset{1LL << 40});
    batch.set_partition_leader_epoch(LeaderEpoch{9});
    EXPECT_TRUE(batch.view().verify());
    EXPECT_EQ(batch.view().base_offset(), Offset{1LL << 40});
    EXPECT_EQ(batch.view().last_offset(), Offset{(1LL << 40) + 1});
    EXPECT_EQ(batch.view().partition_leader_epoch(), LeaderEpoch{9});
}

// As Kafka's MemoryRecords.filterTo writes a batch that cleaning leaves for its sequence's sake.
TEST(Batch, OneThatIsEmptiedKeepsItsPlaceAndTheTimeItWasFoundWith) {
    const auto full = small_batch(7);
    const auto empty = build_empty_batch(BatchView(full.bytes()));
    const BatchView view(empty.bytes());
    EXPECT_TRUE(view.verify());
    EXPECT_EQ(view.base_offset(), Offset{7});
    EXPECT_EQ(view.last_offset(), Offset{8});
    EXPECT_EQ(view.max_timestamp(), 1000);
    EXPECT_EQ(view.records_count(), 0);
}

TEST(Batch, TimestampPatchRenewsTheChecksumOnlyWhenNeeded) {
    const auto slice = small_batch();
    MutableBatch batch(slice.patchable());
    EXPECT_FALSE(batch.set_max_timestamp(TimestampType::create_time, 1000));
    EXPECT_TRUE(batch.set_max_timestamp(TimestampType::log_append_time, 5000));
    EXPECT_TRUE(batch.view().verify());
    RecordView record;
    RecordCursor cursor(batch.view());
    ASSERT_TRUE(cursor.next(record));
    EXPECT_EQ(record.timestamp(batch.view()), 5000);
    EXPECT_TRUE(batch.set_max_timestamp(TimestampType::create_time, 1000));
    EXPECT_TRUE(equal(slice.bytes(), small_batch().bytes()));
}

TEST(Batch, ProducerPatchRenewsTheChecksum) {
    const auto slice = small_batch();
    MutableBatch batch(slice.patchable());
    batch.set_producer(ProducerId{7}, 3, std::numeric_limits<std::int32_t>::max(), true);
    EXPECT_TRUE(batch.view().verify());
    EXPECT_TRUE(batch.view().is_transactional());
    EXPECT_EQ(batch.view().last_sequence(), 0);  // wraps
}

TEST(Batch, EveryFlippedBitBehindTheChecksumIsSeen) {
    const auto sound = small_batch();
    for (std::size_t bit = layout::k_crc * 8; bit < sound.size() * 8; ++bit) {
        const auto slice = Slice::copy_of(sound.bytes());
        slice.patchable()[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
        EXPECT_FALSE(BatchView(slice.bytes()).verify()) << bit;
    }
}

TEST(Varint, RoundTripsAndHasItsSize) {
    for (const std::int64_t value :
         {std::int64_t{0}, std::int64_t{-1}, std::int64_t{63}, std::int64_t{64}, std::int64_t{-64},
          std::int64_t{-65}, std::numeric_limits<std::int64_t>::max(),
          std::numeric_limits<std::int64_t>::min()}) {
        std::vector<std::byte> bytes;
        append_varlong(bytes, value);
        EXPECT_EQ(bytes.size(), zigzag_size(value));
        std::int64_t read = 0;
        const auto* at = bytes.data();
        ASSERT_EQ(read_varlong(at, bytes.data() + bytes.size(), read), VarintResult::ok);
        EXPECT_EQ(read, value);
        at = bytes.data();
        EXPECT_EQ(read_varlong(at, bytes.data() + bytes.size() - 1, read), VarintResult::premature_end);
    }
}

// Draws for one random batch; whatever it says must come back.
struct Drawn {
    NewRecord record;
    std::vector<NewHeader> headers;
    std::string key, value;
    Offset offset;
};

std::vector<Drawn> draw_records(Prng& prng, Offset base) {
    std::vector<Drawn> drawn(1 + prng.below(20));
    auto offset = base;
    for (auto& entry : drawn) {
        entry.offset = offset;
        offset = offset + 1 + static_cast<std::int64_t>(prng.below(3));
        entry.key.assign(prng.below(200), 'k');
        entry.value.assign(prng.below(20'000), static_cast<char>(prng.below(256)));
        for (auto left = prng.below(4); left > 0; --left)
            entry.headers.push_back(
                {"name", prng.chance(1, 2) ? std::optional(as_bytes("x")) : std::nullopt});
        entry.record.timestamp = prng.between(-1, 1LL << 45);
        if (prng.chance(3, 4)) entry.record.key = as_bytes(entry.key);
        if (prng.chance(3, 4)) entry.record.value = as_bytes(entry.value);
        entry.record.headers = entry.headers;
    }
    return drawn;
}

bool same(const std::optional<Bytes>& a, const std::optional<Bytes>& b) {
    return a.has_value() == b.has_value() && (!a || equal(*a, *b));
}

void expect_same(const RecordView& record, const BatchView& batch, const Drawn& drawn) {
    EXPECT_EQ(record.offset(batch), drawn.offset);
    EXPECT_EQ(record.timestamp(batch), drawn.record.timestamp);
    EXPECT_TRUE(same(record.key, drawn.record.key));
    EXPECT_TRUE(same(record.value, drawn.record.value));
    EXPECT_LE(record.size, record_size_max(drawn.record));
    auto headers = record.headers();
    for (const auto& header : drawn.headers) {
        const auto read = headers.next();
        ASSERT_TRUE(read);
        EXPECT_EQ(read->key, header.key);
        EXPECT_TRUE(same(read->value, header.value));
    }
    EXPECT_EQ(headers.left(), 0);
}

TEST(Batch, BuiltBatchesReadBackInEveryCodec) {
    Prng prng(42);
    Decompressor decompressor;
    for (int round = 0; round < 200; ++round) {
        const Offset base{prng.between(0, 1LL << 50)};
        const auto codec = static_cast<Codec>(prng.below(5));
        const auto drawn = draw_records(prng, base);
        BatchBuilder builder({.base_offset = base, .compression = {.codec = codec}});
        for (const auto& entry : drawn) builder.append_at(entry.offset, entry.record);
        const auto slice = builder.build();
        const auto batch = BatchCursor(slice.bytes()).next_v2();
        ASSERT_TRUE(batch && *batch && (*batch)->verify());
        auto opened = open_batch(**batch, decompressor);
        ASSERT_TRUE(opened) << opened.error().detail;
        RecordView record;
        for (const auto& entry : drawn) {
            ASSERT_TRUE(opened->cursor.next(record));
            expect_same(record, **batch, entry);
        }
        EXPECT_FALSE(opened->cursor.next(record));
        EXPECT_TRUE(opened->cursor.status());
    }
}

TEST(Control, MarkerIs78BytesAndParses) {
    const auto slice = build_end_transaction_marker(
        {.base_offset = Offset{5}, .timestamp = 77, .producer_id = ProducerId{3}, .producer_epoch = 2},
        {ControlType::commit, 12});
    ASSERT_EQ(slice.size(), 78U);
    const BatchView batch(slice.bytes());
    EXPECT_TRUE(batch.verify() && batch.is_control() && batch.is_transactional());
    EXPECT_EQ(batch.base_sequence(), k_no_sequence);
    RecordCursor cursor(batch);
    RecordView record;
    ASSERT_TRUE(cursor.next(record));
    const auto marker = parse_end_transaction_marker(record);
    ASSERT_TRUE(marker);
    EXPECT_EQ(marker->type, ControlType::commit);
    EXPECT_EQ(marker->coordinator_epoch, 12);
    record.value = record.value->first(5);
    EXPECT_EQ(parse_end_transaction_marker(record).error().code, ErrorCode::invalid_record);
}

}  // namespace
}  // namespace gregor::records
