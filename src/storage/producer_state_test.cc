#include "storage/producer_state.h"

#include <gtest/gtest.h>

namespace gregor::storage {
namespace {

constexpr std::int32_t k_max_sequence = 2147483647;

ProducerBatch batch(std::int32_t first, std::int32_t last, std::int64_t offset, std::int16_t epoch = 0) {
    return {.producer_id = ProducerId{9},
            .epoch = epoch,
            .first_sequence = first,
            .last_sequence = last,
            .first_offset = Offset{offset},
            .last_offset = Offset{offset + (std::int64_t{last} - first + (last < first ? 1LL << 31 : 0))},
            .timestamp = 1000 + offset};
}
ErrorCode code(const Status& status) { return status ? ErrorCode::none : status.error().code; }

TEST(ProducerState, SequencesFollow) {
    ProducerState state;
    EXPECT_EQ(code(state.check(batch(17, 18, 0))), ErrorCode::none);  // unknown: any first sequence
    state.apply(batch(0, 4, 0));
    EXPECT_EQ(code(state.check(batch(5, 5, 5))), ErrorCode::none);
    EXPECT_EQ(code(state.check(batch(6, 6, 5))), ErrorCode::out_of_order_sequence_number);
    EXPECT_EQ(code(state.check(batch(3, 5, 5))), ErrorCode::out_of_order_sequence_number);
    EXPECT_EQ(code(state.check(batch(0, 0, 5, 1))), ErrorCode::none);
    EXPECT_EQ(code(state.check(batch(5, 5, 5, 1))), ErrorCode::out_of_order_sequence_number);
    state.apply(batch(0, 0, 5, 1));
    EXPECT_EQ(code(state.check(batch(1, 1, 6, 0))), ErrorCode::invalid_producer_epoch);
}

TEST(ProducerState, SequencesWrap) {
    ProducerState state;
    state.apply(batch(k_max_sequence - 1, 1, 0));  // 4 records: max-1, max, 0, 1
    const auto found = state.find_duplicate(batch(k_max_sequence - 1, 1, 50));
    ASSERT_TRUE(found);
    EXPECT_EQ(found->first_offset(), Offset{0});
    EXPECT_EQ(found->last_offset, Offset{3});
    EXPECT_EQ(code(state.check(batch(2, 2, 4))), ErrorCode::none);
    state.apply(batch(2, k_max_sequence, 4));
    EXPECT_EQ(code(state.check(batch(0, 0, 9))), ErrorCode::none);
}

TEST(ProducerState, RemembersFiveBatches) {
    ProducerState state;
    for (int i = 0; i < 6; ++i) state.apply(batch(i, i, 100 + i));
    EXPECT_FALSE(state.find_duplicate(batch(0, 0, 0)));
    for (int i = 1; i < 6; ++i) {
        const auto found = state.find_duplicate(batch(i, i, 0));
        ASSERT_TRUE(found) << i;
        EXPECT_EQ(found->last_offset, Offset{100 + i});
    }
    EXPECT_FALSE(state.find_duplicate(batch(1, 2, 0)));     // not the same batch
    EXPECT_FALSE(state.find_duplicate(batch(1, 1, 0, 1)));  // not the same epoch
}

TEST(ProducerState, TransactionsOpenAndEnd) {
    ProducerState state;
    auto in_txn = batch(0, 0, 10);
    in_txn.transactional = true;
    state.apply(in_txn);
    EXPECT_EQ(state.first_unstable_offset(), Offset{10});
    EXPECT_EQ(code(state.check(batch(1, 1, 11))), ErrorCode::invalid_txn_state);
    state.expire(1'000'000'000, 1);
    EXPECT_EQ(state.entries().size(), 1U);  // never while a transaction is open
    const ProducerMarker marker{.producer_id = ProducerId{9},
                                .epoch = 0,
                                .coordinator_epoch = 3,
                                .offset = Offset{11},
                                .timestamp = 5};
    EXPECT_EQ(code(state.check_marker(marker)), ErrorCode::none);
    EXPECT_EQ(state.apply(marker), (AbortedTxn{ProducerId{9}, Offset{10}, Offset{11}, Offset{12}}));
    // Until its marker is committed it holds readers back.
    state.on_high_watermark(Offset{11});
    EXPECT_EQ(state.first_unstable_offset(), Offset{10});
    state.on_high_watermark(Offset{12});
    EXPECT_EQ(state.first_unstable_offset(), std::nullopt);
    auto stale = marker;
    stale.coordinator_epoch = 2;
    EXPECT_EQ(code(state.check_marker(stale)), ErrorCode::transaction_coordinator_fenced);
    state.expire(5 + 100, 100);
    EXPECT_TRUE(state.entries().empty());
    stale.epoch = -1;
    EXPECT_EQ(code(state.check_marker(stale)), ErrorCode::none);
    stale.epoch = -2;  // before the epoch of who has none
    EXPECT_EQ(code(state.check_marker(stale)), ErrorCode::invalid_producer_epoch);
}

// KIP-890: a marker of version 2 bears the next epoch.
TEST(ProducerState, MarkersByTransactionVersion) {
    ProducerState state;
    auto in_txn = batch(0, 0, 10);
    in_txn.transactional = true;
    state.apply(in_txn);
    ProducerMarker marker{.producer_id = ProducerId{9}, .epoch = 0, .offset = Offset{11}};
    EXPECT_EQ(code(state.check_marker(marker, TransactionVersion::tv1)), ErrorCode::none);
    EXPECT_EQ(code(state.check_marker(marker, TransactionVersion::tv2)), ErrorCode::invalid_producer_epoch);
    marker.epoch = 1;
    EXPECT_EQ(code(state.check_marker(marker, TransactionVersion::tv2)), ErrorCode::none);
    marker.commits = true;
    EXPECT_EQ(state.apply(marker), std::nullopt);
    EXPECT_EQ(code(state.check_marker(marker, TransactionVersion::tv2)), ErrorCode::none);  // repeated
    marker.epoch = 0;
    EXPECT_EQ(code(state.check_marker(marker)), ErrorCode::invalid_producer_epoch);
}

TEST(ProducerState, SnapshotsComeBack) {
    ProducerState state;
    state.apply(batch(0, 2, 0));
    state.apply(batch(3, 5, 3));
    auto other = batch(0, 0, 6);
    other.producer_id = ProducerId{10};
    other.transactional = true;
    state.apply(other);
    auto bytes = state.encode_snapshot();
    EXPECT_EQ(bytes.size(), 10U + 2 * 46U);
    const auto back = ProducerState::decode_snapshot(bytes);
    ASSERT_TRUE(back);
    EXPECT_EQ(back->first_unstable_offset(), Offset{6});
    EXPECT_TRUE(back->find_duplicate(batch(3, 5, 99)));
    EXPECT_FALSE(back->find_duplicate(batch(0, 2, 99)));  // the format holds one batch
    auto wider = *back;
    wider.adopt_windows(state);
    EXPECT_TRUE(wider.find_duplicate(batch(0, 2, 99)));
    EXPECT_EQ(ProducerState().encode_snapshot().size(), 10U);
    for (std::size_t size = 0; size < bytes.size(); ++size)
        EXPECT_FALSE(ProducerState::decode_snapshot(Bytes(bytes).first(size))) << size;
    for (auto& byte : bytes) {
        byte ^= std::byte{1};
        EXPECT_FALSE(ProducerState::decode_snapshot(bytes));
        byte ^= std::byte{1};
    }
}

}  // namespace
}  // namespace gregor::storage
