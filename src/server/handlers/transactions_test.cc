// Transactional writes and the requests around them, with a real coordinator and real partitions. The codes
// are those of Kafka's broker (KIP-98, KIP-890).
#include "gen/api/add_offsets_to_txn.h"
#include "gen/api/add_partitions_to_txn.h"
#include "gen/api/describe_producers.h"
#include "gen/api/describe_transactions.h"
#include "gen/api/end_txn.h"
#include "gen/api/init_producer_id.h"
#include "gen/api/list_transactions.h"
#include "gen/api/produce.h"
#include "gen/api/txn_offset_commit.h"
#include "gen/api/write_txn_markers.h"
#include "server/handlers/test_replicas.h"

namespace gregor::server {
namespace {

using msg::ProduceRequest;
using msg::ProduceResponse;
using storage::testing::make_batch;
using Produce = test::Question<ProduceRequest, ProduceResponse>;

class TransactionsTest : public testing::Test {
protected:
    void SetUp() override {
        topic_id = broker.add_topic("t", 2);
        broker.transactions.add_topic("t", 2);
        broker.transactions.markers.on_write = [this](const coordinator::TransactionEnd&,
                                                      const coordinator::TxnPartition& at,
                                                      ErrorCode) { marked.push_back(at.topic); };
        broker.transactions.elect();
        settle();
    }
    void settle() {
        for (int round = 0; round < 4; ++round) {
            broker.world.settle();
            broker.transactions.settle();
        }
    }
    template <class Request, class Response>
    std::unique_ptr<test::Question<Request, Response>> ask(void (*handler)(const Request&, RequestContext&,
                                                                           Completion<Response>),
                                                           std::int16_t version, Request request) {
        auto question =
            std::make_unique<test::Question<Request, Response>>(broker, handler, version, std::move(request));
        settle();
        return question;
    }
    coordinator::ProducerIdentity init(std::int16_t version = 5) {
        msg::InitProducerIdRequest request;
        request.transactional_id = "id";
        request.transaction_timeout_ms = 60'000;
        const auto question = ask(&handle_init_producer_id, version, request);
        EXPECT_EQ((*question)->error_code, ErrorCode::none);
        return {ProducerId{(*question)->producer_id}, (*question)->producer_epoch};
    }
    struct Batch {
        coordinator::ProducerIdentity producer;
        std::int32_t sequence = 0;
        std::int32_t partition = 0;
    };
    static ProduceRequest produce_of(const std::vector<Batch>& batches) {
        ProduceRequest request;
        request.transactional_id = "id";
        request.acks = -1;
        request.timeout_ms = 1'000;
        auto& topic = request.topic_data.emplace_back();
        topic.name = "t";
        for (const auto& batch : batches) {
            auto& partition = topic.partition_data.emplace_back();
            partition.index = batch.partition;
            partition.records = protocol::Records(make_batch({.producer_id = batch.producer.id,
                                                              .producer_epoch = batch.producer.epoch,
                                                              .base_sequence = batch.sequence,
                                                              .transactional = true}));
        }
        return request;
    }
    ErrorCode produce(std::int16_t version, const Batch& batch) {
        const auto question = ask(&handle_produce, version, produce_of({batch}));
        EXPECT_TRUE(question->is_answered());
        return (*question)->responses.at(0).partition_responses.at(0).error_code;
    }
    ErrorCode end(std::int16_t version, const coordinator::ProducerIdentity& producer) {
        msg::EndTxnRequest request;
        request.transactional_id = "id";
        request.producer_id = producer.id.value();
        request.producer_epoch = producer.epoch;
        request.committed = true;
        return (*ask(&handle_end_txn, version, request))->error_code;
    }
    ErrorCode add(std::int16_t version, const coordinator::ProducerIdentity& producer, std::string_view topic,
                  std::int32_t index = 0) {
        msg::AddPartitionsToTxnRequest request;
        request.v3_and_below_transactional_id = "id";
        request.v3_and_below_producer_id = producer.id.value();
        request.v3_and_below_producer_epoch = producer.epoch;
        auto& entry = request.v3_and_below_topics.emplace_back();
        entry.name = topic;
        entry.partitions = {index};
        const auto question = ask(&handle_add_partitions_to_txn, version, request);
        return (*question)
            ->results_by_topic_v3_and_below.at(0)
            .results_by_partition.at(0)
            .partition_error_code;
    }

    // The coordinator's marker arrives in the log of partition 0; the fixture's own writer only notes it.
    void mark(const coordinator::ProducerIdentity& producer, storage::TransactionVersion version) {
        std::vector<replication::PartitionAppend> appends;
        appends.push_back(replication::marker_append({.partition = {topic_id, PartitionIndex{0}},
                                                      .producer_id = producer.id,
                                                      .producer_epoch = producer.epoch,
                                                      .coordinator_epoch = 0,
                                                      .commits = true},
                                                     0));
        replication::AppendOptions options;
        options.origin = records::AppendOrigin::coordinator;
        options.transaction_version = version;
        auto error = ErrorCode::unknown_server_error;
        broker.world.replicas().append(
            std::move(appends), options,
            [&](const std::vector<replication::AppendOutcome>& outcomes) { error = outcomes.at(0).error; });
        settle();
        EXPECT_EQ(error, ErrorCode::none);
    }

    test::ReplicaBroker broker;
    Uuid topic_id;
    std::vector<std::string> marked;
};

TEST_F(TransactionsTest, WritingIsAddingSinceVersion12) {
    const auto producer = init();
    EXPECT_EQ(produce(11, {producer}), ErrorCode::transaction_abortable);
    EXPECT_EQ(produce(10, {producer}), ErrorCode::invalid_txn_state);
    EXPECT_EQ(produce(12, {producer}), ErrorCode::none);
    EXPECT_EQ(produce(12, {producer, 1}), ErrorCode::none);
    EXPECT_EQ(produce(12, {producer, 1}), ErrorCode::none);  // again
    EXPECT_EQ(produce(12, {producer, 0, 1}), ErrorCode::none);
    EXPECT_EQ(end(5, producer), ErrorCode::none);
    EXPECT_EQ(marked, (std::vector<std::string>{"t", "t"}));
}

TEST_F(TransactionsTest, OlderClientsAddFirst) {
    const auto producer = init();
    EXPECT_EQ(add(3, producer, "t"), ErrorCode::none);
    EXPECT_EQ(produce(10, {producer}), ErrorCode::none);
    EXPECT_EQ(produce(10, {producer, 1}), ErrorCode::none);
    EXPECT_EQ(produce(10, {producer, 0, 1}), ErrorCode::invalid_txn_state);
    EXPECT_EQ(end(4, producer), ErrorCode::none);
}

TEST_F(TransactionsTest, AProducerOfThePastIsRefused) {
    const auto old = init();
    const auto current = init();
    EXPECT_EQ(produce(12, {old}), ErrorCode::invalid_producer_epoch);
    EXPECT_EQ(add(3, old, "t"), ErrorCode::producer_fenced);
    EXPECT_EQ(add(1, old, "t"), ErrorCode::invalid_producer_epoch);
    EXPECT_EQ(end(3, old), ErrorCode::producer_fenced);
    EXPECT_EQ(end(1, old), ErrorCode::invalid_producer_epoch);
    EXPECT_EQ(produce(12, {{ProducerId{77}, 0}}), ErrorCode::invalid_producer_id_mapping);
    EXPECT_EQ(produce(12, {current}), ErrorCode::none);
    msg::InitProducerIdRequest request;
    request.transactional_id = "id";
    request.transaction_timeout_ms = 60'000;
    request.producer_id = 77;
    EXPECT_EQ((*ask(&handle_init_producer_id, 5, request))->error_code, ErrorCode::invalid_request);
    request.producer_epoch = 0;
    EXPECT_EQ((*ask(&handle_init_producer_id, 5, request))->error_code, ErrorCode::producer_fenced);
    EXPECT_EQ((*ask(&handle_init_producer_id, 3, request))->error_code, ErrorCode::invalid_producer_epoch);
}

// What KIP-890 is about: a write that was under way while its transaction ended must not begin another one.
TEST_F(TransactionsTest, AWriteThatComesAfterTheEndIsRefused) {
    const auto old = init();
    EXPECT_EQ(add(3, old, "t"), ErrorCode::none);
    EXPECT_EQ(produce(11, {old}), ErrorCode::none);
    EXPECT_EQ(end(4, old), ErrorCode::none);
    mark(old, storage::TransactionVersion::tv1);
    EXPECT_EQ(produce(11, {old, 1}), ErrorCode::transaction_abortable);
    EXPECT_EQ(produce(10, {old, 1}), ErrorCode::invalid_txn_state);
    // Since version 2 of transactions the end itself has made the epoch one of the past.
    const auto current = init();
    EXPECT_EQ(produce(12, {current}), ErrorCode::none);
    EXPECT_EQ(end(5, current), ErrorCode::none);
    mark({current.id, static_cast<std::int16_t>(current.epoch + 1)}, storage::TransactionVersion::tv2);
    EXPECT_EQ(produce(12, {current, 1}), ErrorCode::invalid_producer_epoch);
    EXPECT_EQ(add(3, current, "t"), ErrorCode::producer_fenced);
}

TEST_F(TransactionsTest, WhileTheLastTransactionEndsAWriteWaitsALittle) {
    auto producer = init();
    EXPECT_EQ(produce(12, {producer}), ErrorCode::none);
    broker.transactions.markers.set_error({"t", 0}, ErrorCode::not_leader_or_follower);
    EXPECT_EQ(end(5, producer), ErrorCode::none);
    ++producer.epoch;
    Produce first(broker, &handle_produce, 12, produce_of({{producer, 0, 1}}));
    Produce second(broker, &handle_produce, 12, produce_of({{producer, 1, 1}}));
    settle();
    EXPECT_FALSE(first.is_answered());
    broker.transactions.markers.set_error({"t", 0}, ErrorCode::none);
    broker.transactions.loop.advance(Duration::millis(60));
    settle();
    ASSERT_TRUE(first.is_answered() && second.is_answered());
    EXPECT_EQ(first->responses[0].partition_responses[0].error_code, ErrorCode::none);
    EXPECT_EQ(second->responses[0].partition_responses[0].error_code, ErrorCode::none);
    EXPECT_EQ(second->responses[0].partition_responses[0].base_offset, 1);  // nobody overtook
}

TEST_F(TransactionsTest, ButNotForEver) {
    auto producer = init();
    EXPECT_EQ(produce(12, {producer}), ErrorCode::none);
    broker.transactions.markers.set_error({"t", 0}, ErrorCode::not_leader_or_follower);
    EXPECT_EQ(end(5, producer), ErrorCode::none);
    ++producer.epoch;
    EXPECT_EQ(produce(11, {producer, 0, 1}), ErrorCode::not_enough_replicas);  // old clients try again
    Produce waiting(broker, &handle_produce, 12, produce_of({{producer, 0, 1}}));
    settle();
    broker.transactions.loop.advance(Duration::millis(120));
    settle();
    ASSERT_TRUE(waiting.is_answered());
    EXPECT_EQ(waiting->responses[0].partition_responses[0].error_code, ErrorCode::concurrent_transactions);
}

TEST_F(TransactionsTest, ACoordinatorThatIsNotThereIsAskedAgain) {
    const auto producer = init();
    broker.transactions.resign();
    const auto question = ask(&handle_produce, 12, produce_of({{producer}}));
    const auto& row = (*question)->responses[0].partition_responses[0];
    EXPECT_EQ(row.error_code, ErrorCode::not_enough_replicas);
    EXPECT_TRUE(row.error_message.has_value());
}

TEST_F(TransactionsTest, ARequestHasOneTransactionalProducer) {
    const auto producer = init();
    const coordinator::ProducerIdentity other{ProducerId{5}, 0};
    const auto question = ask(&handle_produce, 12, produce_of({{producer}, {other, 0, 1}}));
    for (const auto& row : (*question)->responses[0].partition_responses)
        EXPECT_EQ(row.error_code, ErrorCode::invalid_producer_id_mapping);
}

TEST_F(TransactionsTest, WhatMayNotBeWrittenIsNotAdded) {
    const auto producer = init();
    EXPECT_EQ(add(3, producer, "__consumer_offsets"), ErrorCode::topic_authorization_failed);
    EXPECT_EQ(add(3, producer, "t", 7), ErrorCode::unknown_topic_or_partition);
    broker.authorizer.denied = {{security::Operation::write, "t"}};
    EXPECT_EQ(add(3, producer, "t"), ErrorCode::topic_authorization_failed);
    broker.authorizer.denied = {{security::Operation::write, "id"}};
    EXPECT_EQ(add(3, producer, "t"), ErrorCode::transactional_id_authorization_failed);
    EXPECT_EQ(produce(12, {producer}), ErrorCode::transactional_id_authorization_failed);
    EXPECT_EQ(end(5, producer), ErrorCode::transactional_id_authorization_failed);
    broker.authorizer.denied.clear();
    msg::DescribeTransactionsRequest describe;
    describe.transactional_ids = {"id", "nobody", ""};
    const auto question = ask(&handle_describe_transactions, 0, describe);
    const auto& rows = (*question)->transaction_states;
    EXPECT_EQ(rows[0].transaction_state, "Empty");  // none of it was added
    EXPECT_EQ(rows[1].error_code, ErrorCode::transactional_id_not_found);
    EXPECT_EQ(rows[2].error_code, ErrorCode::invalid_request);
}

TEST_F(TransactionsTest, BrokersAskForSeveralTransactionsAtOnce) {
    const auto producer = init();
    msg::AddPartitionsToTxnRequest request;
    for (const bool verify_only : {true, false, true}) {
        auto& transaction = request.transactions.emplace_back();
        transaction.transactional_id = "id";
        transaction.producer_id = producer.id.value();
        transaction.producer_epoch = producer.epoch;
        transaction.verify_only = verify_only;
        auto& topic = transaction.topics.emplace_back();
        topic.name = "t";
        topic.partitions = {0};
    }
    const auto question = ask(&handle_add_partitions_to_txn, 5, request);
    std::vector<ErrorCode> errors;
    for (const auto& result : (*question)->results_by_transaction)
        errors.push_back(result.topic_results[0].results_by_partition[0].partition_error_code);
    EXPECT_EQ(errors, (std::vector{ErrorCode::transaction_abortable, ErrorCode::none, ErrorCode::none}));
    broker.authorizer.denied = {{security::Operation::cluster_action, "kafka-cluster"}};
    const auto denied = ask(&handle_add_partitions_to_txn, 5, request);
    EXPECT_EQ((*denied)->error_code, ErrorCode::cluster_authorization_failed);
    EXPECT_TRUE((*denied)->results_by_transaction.empty());
}

TEST_F(TransactionsTest, MarkersAreWrittenForWhoMay) {
    msg::WriteTxnMarkersRequest request;
    auto& marker = request.markers.emplace_back();
    marker.producer_id = 7;
    auto& topic = marker.topics.emplace_back();
    topic.name = "t";
    topic.partition_indexes = {0, 1};
    broker.transactions.markers.set_error({"t", 1}, ErrorCode::not_leader_or_follower);
    const auto errors_of = [&] {
        const auto question = ask(&handle_write_txn_markers, 1, request);
        std::vector<ErrorCode> errors;
        for (const auto& partition : (*question)->markers.at(0).topics.at(0).partitions)
            errors.push_back(partition.error_code);
        return errors;
    };
    EXPECT_EQ(errors_of(), (std::vector{ErrorCode::none, ErrorCode::not_leader_or_follower}));
    broker.authorizer.denied = {{security::Operation::alter, "kafka-cluster"},
                                {security::Operation::cluster_action, "kafka-cluster"}};
    EXPECT_EQ(errors_of(), std::vector(2, ErrorCode::cluster_authorization_failed));
}

TEST_F(TransactionsTest, MarkersForNoPartitionHaveNoRow) {
    msg::WriteTxnMarkersRequest request;
    request.markers.emplace_back().producer_id = 7;
    auto& marker = request.markers.emplace_back();
    marker.producer_id = 8;
    marker.topics.emplace_back().name = "t";
    auto& topic = marker.topics.emplace_back();
    topic.name = "t";
    topic.partition_indexes = {0};
    const auto question = ask(&handle_write_txn_markers, 1, request);
    ASSERT_EQ((*question)->markers.size(), 1U);
    EXPECT_EQ((*question)->markers[0].producer_id, 8);
    EXPECT_EQ((*question)->markers[0].topics.size(), 1U);
}

TEST_F(TransactionsTest, MarkersOfNobodyFailTheWholeRequest) {
    msg::WriteTxnMarkersRequest request;
    for (const std::int64_t producer : {8, 8, -1}) {
        auto& marker = request.markers.emplace_back();
        marker.producer_id = producer;
        auto& topic = marker.topics.emplace_back();
        topic.name = "t";
        topic.partition_indexes = {0};
    }
    const auto question = ask(&handle_write_txn_markers, 1, request);
    ASSERT_EQ((*question)->markers.size(), 2U);  // one row for each producer
    for (const auto& row : (*question)->markers)
        EXPECT_EQ(row.topics.at(0).partitions.at(0).error_code, ErrorCode::unknown_server_error);
    EXPECT_TRUE(marked.empty());
}

TEST_F(TransactionsTest, OffsetsOfAGroupWithoutAName) {
    const auto producer = init();
    msg::TxnOffsetCommitRequest request;
    request.transactional_id = "id";
    request.producer_id = producer.id.value();
    request.producer_epoch = producer.epoch;
    auto& topic = request.topics.emplace_back();
    topic.name = "t";
    for (const std::int32_t index : {0, 9}) topic.partitions.emplace_back().partition_index = index;
    const auto question = ask(&handle_txn_offset_commit, 5, request);
    const auto& rows = (*question)->topics.at(0).partitions;
    EXPECT_EQ(rows.at(0).error_code, ErrorCode::invalid_group_id);
    EXPECT_EQ(rows.at(1).error_code, ErrorCode::unknown_topic_or_partition);
}

TEST_F(TransactionsTest, AreListed) {
    const auto producer = init();
    EXPECT_EQ(produce(12, {producer}), ErrorCode::none);
    msg::ListTransactionsRequest request;
    request.state_filters = {"Ongoing", "Sleeping"};
    request.transactional_id_pattern = "i.";
    const auto question = ask(&handle_list_transactions, 2, request);
    ASSERT_EQ((*question)->transaction_states.size(), 1U);
    EXPECT_EQ((*question)->transaction_states[0].transactional_id, "id");
    EXPECT_EQ((*question)->transaction_states[0].producer_id, producer.id.value());
    EXPECT_EQ((*question)->unknown_state_filters.at(0), "Sleeping");
    broker.authorizer.denied = {{security::Operation::describe, "id"}};
    EXPECT_TRUE((*ask(&handle_list_transactions, 2, request))->transaction_states.empty());
    request.transactional_id_pattern = "(";
    EXPECT_EQ((*ask(&handle_list_transactions, 2, request))->error_code,
              ErrorCode::invalid_regular_expression);
    broker.transactions.log.hold_loads();
    broker.transactions.resign();
    broker.transactions.elect();
    request.transactional_id_pattern = std::nullopt;
    EXPECT_EQ((*ask(&handle_list_transactions, 2, request))->error_code,
              ErrorCode::coordinator_load_in_progress);
    broker.transactions.log.release_loads();
    settle();
}

TEST_F(TransactionsTest, ProducersOfAPartitionAreDescribed) {
    const auto producer = init();
    EXPECT_EQ(produce(12, {producer}), ErrorCode::none);
    msg::DescribeProducersRequest request;
    auto& topic = request.topics.emplace_back();
    topic.name = "t";
    topic.partition_indexes = {0, 1, 2};
    const auto question = ask(&handle_describe_producers, 0, request);
    const auto& rows = (*question)->topics.at(0).partitions;
    ASSERT_EQ(rows[0].active_producers.size(), 1U);
    EXPECT_EQ(rows[0].active_producers[0].producer_id, producer.id.value());
    EXPECT_EQ(rows[0].active_producers[0].current_txn_start_offset, 0);
    EXPECT_EQ(rows[0].active_producers[0].last_sequence, 0);
    EXPECT_EQ(rows[0].active_producers[0].coordinator_epoch, -1);
    EXPECT_TRUE(rows[1].active_producers.empty());
    EXPECT_EQ(rows[2].error_code, ErrorCode::unknown_topic_or_partition);
    EXPECT_FALSE(rows[2].error_message);
    request.topics[0].name = "a/b";
    const auto invalid = ask(&handle_describe_producers, 0, request);
    EXPECT_EQ((*invalid)->topics.at(0).partitions[0].error_code, ErrorCode::invalid_topic_exception);
    EXPECT_TRUE((*invalid)->topics.at(0).partitions[0].error_message);
    request.topics[0].name = "nowhere";
    EXPECT_TRUE((*ask(&handle_describe_producers, 0, request))->topics.at(0).partitions[0].error_message);
    request.topics[0].name = "t";
    broker.authorizer.denied = {{security::Operation::read, "t"}};
    const auto denied = ask(&handle_describe_producers, 0, request);
    EXPECT_EQ((*denied)->topics.at(0).partitions[0].error_code, ErrorCode::topic_authorization_failed);
}

}  // namespace
}  // namespace gregor::server
