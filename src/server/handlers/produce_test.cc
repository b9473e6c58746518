// The order of checks and their codes are those of Kafka's broker (its protocol guide and KIP-467, 516, 951).
#include "gen/api/produce.h"

#include "server/handlers/test_replicas.h"

namespace gregor::server {
namespace {

using msg::ProduceRequest;
using msg::ProduceResponse;
using storage::testing::make_batch;
using storage::testing::TestBatch;
using Produce = test::Question<ProduceRequest, ProduceResponse>;

class ProduceTest : public testing::Test {
protected:
    static ProduceRequest request(Slice records, std::int16_t acks = -1) {
        ProduceRequest request;
        request.acks = acks;
        request.timeout_ms = 1000;
        auto& topic = request.topic_data.emplace_back();
        topic.name = "t";
        auto& partition = topic.partition_data.emplace_back();
        partition.records = protocol::Records(std::move(records));
        return request;
    }
    ErrorCode error_of(std::int16_t version, ProduceRequest asked, std::string_view client = "tester") {
        Produce produce(broker, &handle_produce, version, std::move(asked), client);
        broker.world.settle();
        EXPECT_EQ(produce.calls(), 1);
        return row(*produce).error_code;
    }
    static const ProduceResponse::PartitionProduceResponse& row(const ProduceResponse& response) {
        return response.responses.at(0).partition_responses.at(0);
    }
    test::ReplicaBroker broker;
};

TEST_F(ProduceTest, EveryVersionIsAnswered) {
    const auto id = broker.add_topic("t");
    for (std::int16_t version = ProduceRequest::k_min_version; version <= ProduceRequest::k_max_version;
         ++version) {
        auto asked = request(make_batch({.records = 2}));
        if (version >= 13) {
            asked.topic_data[0].name = {};
            asked.topic_data[0].topic_id = id;
        }
        Produce produce(broker, &handle_produce, version, asked);
        EXPECT_EQ(produce.calls(), 0);  // not before it is durable
        broker.world.settle();
        ASSERT_TRUE(produce.is_answered()) << version;
        EXPECT_EQ(row(*produce).error_code, ErrorCode::none) << version;
        EXPECT_EQ(row(*produce).base_offset, 2 * (version - ProduceRequest::k_min_version));
        EXPECT_EQ(row(*produce).log_append_time_ms, -1);
        EXPECT_EQ(row(*produce).log_start_offset, version >= 5 ? 0 : -1);
        EXPECT_EQ(produce->responses[0].name, version >= 13 ? "" : "t");
        EXPECT_EQ(produce->responses[0].topic_id, version >= 13 ? id : Uuid{});
    }
}

TEST_F(ProduceTest, RefusesWhatIsNotOneBatchOfFormatTwo) {
    broker.add_topic("t");
    const auto batch = make_batch({});
    const auto text = [](const Slice& slice) { return std::string(as_text(slice.bytes())); };
    const auto records = [](const std::string& bytes) { return request(Slice::copy_of(as_bytes(bytes))); };
    auto missing = request(batch);
    missing.topic_data[0].partition_data[0].records = std::nullopt;
    EXPECT_EQ(error_of(9, std::move(missing)), ErrorCode::invalid_record);
    EXPECT_EQ(error_of(9, records("")), ErrorCode::invalid_record);
    EXPECT_EQ(error_of(9, records(text(batch) + text(batch))), ErrorCode::invalid_record);
    auto old = text(batch);
    old[16] = 1;
    EXPECT_EQ(error_of(9, records(old)), ErrorCode::invalid_record);
    auto torn = text(batch);
    torn.pop_back();
    EXPECT_EQ(error_of(9, records(torn)), ErrorCode::invalid_record);  // no whole batch
    EXPECT_EQ(error_of(9, records(text(batch).substr(0, 20))), ErrorCode::invalid_record);
    EXPECT_EQ(error_of(9, records(text(batch) + torn)), ErrorCode::none);  // the torn end is cut off
    EXPECT_EQ(error_of(9, records(text(batch) + std::string(12, '\0'))), ErrorCode::corrupt_message);
    auto tiny = text(batch);
    tiny.replace(8, 4, std::string("\0\0\0\x05", 4));
    EXPECT_EQ(error_of(9, records(tiny)), ErrorCode::corrupt_message);
    auto rotten = text(batch);
    rotten.back() = static_cast<char>(rotten.back() ^ 1);
    EXPECT_EQ(error_of(9, records(rotten)), ErrorCode::corrupt_message);
    EXPECT_EQ(error_of(9, request(make_batch({}))), ErrorCode::none);
}

// Seen at the peer: transactions are looked for first, and what is found on the way is everybody's answer.
TEST_F(ProduceTest, ABatchThatCannotBeFramedRefusesTheWholeRequest) {
    broker.add_topic("t");
    auto asked = request(make_batch({}));
    auto torn = std::string(as_text(make_batch({}).bytes()));
    torn.replace(8, 4, std::string("\0\0\0\x05", 4));
    auto other = request(Slice::copy_of(as_bytes(torn))).topic_data[0];
    other.name = "u";
    asked.topic_data.push_back(other);
    Produce produce(broker, &handle_produce, 9, asked);
    broker.world.settle();
    for (const auto& topic : produce->responses) {
        EXPECT_EQ(topic.partition_responses[0].error_code, ErrorCode::corrupt_message);
        EXPECT_EQ(topic.partition_responses[0].log_start_offset, -1);
        EXPECT_TRUE(topic.partition_responses[0].error_message);
    }
}

TEST_F(ProduceTest, AnImpossibleLengthRefusesTheWholeRequestWithoutWords) {
    broker.add_topic("t");
    auto torn = std::string(as_text(make_batch({}).bytes()));
    torn.replace(8, 4, std::string("\x7f\xff\xff\xff", 4));
    Produce produce(broker, &handle_produce, 9, request(Slice::copy_of(as_bytes(torn))));
    broker.world.settle();
    EXPECT_EQ(row(*produce).error_code, ErrorCode::unknown_server_error);
    EXPECT_FALSE(row(*produce).error_message);
    torn[16] = 3;  // of a format that nobody knows: found first, and an error of this partition alone
    Produce unknown(broker, &handle_produce, 9, request(Slice::copy_of(as_bytes(torn))));
    broker.world.settle();
    EXPECT_EQ(row(*unknown).error_code, ErrorCode::corrupt_message);
}

TEST_F(ProduceTest, ACodecThatNobodyHasRefusesAnOldRequestAsAWhole) {
    broker.add_topic("t");
    auto strange = std::string(as_text(make_batch({}).bytes()));
    strange[22] = 6;
    auto asked = request(make_batch({}));
    asked.topic_data.push_back(asked.topic_data[0]);
    asked.topic_data[1].partition_data[0].records = protocol::Records(Slice::copy_of(as_bytes(strange)));
    Produce produce(broker, &handle_produce, 6, asked);
    broker.world.settle();
    for (const auto& topic : produce->responses) {
        EXPECT_EQ(topic.partition_responses[0].error_code, ErrorCode::unknown_server_error);
        EXPECT_EQ(topic.partition_responses[0].log_start_offset, -1);
    }
}

TEST_F(ProduceTest, ACodecTooNewForTheVersionIsFoundBeforeASecondBatch) {
    broker.add_topic("t");
    auto newer = std::string(as_text(make_batch({}).bytes()));
    newer[22] = 4;  // zstd
    const auto both = newer + newer;
    EXPECT_EQ(error_of(6, request(Slice::copy_of(as_bytes(both)))), ErrorCode::unsupported_compression_type);
    EXPECT_EQ(error_of(7, request(Slice::copy_of(as_bytes(both)))), ErrorCode::invalid_record);
}

TEST_F(ProduceTest, ATransactionWithoutAnIdRefusesTheWholeRequest) {
    broker.add_topic("t");
    auto asked = request(make_batch({}));
    asked.topic_data.push_back(request(make_batch({.transactional = true})).topic_data[0]);
    Produce produce(broker, &handle_produce, 9, asked);
    broker.world.settle();
    for (const auto& topic : produce->responses) {
        EXPECT_EQ(topic.partition_responses[0].error_code, ErrorCode::transactional_id_authorization_failed);
        EXPECT_FALSE(topic.partition_responses[0].error_message);
    }
}

TEST_F(ProduceTest, UnknownAndForbiddenTopics) {
    const auto id = broker.add_topic("t");
    auto unknown = request(make_batch({}));
    unknown.topic_data[0].name = "u";
    EXPECT_EQ(error_of(9, unknown), ErrorCode::unknown_topic_or_partition);
    unknown.topic_data[0].name = "";
    unknown.topic_data[0].topic_id = Uuid{3, 3};
    EXPECT_EQ(error_of(13, unknown), ErrorCode::unknown_topic_id);
    unknown.topic_data[0].topic_id = id;
    for (const std::int32_t index : {1, -1, INT32_MAX, INT32_MIN}) {
        unknown.topic_data[0].partition_data[0].index = index;
        EXPECT_EQ(error_of(13, unknown), ErrorCode::unknown_topic_or_partition);
    }
    broker.authorizer.denied = {{security::Operation::write, "t"}, {security::Operation::write, "u"}};
    EXPECT_EQ(error_of(9, request(make_batch({}))), ErrorCode::topic_authorization_failed);
    EXPECT_EQ(error_of(9, request({})), ErrorCode::topic_authorization_failed);
    unknown.topic_data[0] = request(make_batch({})).topic_data[0];
    unknown.topic_data[0].name = "u";
    EXPECT_EQ(error_of(9, unknown), ErrorCode::topic_authorization_failed);  // and not whether it exists
}

// Acks that mean nothing are found last but for internal topics, as Kafka looks at them.
TEST_F(ProduceTest, OddAcks) {
    broker.add_topic("t");
    for (const auto acks : std::initializer_list<std::int16_t>{2, -2, 255, 256, INT16_MAX, INT16_MIN})
        EXPECT_EQ(error_of(9, request(make_batch({}), acks)), ErrorCode::invalid_required_acks) << acks;
    EXPECT_EQ(error_of(9, request({}, 2)), ErrorCode::invalid_record);
    auto unknown = request(make_batch({}), 2);
    unknown.topic_data[0].name = "u";
    EXPECT_EQ(error_of(9, unknown), ErrorCode::unknown_topic_or_partition);
    const auto topic = broker.fakes.images.image->topic("t")->id;
    broker.world.open(topic);
    EXPECT_EQ(broker.world.partition(topic)->log().log_end_offset(), Offset{0});
}

TEST_F(ProduceTest, InternalTopicsAreForTheAdminClientOnly) {
    broker.add_topic("__consumer_offsets");
    auto asked = request(make_batch({}));
    asked.topic_data[0].name = "__consumer_offsets";
    EXPECT_EQ(error_of(9, asked), ErrorCode::invalid_topic_exception);
    asked.topic_data[0].partition_data[0].records = protocol::Records(make_batch({}));
    EXPECT_EQ(error_of(9, asked, "__admin_client"), ErrorCode::none);
}

TEST_F(ProduceTest, WithoutAcksThereIsNoAnswerAndAnErrorEndsTheConnection) {
    broker.add_topic("t");
    Produce good(broker, &handle_produce, 9, request(make_batch({}), 0));
    broker.world.settle();
    EXPECT_TRUE(good.context.is_response_suppressed());
    EXPECT_FALSE(good.context.wants_close());
    Produce bad(broker, &handle_produce, 9, request({}, 0));
    broker.world.settle();
    EXPECT_EQ(bad.calls(), 1);
    EXPECT_TRUE(bad.context.wants_close());
}

TEST_F(ProduceTest, ALateDiskIsATimeout) {
    broker.add_topic("t");
    for (const std::int32_t timeout : {1000, 0, -1, INT32_MIN}) {
        auto asked = request(make_batch({}));
        asked.timeout_ms = timeout;
        Produce produce(broker, &handle_produce, 9, asked);
        broker.world.settle_but_disks();
        broker.world.clock.at = broker.world.clock.at + Duration::millis(1000);
        EXPECT_EQ(produce.calls(), 0);
        broker.world.advance(Duration::millis(0));
        EXPECT_EQ(produce.calls(), 1);
        EXPECT_EQ(row(*produce).error_code, ErrorCode::request_timed_out);
    }
}

TEST_F(ProduceTest, ANewLeaderIsNamedSinceVersionTen) {
    broker.add_topic("t");
    metadata::BrokerRegistration other;
    other.id = BrokerId{2};
    other.endpoints.push_back({.name = "PLAINTEXT", .host = "elsewhere", .port = 9});
    broker.world.state.brokers.set(BrokerId{2}, other);
    broker.world.set_partition("t", 0, replication::testing::World::led_by(BrokerId{2}, 8));
    broker.publish();
    for (const auto version : std::initializer_list<std::int16_t>{9, 10}) {
        Produce produce(broker, &handle_produce, version, request(make_batch({})));
        broker.world.settle();
        EXPECT_EQ(row(*produce).error_code, ErrorCode::not_leader_or_follower);
        EXPECT_EQ(row(*produce).current_leader.leader_id, version >= 10 ? 2 : -1);
        EXPECT_EQ(row(*produce).current_leader.leader_epoch, version >= 10 ? 8 : -1);
        ASSERT_EQ(produce->node_endpoints.size(), version >= 10 ? 1U : 0U);
        if (version >= 10) {
            EXPECT_EQ(produce->node_endpoints[0].host, "elsewhere");
        }
    }
}

TEST_F(ProduceTest, PartitionsSucceedAndFailOnTheirOwn) {
    broker.add_topic("t", 3);
    ProduceRequest asked = request(make_batch({}));
    for (const std::int32_t index : {7, 2}) {
        auto& partition = asked.topic_data[0].partition_data.emplace_back();
        partition.index = index;
        partition.records = protocol::Records(make_batch({}));
    }
    Produce produce(broker, &handle_produce, 9, asked);
    broker.world.settle();
    const auto& rows = produce->responses.at(0).partition_responses;
    ASSERT_EQ(rows.size(), 3U);
    EXPECT_EQ(rows[0].error_code, ErrorCode::none);
    EXPECT_EQ(rows[1].index, 7);
    EXPECT_EQ(rows[1].error_code, ErrorCode::unknown_topic_or_partition);
    EXPECT_EQ(rows[1].base_offset, -1);
    EXPECT_EQ(rows[2].error_code, ErrorCode::none);
}

}  // namespace
}  // namespace gregor::server
