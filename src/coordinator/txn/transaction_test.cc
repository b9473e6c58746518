// The rules of one transaction. What stock requests can reach is told by tests/transcripts/txn; here is what
// takes 32,766 transactions to reach.
#include "coordinator/txn/transaction.h"

#include <gtest/gtest.h>

#include "coordinator/txn/txn_records.h"

namespace gregor::coordinator {
namespace {

constexpr std::int16_t k_last_given = 32'766;
constexpr std::int16_t k_last = 32'767;
constexpr ProducerId k_old{1'000};
constexpr ProducerId k_fresh{2'000};
constexpr std::int64_t k_now = 500;

Transaction at_epoch(std::int16_t epoch, TransactionState state) {
    Transaction transaction;
    transaction.producer = {.id = k_old, .epoch = epoch};
    transaction.state = state;
    transaction.timeout_ms = 60'000;
    transaction.start_ms = state == TransactionState::empty ? -1 : 400;
    return transaction;
}

InitProducerRequest init_of(std::optional<ProducerIdentity> expected = {}) {
    return {.transactional_id = "id", .timeout_ms = 60'000, .expected = expected};
}

EndTransactionRequest end_of(ProducerIdentity producer, bool commits,
                             TransactionVersion version = TransactionVersion::tv2) {
    return {.transactional_id = "id", .producer = producer, .commits = commits, .version = version};
}

TEST(Transaction, AnExhaustedEpochMakesAnotherProducer) {
    const auto current = at_epoch(k_last_given, TransactionState::complete_commit);
    EXPECT_TRUE(wants_fresh_id(current, init_of()));
    const auto next = initialised(current, init_of(), k_fresh, k_now);
    ASSERT_TRUE(next);
    EXPECT_EQ(next->producer, (ProducerIdentity{k_fresh, 0}));
    EXPECT_EQ(next->previous_id, k_old);
    EXPECT_EQ(next->last_epoch, -1);
    EXPECT_EQ(next->state, TransactionState::empty);

    // Its answer was lost: the old identity is still known to be the one before.
    const ProducerIdentity old{k_old, k_last_given};
    const auto resumed = initialised(current, init_of(old), k_fresh, k_now);
    ASSERT_TRUE(resumed);
    EXPECT_EQ(resumed->last_epoch, k_last_given);
    EXPECT_EQ(check_init(*resumed, init_of(old)), ErrorCode::none);
    const auto repeated = initialised(*resumed, init_of(old), ProducerId{3'000}, k_now);
    ASSERT_TRUE(repeated);
    EXPECT_EQ(repeated->producer, (ProducerIdentity{k_fresh, 0}));
    EXPECT_EQ(check_init(*resumed, init_of(ProducerIdentity{k_old, 5})), ErrorCode::producer_fenced);
    EXPECT_EQ(check_init(*resumed, init_of(ProducerIdentity{ProducerId{9}, k_last_given})),
              ErrorCode::producer_fenced);
}

TEST(Transaction, TheEndOfTheLastEpochHandsOverToAnotherProducer) {
    const auto current = at_epoch(k_last_given, TransactionState::ongoing);
    EXPECT_TRUE(current.is_exhausted());
    const auto ending =
        prepared(current, {.commits = true, .version = TransactionVersion::tv2, .fresh_id = k_fresh}, k_now);
    EXPECT_EQ(ending.producer, (ProducerIdentity{k_old, k_last}));  // the markers'; no client gets it
    EXPECT_EQ(ending.next_id, k_fresh);
    EXPECT_EQ(ending.last_epoch, k_last_given);
    // The client may know the new identity before the coordinator is done.
    EXPECT_EQ(check_add(ending, {.producer = {k_fresh, 0}}), ErrorCode::concurrent_transactions);
    const auto after = completed(ending, k_now);
    EXPECT_EQ(after.producer, (ProducerIdentity{k_fresh, 0}));
    EXPECT_EQ(after.previous_id, k_old);
    EXPECT_EQ(after.next_id, k_no_producer_id);
    EXPECT_EQ(check_add(after, {.producer = {k_fresh, 0}}), ErrorCode::none);

    // Repeated with the identity that it ended.
    const auto repeated = check_end(after, end_of({k_old, k_last_given}, true));
    EXPECT_EQ(repeated.error, ErrorCode::none);
    EXPECT_FALSE(repeated.begins);
    EXPECT_EQ(check_end(after, end_of({k_old, k_last_given}, false)).error, ErrorCode::invalid_txn_state);
    EXPECT_EQ(check_end(after, end_of({k_old, 3}, true)).error, ErrorCode::invalid_producer_id_mapping);
}

TEST(Transaction, FencingTheLastEpochDoesNotOverflow) {
    for (const auto version : {TransactionVersion::tv0, TransactionVersion::tv1, TransactionVersion::tv2}) {
        auto current = at_epoch(k_last_given, TransactionState::ongoing);
        const Ending fence{.commits = false, .fences = true, .version = version};
        auto ending = prepared(current, fence, k_now);
        EXPECT_EQ(ending.producer, (ProducerIdentity{k_old, k_last}));
        current.producer.epoch = k_last;
        ending = prepared(current, fence, k_now);
        EXPECT_EQ(ending.producer, (ProducerIdentity{k_old, k_last}));
        EXPECT_TRUE(wants_fresh_id(completed(ending, k_now), init_of()));
    }
}

TEST(Transaction, OlderVersionsKeepTheirEpoch) {
    const auto current = at_epoch(3, TransactionState::ongoing);
    const auto ending = prepared(current, {.commits = true, .version = TransactionVersion::tv1}, k_now);
    EXPECT_EQ(ending.producer.epoch, 3);
    EXPECT_EQ(ending.start_ms, 400);
    EXPECT_EQ(completed(ending, k_now).producer.epoch, 3);
    for (const bool commits : {true, false})
        EXPECT_EQ(check_end(ending, end_of({k_old, 3}, commits, TransactionVersion::tv0)).error,
                  ErrorCode::concurrent_transactions);
}

TEST(Transaction, WhatNeverBeganStartsWhenItIsAborted) {
    const auto current = at_epoch(3, TransactionState::empty);
    EXPECT_TRUE(check_end(current, end_of({k_old, 3}, false)).begins);
    EXPECT_EQ(check_end(current, end_of({k_old, 3}, true)).error, ErrorCode::invalid_txn_state);
    const auto ending = prepared(current, {.commits = false, .version = TransactionVersion::tv2}, k_now);
    EXPECT_EQ(ending.start_ms, k_now);
    EXPECT_EQ(ending.producer.epoch, 4);
}

TEST(Transaction, TimeRunsOutOnlyWhileItIsOpen) {
    auto current = at_epoch(3, TransactionState::ongoing);
    EXPECT_FALSE(current.has_timed_out(60'400));
    EXPECT_TRUE(current.has_timed_out(60'401));
    EXPECT_FALSE(at_epoch(3, TransactionState::prepare_abort).has_timed_out(60'401));
    EXPECT_FALSE(at_epoch(3, TransactionState::complete_abort).has_timed_out(60'401));
    current.timeout_ms = INT32_MAX;  // as another broker wrote it for two-phase commit
    EXPECT_FALSE(current.has_timed_out(INT64_MAX));
}

RecordView view_of(const CoordinatorRecord& record) {
    return {.key = Bytes(record.key),
            .value = record.value ? std::optional<Bytes>(Bytes(*record.value)) : std::nullopt};
}

TEST(TransactionRecords, ComeBackAsTheyWere) {
    auto transaction = at_epoch(7, TransactionState::prepare_abort);
    transaction.partitions = {{"a", 3}, {"a", 4}, {"b", 0}};
    transaction.previous_id = ProducerId{900};
    transaction.next_id = k_fresh;
    transaction.last_update_ms = 450;
    transaction.version = TransactionVersion::tv2;
    const auto record = transaction_record("id", transaction, TransactionVersion::tv2);
    const auto parsed = parse_transaction(view_of(record));
    ASSERT_TRUE(parsed && *parsed && (*parsed)->value);
    const auto& back = *(*parsed)->value;
    EXPECT_EQ((*parsed)->transactional_id, "id");
    EXPECT_EQ(back.producer, transaction.producer);
    EXPECT_EQ(back.previous_id, transaction.previous_id);
    EXPECT_EQ(back.next_id, transaction.next_id);
    EXPECT_EQ(back.state, transaction.state);
    EXPECT_EQ(back.partitions, transaction.partitions);
    EXPECT_EQ(back.start_ms, 400);
    EXPECT_EQ(back.last_update_ms, 450);
    EXPECT_EQ(back.version, TransactionVersion::tv2);
    EXPECT_EQ(back.last_epoch, -1);
}

// By the schema: version 0, producer 1000, epoch 0, timeout 60000, Empty, no partitions, two times.
TEST(TransactionRecords, OfVersionZeroAreKafkasBytes) {
    auto transaction = at_epoch(0, TransactionState::empty);
    transaction.last_update_ms = 1;
    const auto record = transaction_record("id", transaction, TransactionVersion::tv0);
    EXPECT_EQ(as_text(Bytes(record.key)), std::string_view("\0\0\0\2id", 6));
    EXPECT_EQ(as_text(Bytes(*record.value)), std::string_view("\0\0"
                                                              "\0\0\0\0\0\0\3\xe8"
                                                              "\0\0"
                                                              "\0\0\xea\x60"
                                                              "\0"
                                                              "\xff\xff\xff\xff"
                                                              "\0\0\0\0\0\0\0\1"
                                                              "\xff\xff\xff\xff\xff\xff\xff\xff",
                                                              37));
}

TEST(TransactionRecords, DamagedOnesAreErrors) {
    const auto transaction = at_epoch(0, TransactionState::empty);
    auto record = transaction_record("id", transaction, TransactionVersion::tv2);
    const auto error_of = [&] { return parse_transaction(view_of(record)).error().code; };
    const auto whole = *record.value;
    record.value->resize(whole.size() - 1);
    EXPECT_EQ(error_of(), ErrorCode::corrupt_message);
    record.value = whole;
    record.value->at(1) = std::byte{2};
    EXPECT_EQ(error_of(), ErrorCode::unsupported_version);
    record.value = transaction_record("id", transaction, TransactionVersion::tv0).value;
    record.value->at(16) = std::byte{6};  // Dead is never written
    EXPECT_EQ(error_of(), ErrorCode::corrupt_message);
    record.key.resize(1);
    EXPECT_EQ(error_of(), ErrorCode::corrupt_message);
    record.key = {std::byte{0}, std::byte{1}};  // a type of the future
    const auto parsed = parse_transaction(view_of(record));
    ASSERT_TRUE(parsed);
    EXPECT_FALSE(*parsed);
}

}  // namespace
}  // namespace gregor::coordinator
