// Offsets in transactions, and who may do what with a transactional id. The codes are those of Kafka's broker
// (KIP-98, KIP-447, KIP-890).
#include "gen/api/add_offsets_to_txn.h"
#include "gen/api/add_partitions_to_txn.h"
#include "gen/api/describe_transactions.h"
#include "gen/api/init_producer_id.h"
#include "gen/api/txn_offset_commit.h"
#include "server/handlers/test_replicas.h"

namespace gregor::server {
namespace {

using security::Operation;
using Codes = std::vector<ErrorCode>;
constexpr std::string_view k_offsets = "__consumer_offsets";

class TransactionalOffsetsTest : public testing::Test {
protected:
    void SetUp() override {
        broker.add_topic("t", 2);
        broker.add_topic(std::string(k_offsets));
        broker.transactions.add_topic("t", 2);
        broker.transactions.elect();
        broker.groups.elect();
        settle();
        msg::InitProducerIdRequest init;
        init.transactional_id = "id";
        init.transaction_timeout_ms = 60'000;
        const auto response = ask(&handle_init_producer_id, 5, init);
        EXPECT_EQ(response.error_code, ErrorCode::none);
        producer = response.producer_id;
    }
    void settle() {
        for (int round = 0; round < 4; ++round) {
            broker.world.settle();
            broker.transactions.settle();
            broker.groups.settle();
        }
    }
    template <class Request, class Response>
    Response ask(void (*handler)(const Request&, RequestContext&, Completion<Response>), std::int16_t version,
                 const Request& request) {
        const auto question =
            std::make_shared<test::Question<Request, Response>>(broker, handler, version, request);
        questions.push_back(question);
        settle();
        EXPECT_TRUE(question->is_answered());
        return **question;
    }
    void forbid(Operation operation, std::string_view name) {
        broker.authorizer.denied = {{operation, std::string(name)}};
    }

    msg::TxnOffsetCommitRequest commit_of(const std::vector<std::string_view>& topics) const {
        msg::TxnOffsetCommitRequest request;
        request.transactional_id = "id";
        request.group_id = "g";
        request.producer_id = producer;
        for (const auto name : topics) {
            auto& topic = request.topics.emplace_back();
            topic.name = name;
            topic.partitions.emplace_back().committed_metadata = "";
        }
        return request;
    }
    Codes commit(std::int16_t version, const msg::TxnOffsetCommitRequest& request) {
        Codes codes;
        for (const auto& topic : ask(&handle_txn_offset_commit, version, request).topics)
            codes.push_back(topic.partitions.at(0).error_code);
        return codes;
    }
    ErrorCode add_offsets(std::int16_t version, std::int16_t epoch = 0, std::string_view id = "id") {
        msg::AddOffsetsToTxnRequest request;
        request.transactional_id = id;
        request.producer_id = producer;
        request.producer_epoch = epoch;
        request.group_id = "g";
        return ask(&handle_add_offsets_to_txn, version, request).error_code;
    }

    test::ReplicaBroker broker;
    std::int64_t producer = -1;
    std::vector<std::shared_ptr<void>> questions;  // answers are views into their bytes
};

TEST_F(TransactionalOffsetsTest, AreOfTheTransactionBeforeOrByBeingCommitted) {
    EXPECT_EQ(commit(3, commit_of({"t"})), Codes{ErrorCode::invalid_txn_state});
    EXPECT_EQ(commit(4, commit_of({"t"})), Codes{ErrorCode::transaction_abortable});
    EXPECT_EQ(add_offsets(3), ErrorCode::none);
    EXPECT_EQ(commit(3, commit_of({"t", "nowhere"})),
              (Codes{ErrorCode::none, ErrorCode::unknown_topic_or_partition}));
}

TEST_F(TransactionalOffsetsTest, AreAddedSinceVersion5) {
    EXPECT_EQ(commit(5, commit_of({"t"})), Codes{ErrorCode::none});
}

TEST_F(TransactionalOffsetsTest, OfAWrongProducerAreRefused) {
    EXPECT_EQ(add_offsets(3, 7), ErrorCode::producer_fenced);
    EXPECT_EQ(add_offsets(1, 7), ErrorCode::invalid_producer_epoch);
    EXPECT_EQ(add_offsets(3, 0, "nobody"), ErrorCode::invalid_producer_id_mapping);
    auto request = commit_of({"t"});
    request.producer_epoch = 7;
    EXPECT_EQ(commit(5, request), Codes{ErrorCode::invalid_producer_epoch});
    request.producer_epoch = 0;
    request.producer_id = 77;
    EXPECT_EQ(commit(5, request), Codes{ErrorCode::invalid_producer_id_mapping});
}

TEST_F(TransactionalOffsetsTest, OfAMemberThatIsNoneAreRefused) {
    auto request = commit_of({"t"});
    request.generation_id = 3;
    request.member_id = "m";
    EXPECT_EQ(commit(5, request), Codes{ErrorCode::illegal_generation});
    request = commit_of({"t"});
    const std::string metadata(4'097, 'x');
    request.topics[0].partitions[0].committed_metadata = metadata;
    EXPECT_EQ(commit(5, request), Codes{ErrorCode::offset_metadata_too_large});
}

TEST_F(TransactionalOffsetsTest, ACoordinatorThatLoadsWasOnceNotAvailable) {
    EXPECT_EQ(add_offsets(3), ErrorCode::none);
    broker.groups.log.hold_loads();
    broker.groups.resign();
    broker.groups.elect();
    EXPECT_EQ(commit(3, commit_of({"t"})), Codes{ErrorCode::coordinator_load_in_progress});
    EXPECT_EQ(commit(1, commit_of({"t"})), Codes{ErrorCode::coordinator_not_available});
    broker.groups.log.release_loads();
    broker.transactions.resign();
    settle();
    EXPECT_EQ(commit(5, commit_of({"t"})), Codes{ErrorCode::not_coordinator});
    EXPECT_EQ(add_offsets(3), ErrorCode::not_coordinator);
}

TEST_F(TransactionalOffsetsTest, NeedThreeRights) {
    forbid(Operation::write, "id");
    EXPECT_EQ(commit(5, commit_of({"t"})), Codes{ErrorCode::transactional_id_authorization_failed});
    EXPECT_EQ(add_offsets(3), ErrorCode::transactional_id_authorization_failed);
    forbid(Operation::read, "g");
    EXPECT_EQ(commit(5, commit_of({"t"})), Codes{ErrorCode::group_authorization_failed});
    EXPECT_EQ(add_offsets(3), ErrorCode::group_authorization_failed);
    forbid(Operation::read, "t");
    EXPECT_EQ(commit(5, commit_of({"t"})), Codes{ErrorCode::topic_authorization_failed});
}

// ---------------------------------------------------------------- producers and partitions

TEST_F(TransactionalOffsetsTest, AProducerMayWriteItsIdOrSomething) {
    msg::InitProducerIdRequest request;
    request.transactional_id = "id";
    request.transaction_timeout_ms = 60'000;
    forbid(Operation::write, "id");
    EXPECT_EQ(ask(&handle_init_producer_id, 5, request).error_code,
              ErrorCode::transactional_id_authorization_failed);
    request.transactional_id = std::nullopt;
    forbid(Operation::idempotent_write, security::k_cluster_resource);
    broker.authorizer.allows_any = false;
    EXPECT_EQ(ask(&handle_init_producer_id, 5, request).error_code, ErrorCode::cluster_authorization_failed);
}

TEST_F(TransactionalOffsetsTest, OnePartitionThatCannotBeAddedKeepsTheOthersOut) {
    msg::AddPartitionsToTxnRequest request;
    request.v3_and_below_transactional_id = "id";
    request.v3_and_below_producer_id = producer;
    auto& topic = request.v3_and_below_topics.emplace_back();
    topic.name = "t";
    topic.partitions = {0, 7, 1};
    const auto response = ask(&handle_add_partitions_to_txn, 3, request);
    Codes codes;
    for (const auto& partition : response.results_by_topic_v3_and_below.at(0).results_by_partition)
        codes.push_back(partition.partition_error_code);
    EXPECT_EQ(codes, (Codes{ErrorCode::operation_not_attempted, ErrorCode::unknown_topic_or_partition,
                            ErrorCode::operation_not_attempted}));
}

TEST_F(TransactionalOffsetsTest, ATransactionIsDescribedAsFarAsItMayBeSeen) {
    EXPECT_EQ(add_offsets(3), ErrorCode::none);
    msg::DescribeTransactionsRequest request;
    request.transactional_ids = {"id"};
    EXPECT_EQ(ask(&handle_describe_transactions, 0, request).transaction_states.at(0).topics.size(), 1U);
    forbid(Operation::describe, k_offsets);
    EXPECT_TRUE(ask(&handle_describe_transactions, 0, request).transaction_states.at(0).topics.empty());
    forbid(Operation::describe, "id");
    EXPECT_EQ(ask(&handle_describe_transactions, 0, request).transaction_states.at(0).error_code,
              ErrorCode::transactional_id_authorization_failed);
}

}  // namespace
}  // namespace gregor::server
