#include "node/marker_writer.h"

#include <gtest/gtest.h>

#include <optional>

#include "server/handlers/test_replicas.h"

namespace gregor::node {
namespace {

using Codes = std::vector<ErrorCode>;

class MarkerWriterTest : public testing::Test {
protected:
    MarkerWriterTest() {
        broker.add_topic("t");
        broker.add_topic("__consumer_offsets");
    }
    void settle() {
        for (int round = 0; round < 4; ++round) {
            broker.world.settle();
            broker.groups.settle();
        }
    }
    Codes write(const coordinator::TransactionEnd& end,
                const std::vector<coordinator::TxnPartition>& partitions) {
        std::optional<Codes> codes;
        writer.write(end, partitions, [&](Codes answer) { codes = std::move(answer); });
        settle();
        EXPECT_TRUE(codes.has_value());
        return codes.value_or(Codes{});
    }

    server::test::ReplicaBroker broker;
    ReplicaMarkerWriter writer{broker.services.ports, broker.fakes.images, broker.world.replicas(),
                               broker.groups.groups()};
};

TEST_F(MarkerWriterTest, EachPartitionAnswersForItself) {
    broker.groups.elect();
    settle();
    const coordinator::TransactionEnd end{.producer_id = ProducerId{7}, .epoch = 1, .coordinator_epoch = 3};
    EXPECT_EQ(write(end, {{"t", 0}, {"t", 5}, {"gone", 0}, {"__consumer_offsets", 0}}),
              (Codes{ErrorCode::none, ErrorCode::unknown_topic_or_partition,
                     ErrorCode::unknown_topic_or_partition, ErrorCode::none}));
    const coordinator::TransactionEnd outlived{
        .producer_id = ProducerId{7}, .epoch = 1, .coordinator_epoch = 2};
    EXPECT_EQ(write(outlived, {{"t", 0}}), Codes{ErrorCode::transaction_coordinator_fenced});
    const coordinator::TransactionEnd older{.producer_id = ProducerId{7}, .epoch = 0, .coordinator_epoch = 3};
    EXPECT_EQ(write(older, {{"t", 0}}), Codes{ErrorCode::invalid_producer_epoch});
}

// The transaction's coordinator tries again what a new leader of the partition will answer.
TEST_F(MarkerWriterTest, AGroupCoordinatorThatIsNotThereIsAMissingLeader) {
    const coordinator::TransactionEnd end{.producer_id = ProducerId{7}};
    EXPECT_EQ(write(end, {{"__consumer_offsets", 0}}), Codes{ErrorCode::not_leader_or_follower});
    broker.groups.log.hold_loads();
    broker.groups.elect();
    EXPECT_EQ(write(end, {{"__consumer_offsets", 0}}), Codes{ErrorCode::not_leader_or_follower});
    broker.groups.log.release_loads();
    settle();
    EXPECT_EQ(write(end, {{"__consumer_offsets", 0}}), Codes{ErrorCode::none});
    broker.groups.log.fail_next(ErrorCode::not_enough_replicas);
    EXPECT_EQ(write(end, {{"__consumer_offsets", 0}}), Codes{ErrorCode::not_leader_or_follower});
}

}  // namespace
}  // namespace gregor::node
