// Transactions in one log: what holds readers back, what they leave out, and what survives a load.
#include <gtest/gtest.h>

#include "records/builder.h"
#include "storage/testing/log_world.h"
#include "storage/txn_index.h"

namespace gregor::storage {
namespace {

using testing::LogWorld;
using testing::make_batch;
using testing::TestBatch;
using Ranges = std::vector<std::pair<std::int64_t, std::int64_t>>;
using testing::k_test_now_ms;
constexpr const char* k_first_index = "/data/t-0/00000000000000000000.txnindex";

class Transactions : public ::testing::Test {
protected:
    static TestBatch batch_of(std::int64_t producer, std::int32_t sequence, std::int16_t epoch = 0) {
        return {.producer_id = ProducerId{producer},
                .producer_epoch = epoch,
                .base_sequence = sequence,
                .transactional = true};
    }
    ErrorCode append(const TestBatch& batch, VerificationGuard guard = {}) {
        const auto info = world.log->append({.records = make_batch(batch),
                                             .leader_epoch = world.epoch,
                                             .now_ms = k_test_now_ms,
                                             .verification = guard});
        world.settle();
        return info ? ErrorCode::none : info.error().error.code;
    }
    ErrorCode end(std::int64_t producer, bool commit, std::int16_t epoch = 0,
                  TransactionVersion version = TransactionVersion::tv0) {
        const auto type = commit ? records::ControlType::commit : records::ControlType::abort;
        const auto info = world.log->append(
            {.records = records::build_end_transaction_marker(
                 {.timestamp = k_test_now_ms, .producer_id = ProducerId{producer}, .producer_epoch = epoch},
                 {.type = type, .coordinator_epoch = 5}),
             .origin = records::AppendOrigin::coordinator,
             .leader_epoch = world.epoch,
             .now_ms = k_test_now_ms,
             .transaction_version = version});
        world.settle();
        return info ? ErrorCode::none : info.error().error.code;
    }
    // "producer:first" of what a reader of [from, end) must leave out.
    std::string aborted(std::int64_t from, std::int64_t end) {
        std::optional<Result<LogRead>> got;
        world.log->read({.from = Offset{from},
                         .upper_bound = Offset{end},
                         .max_bytes = 1 << 20,
                         .min_one_message = true,
                         .with_aborted = true},
                        [&](Result<LogRead> read) { got = std::move(read); });
        world.settle();
        EXPECT_TRUE(got && *got);
        std::string text;
        for (const auto& entry : (*got)->aborted)
            text += std::to_string(entry.producer_id.value()) + ":" +
                    std::to_string(entry.first_offset.value()) + " ";
        return text;
    }
    std::optional<Offset> unstable() const { return world.log->first_unstable_offset(); }
    void reopen(bool clean) {
        if (clean) {
            ASSERT_TRUE(world.close());
        }
        auto request = world.request();
        request.clean = clean;
        world.open(request);
    }
    // Producer 1 aborts 0..2 (marker 3); 2 begins at 1 and aborts at 5; 1 commits 4 (marker 6); 3 is open
    // from 7.
    void play() {
        ASSERT_EQ(append(batch_of(1, 0)), ErrorCode::none);  // 0
        ASSERT_EQ(append(batch_of(2, 0)), ErrorCode::none);  // 1
        ASSERT_EQ(append(batch_of(1, 1)), ErrorCode::none);  // 2
        ASSERT_EQ(end(1, false), ErrorCode::none);           // 3
        ASSERT_EQ(append(batch_of(1, 2)), ErrorCode::none);  // 4
        ASSERT_EQ(end(2, false), ErrorCode::none);           // 5
        ASSERT_EQ(end(1, true), ErrorCode::none);            // 6
        ASSERT_EQ(append(batch_of(3, 0)), ErrorCode::none);  // 7
    }
    // The entries of the peer's format: version, producer, first, last, last stable.
    std::vector<AbortedTxn> index_of(std::int64_t base) {
        return *read_txn_index(world.files, "/data/t-0", Offset{base});
    }
    const std::vector<AbortedTxn> both{{ProducerId{1}, Offset{0}, Offset{3}, Offset{1}},
                                       {ProducerId{2}, Offset{1}, Offset{5}, Offset{4}}};

    LogWorld world;
};

TEST_F(Transactions, HoldReadersBackUntilTheirMarkersAreCommitted) {
    world.open();
    EXPECT_EQ(unstable(), std::nullopt);
    EXPECT_EQ(append(batch_of(1, 0)), ErrorCode::none);
    EXPECT_EQ(unstable(), Offset{0});
    EXPECT_EQ(end(1, true), ErrorCode::none);
    EXPECT_EQ(unstable(), Offset{0});
    world.log->on_high_watermark(Offset{2});
    EXPECT_EQ(unstable(), std::nullopt);
    EXPECT_FALSE(world.files.nodes.contains(k_first_index));  // never for a commit
    EXPECT_EQ(append(batch_of(1, 1)), ErrorCode::none);
    world.log->raise_log_start_offset(Offset{3});
    EXPECT_EQ(unstable(), Offset{3});  // never below the log
}

TEST_F(Transactions, TheIndexIsTheOneOfThePeer) {
    world.open();
    play();
    EXPECT_EQ(index_of(0), both);
    EXPECT_EQ(world.files.nodes.at(k_first_index)->data.size(), 2 * k_txn_entry_bytes);
    EXPECT_EQ(world.files.nodes.at(k_first_index)->synced_size, 2 * k_txn_entry_bytes);
    EXPECT_EQ(aborted(0, 8), "1:0 2:1 ");
    EXPECT_EQ(aborted(0, 1), "1:0 ");  // 2 begins behind the end
    EXPECT_EQ(aborted(4, 8), "2:1 ");  // the marker of 1 lies before
    EXPECT_EQ(aborted(6, 8), "");
}

TEST_F(Transactions, SurviveEveryKindOfLoad) {
    world.open();
    play();
    for (const bool clean : {true, false}) {
        reopen(clean);
        EXPECT_EQ(index_of(0), both) << clean;
        EXPECT_EQ(aborted(0, 8), "1:0 2:1 ") << clean;  // from the file now
        world.log->on_high_watermark(Offset{8});
        EXPECT_EQ(unstable(), Offset{7}) << clean;
    }
    // A crash that lost the index, or left half an entry: written again from the batches.
    auto& data = world.files.nodes.at(k_first_index)->data;
    data.resize(k_txn_entry_bytes + 5);
    reopen(false);
    EXPECT_EQ(index_of(0), both);
    world.files.nodes.at(k_first_index)->data[1] = std::byte{9};  // another version
    reopen(true);
    EXPECT_EQ(index_of(0), both);
}

TEST_F(Transactions, SpanSegments) {
    world.config.segment_bytes = 200;  // a batch and a marker
    world.open();
    play();
    EXPECT_TRUE(world.files.nodes.contains("/data/t-0/00000000000000000004.log"));
    EXPECT_EQ(aborted(0, 8), "1:0 2:1 ");
    for (const bool clean : {true, false}) {
        reopen(clean);
        EXPECT_EQ(aborted(0, 8), "1:0 2:1 ") << clean;
        EXPECT_EQ(aborted(4, 8), "2:1 ") << clean;
        world.log->on_high_watermark(Offset{8});
        EXPECT_EQ(unstable(), Offset{7}) << clean;
    }
}

TEST_F(Transactions, AreCutWithTheLog) {
    world.open();
    play();
    std::optional<Status> cut;
    world.log->truncate_to(Offset{5}, [&](Status status) { cut = std::move(status); });
    world.settle();
    ASSERT_TRUE(cut && *cut);
    EXPECT_EQ(index_of(0), std::vector{both[0]});
    EXPECT_EQ(unstable(), Offset{0});  // 2 is open again; the end of 1 is not known to be committed
    world.log->on_high_watermark(Offset{5});
    EXPECT_EQ(unstable(), Offset{1});
    EXPECT_EQ(end(2, false), ErrorCode::none);
    EXPECT_EQ(index_of(0), both);
}

TEST_F(Transactions, FollowKafkasRules) {
    world.open();
    EXPECT_EQ(append(batch_of(1, 0, 1)), ErrorCode::none);
    auto plain = batch_of(1, 1, 1);
    plain.transactional = false;
    EXPECT_EQ(append(plain), ErrorCode::invalid_txn_state);
    EXPECT_EQ(append(batch_of(1, 1, 0)), ErrorCode::invalid_producer_epoch);
    EXPECT_EQ(end(1, true, 0), ErrorCode::invalid_producer_epoch);
    EXPECT_EQ(end(1, true, 1, TransactionVersion::tv2), ErrorCode::invalid_producer_epoch);
    EXPECT_EQ(end(1, true, 2, TransactionVersion::tv2), ErrorCode::none);
    EXPECT_EQ(end(1, true, 2, TransactionVersion::tv2), ErrorCode::none);  // again, with nothing open
    EXPECT_EQ(append(plain), ErrorCode::invalid_producer_epoch);
    EXPECT_EQ(append(batch_of(1, 5, 2)), ErrorCode::out_of_order_sequence_number);
    EXPECT_EQ(append(batch_of(1, 0, 2)), ErrorCode::none);
}

TEST_F(Transactions, AreVerifiedBeforeTheyOpen) {
    world.config.verify_transactions = true;
    world.open();
    EXPECT_EQ(append(batch_of(1, 0)), ErrorCode::invalid_txn_state);
    const VerificationRequest request{
        .producer_id = ProducerId{1}, .epoch = 0, .first_sequence = 0, .now_ms = k_test_now_ms};
    const auto guard = world.log->start_verification(request);
    ASSERT_TRUE(guard && guard->value != 0);
    EXPECT_EQ(append(batch_of(1, 0), {guard->value + 1}), ErrorCode::invalid_txn_state);
    EXPECT_EQ(append(batch_of(1, 3), *guard), ErrorCode::out_of_order_sequence_number);
    auto plain = batch_of(1, 3);
    plain.transactional = false;
    EXPECT_EQ(append(plain), ErrorCode::out_of_order_sequence_number);  // it holds for any batch
    EXPECT_EQ(append(batch_of(1, 0), *guard), ErrorCode::none);
    EXPECT_EQ(append(batch_of(1, 1)), ErrorCode::none);  // it is open now
    EXPECT_EQ(world.log->start_verification(request)->value, 0U);
    EXPECT_EQ(end(1, true), ErrorCode::none);
    EXPECT_EQ(append(batch_of(1, 2), *guard), ErrorCode::invalid_txn_state);  // the guard is used up
    // A marker that overtakes the append ends the verification.
    const auto late = world.log->start_verification(request);
    EXPECT_EQ(end(1, false), ErrorCode::none);
    EXPECT_EQ(append(batch_of(1, 2), *late), ErrorCode::invalid_txn_state);
    auto old = request;
    old.epoch = -1;
    EXPECT_EQ(world.log->start_verification(old).error().code, ErrorCode::invalid_producer_epoch);
}

}  // namespace
}  // namespace gregor::storage
