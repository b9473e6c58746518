#include "records/validate.h"

#include <limits>

#include <gtest/gtest.h>

#include "records/builder.h"

namespace gregor::records {
namespace {

constexpr std::int64_t k_now_ms = 1'700'000'000'000;

ValidationRules rules_at_now() { return {.now_ms = k_now_ms}; }

Slice batch_of(std::initializer_list<NewRecord> records, const BatchOptions& options = {}) {
    BatchBuilder builder(options);
    for (const auto& record : records) builder.append(record);
    return builder.build();
}

NewRecord keyed(std::int64_t timestamp) {
    return {.timestamp = timestamp, .key = as_bytes("k"), .value = as_bytes("v")};
}

auto validate(const Slice& slice, const ValidationRules& rules) {
    Decompressor decompressor;
    return validate_batch(BatchView(slice.bytes()), rules, decompressor);
}

TEST(Validate, StampsTheCommonCaseWithoutTouchingTheChecksum) {
    const auto slice = batch_of({keyed(k_now_ms), keyed(k_now_ms + 5)});
    const auto crc = BatchView(slice.bytes()).crc();
    const auto validated = validate(slice, rules_at_now());
    ASSERT_TRUE(validated && !validated->rewrite);
    stamp_batch(MutableBatch(slice.patchable()), *validated, Offset{100}, LeaderEpoch{4});
    const BatchView batch(slice.bytes());
    EXPECT_EQ(batch.base_offset(), Offset{100});
    EXPECT_EQ(batch.next_offset(), Offset{102});
    EXPECT_EQ(batch.partition_leader_epoch(), LeaderEpoch{4});
    EXPECT_EQ(batch.crc(), crc);
    EXPECT_TRUE(batch.verify());
}

TEST(Validate, LogAppendTimeIsStampedInPlaceInEveryCodec) {
    for (const auto codec : {Codec::none, Codec::gzip, Codec::snappy, Codec::lz4, Codec::zstd}) {
        const auto slice = batch_of({keyed(5), keyed(6)}, {.compression = {.codec = codec}});
        auto rules = rules_at_now();
        rules.timestamp_type = TimestampType::log_append_time;
        const auto validated = validate(slice, rules);
        ASSERT_TRUE(validated && !validated->rewrite);
        stamp_batch(MutableBatch(slice.patchable()), *validated, Offset{0}, LeaderEpoch{0});
        const BatchView batch(slice.bytes());
        EXPECT_EQ(batch.timestamp_type(), TimestampType::log_append_time);
        EXPECT_EQ(batch.max_timestamp(), k_now_ms);
        EXPECT_TRUE(batch.verify());
    }
}

// Seen at the peer: times before 1970 pass where records stay as they came, not where they are written anew.
TEST(Validate, NegativeTimesAreNotRewritten) {
    auto rules = rules_at_now();
    rules.target_codec = Codec::gzip;
    for (const std::int64_t timestamp : {-1, -2}) {
        const auto slice = batch_of({keyed(timestamp)});
        const auto validated = validate(slice, rules);
        ASSERT_TRUE(validated && validated->rewrite);
        Decompressor decompressor;
        const auto rewritten = rewrite_batch(BatchView(slice.bytes()), *validated, rules, Offset{0},
                                             LeaderEpoch{0}, decompressor);
        EXPECT_EQ(rewritten.has_value(), timestamp == -1);
        if (!rewritten) {
            EXPECT_EQ(rewritten.error().code, ErrorCode::unknown_server_error);
        }
    }
}

// Seen at the peer.
TEST(Validate, HalfAProducerIsNotRewritten) {
    struct Case {
        std::int64_t id;
        std::int16_t epoch;
        std::int32_t sequence;
        bool passes;
    };
    auto rules = rules_at_now();
    rules.target_codec = Codec::lz4;
    for (const auto& [id, epoch, sequence, passes] :
         {Case{-1, -1, -1, true}, Case{-1, 0, -2, true}, Case{-2, -1, 0, false}, Case{-2, 0, -1, false},
          Case{-2, 0, 0, true}, Case{-2, -2, 0, true}, Case{5, -1, 0, false}, Case{5, 0, 0, true}}) {
        const auto slice =
            batch_of({keyed(k_now_ms)},
                     {.producer_id = ProducerId{id}, .producer_epoch = epoch, .base_sequence = sequence});
        const auto validated = validate(slice, rules);
        ASSERT_TRUE(validated && validated->rewrite);
        Decompressor decompressor;
        const auto rewritten = rewrite_batch(BatchView(slice.bytes()), *validated, rules, Offset{0},
                                             LeaderEpoch{0}, decompressor);
        EXPECT_EQ(rewritten.has_value(), passes) << id << " " << epoch << " " << sequence;
        if (!rewritten) {
            EXPECT_EQ(rewritten.error().code, ErrorCode::unknown_server_error);
        }
    }
}

TEST(Validate, TimestampBoundsNameEachRecord) {
    auto rules = rules_at_now();
    rules.timestamp_before_max_ms = 1000;
    rules.timestamp_after_max_ms = 10;
    for (const auto codec : {Codec::none, Codec::zstd}) {
        const BatchOptions options{.compression = {.codec = codec}};
        EXPECT_TRUE(
            validate(batch_of({keyed(k_now_ms - 1000), keyed(k_now_ms + 10), keyed(-1)}, options), rules));
        const auto slice = batch_of(
            {keyed(k_now_ms - 1001), keyed(k_now_ms), keyed(k_now_ms + 11), keyed(k_now_ms)}, options);
        const auto refused = validate(slice, rules);
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().error.code, ErrorCode::invalid_timestamp);
        ASSERT_EQ(refused.error().record_errors.size(), 2U);
        EXPECT_EQ(refused.error().record_errors[0].batch_index, 0);
        EXPECT_EQ(refused.error().record_errors[1].batch_index, 2);
    }
}

TEST(Validate, ExtremeTimestampsDoNotTrap) {
    auto rules = rules_at_now();
    rules.timestamp_before_max_ms = std::numeric_limits<std::int64_t>::max();
    rules.timestamp_after_max_ms = std::numeric_limits<std::int64_t>::max();
    EXPECT_TRUE(validate(batch_of({keyed(0), keyed(std::numeric_limits<std::int64_t>::max())}), rules));
    rules.timestamp_after_max_ms = 0;
    EXPECT_FALSE(validate(batch_of({keyed(0), keyed(std::numeric_limits<std::int64_t>::max())}), rules));
}

TEST(Validate, CompactedTopicNeedsKeys) {
    auto rules = rules_at_now();
    rules.compacted = true;
    for (const auto codec : {Codec::none, Codec::lz4}) {
        const auto slice = batch_of({keyed(k_now_ms), {.timestamp = k_now_ms, .value = as_bytes("v")}},
                                    {.compression = {.codec = codec}});
        const auto refused = validate(slice, rules);
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().error.code, ErrorCode::invalid_record);
        ASSERT_EQ(refused.error().record_errors.size(), 1U);
        EXPECT_EQ(refused.error().record_errors[0].batch_index, 1);
    }
}

TEST(Validate, LogAppendTimeFromAProducerIsRefusedOnSuchATopic) {
    const auto slice =
        batch_of({keyed(5)}, {.timestamp_type = TimestampType::log_append_time, .log_append_time_ms = 5});
    auto rules = rules_at_now();
    rules.timestamp_type = TimestampType::log_append_time;
    EXPECT_EQ(validate(slice, rules).error().error.code, ErrorCode::invalid_timestamp);
}

TEST(Validate, RefusedRecordsAreListedUpToALimit) {
    auto rules = rules_at_now();
    rules.compacted = true;
    BatchBuilder builder({.compression = {.codec = Codec::zstd}});
    for (std::size_t i = 0; i < 2 * k_record_errors_max; ++i) builder.append({.timestamp = k_now_ms});
    const auto refused = validate(builder.build(), rules);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().record_errors.size(), k_record_errors_max);
}

TEST(Validate, ControlIsForTheBrokersOnly) {
    const auto marker = build_end_transaction_marker({.producer_id = ProducerId{1}}, {ControlType::abort, 0});
    auto rules = rules_at_now();
    EXPECT_EQ(validate(marker, rules).error().error.code, ErrorCode::invalid_record);
    rules.origin = AppendOrigin::coordinator;
    rules.target_codec = Codec::gzip;
    const auto validated = validate(marker, rules);
    ASSERT_TRUE(validated);
    EXPECT_FALSE(validated->rewrite);
    EXPECT_EQ(validated->codec, Codec::none);
}

TEST(Validate, InflatedSizeIsBounded) {
    const std::string large(1U << 20U, 'x');
    const auto slice = batch_of({{.timestamp = k_now_ms, .value = as_bytes(large)}},
                                {.compression = {.codec = Codec::zstd}});
    auto rules = rules_at_now();
    rules.inflated_bytes_max = 1U << 19U;
    EXPECT_EQ(validate(slice, rules).error().error.code, ErrorCode::message_too_large);
    rules.target_codec = Codec::gzip;
    EXPECT_EQ(validate(slice, rules).error().error.code, ErrorCode::message_too_large);
}

TEST(Validate, AppendableNeedsOffsetSizeAndChecksum) {
    const auto slice = batch_of({keyed(1)});
    const BatchView batch(slice.bytes());
    EXPECT_TRUE(check_appendable(batch, AppendOrigin::client, slice.size()));
    EXPECT_EQ(check_appendable(batch, AppendOrigin::client, slice.size() - 1).error().code,
              ErrorCode::message_too_large);
    MutableBatch(slice.patchable()).set_base_offset(Offset{1});
    EXPECT_EQ(check_appendable(batch, AppendOrigin::client, slice.size()).error().code,
              ErrorCode::invalid_record);
    EXPECT_TRUE(check_appendable(batch, AppendOrigin::coordinator, slice.size()));
    slice.patchable()[slice.size() - 1] ^= std::byte{1};
    EXPECT_EQ(check_appendable(batch, AppendOrigin::coordinator, slice.size()).error().code,
              ErrorCode::corrupt_message);
}

TEST(Validate, ProduceTakesExactlyOneBatch) {
    const auto slice = batch_of({keyed(1)});
    EXPECT_TRUE(only_batch(slice.bytes()));
    EXPECT_EQ(only_batch({}).error().code, ErrorCode::invalid_record);
    std::vector<std::byte> two(slice.bytes().begin(), slice.bytes().end());
    two.insert(two.end(), slice.bytes().begin(), slice.bytes().end());
    EXPECT_EQ(only_batch(two).error().code, ErrorCode::invalid_record);
    two.pop_back();  // what is not whole is not there
    EXPECT_TRUE(only_batch(two));
}

}  // namespace
}  // namespace gregor::records
