#include "controller/controller.h"

#include <gtest/gtest.h>

#include "controller/testing.h"
#include "gen/api/allocate_producer_ids.h"
#include "gen/api/broker_heartbeat.h"
#include "gen/api/broker_registration.h"
#include "gen/api/create_topics.h"
#include "gen/api/incremental_alter_configs.h"
#include "metadata/broker_lifecycle.h"

namespace gregor::controller {
namespace {

using testing::World;
using Lines = std::vector<std::string>;

constexpr std::string_view k_directory = "6s_oPeSySPqd2ESFpeLXGQ";
constexpr std::string_view k_topic = "LZSVRw_tSgu-0W-D_DO8cQ";

// The broker of the same process.
struct LocalChannel final : metadata::ControllerChannel {
    explicit LocalChannel(World& owner) : world(owner) {}
    void request(metadata::ForwardedRequest request, Completion<Result<BufferChain>> done) override {
        world.controller.request(std::move(request), std::move(done));
        world.commit();
    }
    World& world;
};

metadata::BrokerIdentity broker(std::uint64_t incarnation, std::int64_t previous_epoch = -1) {
    return {.id = BrokerId{1},
            .cluster_id = "AAAAAAAAQACAAAAAAAAAAQ",
            .incarnation_id = Uuid{2, incarnation},
            .endpoints = {{"PLAINTEXT", "localhost", 22000, 0}},
            .rack = std::nullopt,
            .log_dirs = {*Uuid::parse(k_directory)},
            .previous_broker_epoch = previous_epoch};
}

// Broker and channel of one life of the process.
struct Life {
    Life(World& world, metadata::BrokerIdentity identity)
        : channel(world), lifecycle(std::move(identity), channel) {
        lifecycle.start([](const Result<std::int64_t>& epoch) { EXPECT_TRUE(epoch.has_value()); });
        lifecycle.ready(world.log.end_offset() - 1,
                        [](const Status& unfenced) { EXPECT_TRUE(unfenced.has_value()); });
        EXPECT_EQ(lifecycle.state(), metadata::BrokerLifecycle::State::running);
    }
    void stop(World& world) {
        lifecycle.stop([&world] { return world.log.end_offset() - 1; },
                       [](const Status& may_exit) { EXPECT_TRUE(may_exit.has_value()); });
        EXPECT_EQ(lifecycle.state(), metadata::BrokerLifecycle::State::stopped);
    }
    LocalChannel channel;
    metadata::BrokerLifecycle lifecycle;
};

void create_topic(World& world, std::string_view name, std::int32_t partitions) {
    msg::CreateTopicsRequest request;
    auto& topic = request.topics.emplace_back();
    topic.name = name;
    topic.num_partitions = partitions;
    topic.replication_factor = -1;
    EXPECT_EQ(world.call<msg::CreateTopicsResponse>(request).topics[0].error_code, ErrorCode::none);
}

std::string partition_change(std::string_view fields) {
    return fmt::format(R"(PartitionChange v2 {{"partitionId":0,"topicId":"{}",{}}})", k_topic, fields);
}
std::string broker_change(int version, int epoch, std::string_view fields) {
    return fmt::format(R"(BrokerRegistrationChange v{} {{"brokerId":1,"brokerEpoch":{},{}}})", version, epoch,
                       fields);
}

// The peer's own metadata log after its first start, record for record.
TEST(Controller, FirstStartWritesWhatThePeerWrites) {
    World world;
    world.controller.on_became_leader(LeaderEpoch{1});
    const auto lines = world.new_records();
    ASSERT_EQ(lines.size(), 10U);
    const Lines expected{
        R"(BeginTransaction v0 {"name":"Bootstrap records"})",
        R"(FeatureLevel v0 {"name":"metadata.version","featureLevel":30})",
        R"(FeatureLevel v0 {"name":"eligible.leader.replicas.version","featureLevel":1})",
        R"(FeatureLevel v0 {"name":"group.version","featureLevel":1})",
        R"(FeatureLevel v0 {"name":"share.version","featureLevel":1})",
        R"(FeatureLevel v0 {"name":"streams.version","featureLevel":1})",
        R"(FeatureLevel v0 {"name":"transaction.version","featureLevel":2})",
        R"(Config v0 {"resourceType":4,"resourceName":"","name":"min.insync.replicas","value":"1"})",
        R"(EndTransaction v0 {})"};
    EXPECT_EQ(Lines(lines.begin(), lines.end() - 1), expected);
    EXPECT_TRUE(lines.back().starts_with(R"(RegisterController v0 {"controllerId":1,)"));
    EXPECT_EQ(world.log.batches.size(), 2U);  // the transaction is one batch
}

// The story of a topic over a clean stop, a start, a kill and a start, as the peer's log tells it
// (incarnations, offsets and the periodic no-ops aside; the peer also waits for the session of the killed
// life to end).
TEST(Controller, LeadershipOverStopAndKillIsThePeers) {
    World world;
    world.controller.on_became_leader(LeaderEpoch{1});
    auto life = std::make_unique<Life>(world, broker(1));
    world.new_records();
    world.ids.given = {*Uuid::parse(k_topic)};
    create_topic(world, "t3", 1);
    EXPECT_EQ(
        world.new_records(),
        (Lines{
            fmt::format(R"(Topic v0 {{"name":"t3","topicId":"{}"}})", k_topic),
            fmt::format(
                R"(Partition v2 {{"partitionId":0,"topicId":"{}","replicas":[1],"isr":[1],"removingReplicas":[],)"
                R"("addingReplicas":[],"leader":1,"leaderEpoch":0,"partitionEpoch":0,"directories":["{}"]}})",
                k_topic, k_directory)}));

    life->stop(world);
    EXPECT_EQ(
        world.new_records(),
        (Lines{broker_change(1, 13, R"("inControlledShutdown":1)"),
               partition_change(R"("isr":[],"leader":-1,"eligibleLeaderReplicas":[1],"lastKnownElr":[1])"),
               broker_change(0, 13, R"("fenced":1)")}));

    life = std::make_unique<Life>(world, broker(2, 13));  // clean: the epoch of its former life is known
    auto lines = world.new_records();
    ASSERT_EQ(lines.size(), 4U);
    EXPECT_TRUE(lines[0].starts_with(R"(RegisterBroker v4 {"brokerId":1,"isMigratingZkBroker":false,)"));
    EXPECT_EQ(
        Lines(lines.begin() + 1, lines.end()),
        (Lines{broker_change(0, 21, R"("fenced":-1)"),
               partition_change(R"("isr":[1],"leader":1,"eligibleLeaderReplicas":[],"lastKnownElr":[])"),
               broker_change(3, 21, R"("cordonedLogDirs":[])")}));

    life = std::make_unique<Life>(world, broker(3));  // killed: it may have lost what it had
    lines = world.new_records();
    ASSERT_EQ(lines.size(), 5U);
    EXPECT_EQ(lines[0], partition_change(R"("isr":[],"leader":-1,"lastKnownElr":[1])"));
    EXPECT_TRUE(lines[1].starts_with("RegisterBroker v4"));
    EXPECT_EQ(lines[3],
              partition_change(R"("isr":[1],"leader":1,"leaderRecoveryState":1,"lastKnownElr":[])"));
    EXPECT_EQ(world.published.image->broker(BrokerId{1})->epoch, 25);
    const auto& partition = *world.published.image->partition(*Uuid::parse(k_topic), PartitionIndex{0});
    EXPECT_EQ(partition.leader, BrokerId{1});
    EXPECT_EQ(partition.leader_epoch, LeaderEpoch{4});
    EXPECT_EQ(partition.partition_epoch, 4);
}

TEST(Controller, AnswersAndPublishesOnlyWhatIsCommitted) {
    World world;
    world.controller.on_became_leader(LeaderEpoch{1});
    Life life(world, broker(1));
    const auto publications = world.published.publications;
    bool answered = false;
    msg::CreateTopicsRequest request;
    auto& topic = request.topics.emplace_back();
    topic.name = "a";
    topic.num_partitions = topic.replication_factor = 1;
    const auto before = world.log.end_offset();
    world.send(request, 7, [&answered](const Result<BufferChain>& body) { answered = body.has_value(); });
    EXPECT_FALSE(answered);
    EXPECT_NE(world.controller.state().topic("a"), nullptr);
    EXPECT_EQ(world.published.image->topic("a"), nullptr);
    // A refusal rests on the topic that is not committed yet, so it waits too.
    bool refused = false;
    world.send(request, 7, [&refused](const Result<BufferChain>&) { refused = true; });
    world.controller.on_committed(before + 1);
    EXPECT_FALSE(answered || refused);
    EXPECT_EQ(world.published.image->topic("a"), nullptr);
    world.commit();
    EXPECT_TRUE(answered && refused);
    EXPECT_NE(world.published.image->topic("a"), nullptr);
    EXPECT_EQ(world.published.publications, publications + 1);
    EXPECT_EQ(world.published.image->provenance.last_contained_offset, world.log.end_offset() - 1);
}

TEST(Controller, LostLeadershipAnswersNotController) {
    World world;
    world.controller.on_became_leader(LeaderEpoch{1});
    world.commit();
    ErrorCode code = ErrorCode::none;
    const auto remember = [&code](const Result<BufferChain>& body) {
        code = body ? ErrorCode::none : body.error().code;
    };
    msg::CreateTopicsRequest request;
    request.topics.emplace_back().name = "a";
    msg::BrokerRegistrationRequest registration;
    world.send(registration, 4, remember);
    EXPECT_EQ(code, ErrorCode::none);
    Life life(world, broker(1));
    request.topics[0].num_partitions = request.topics[0].replication_factor = 1;
    world.send(request, 7, remember);
    world.controller.on_resigned();
    EXPECT_EQ(code, ErrorCode::not_controller);
    EXPECT_EQ(world.published.image->topic("a"), nullptr);
}

TEST(Controller, RequestsBeforeLeadershipWait) {
    World world;
    bool answered = false;
    msg::AllocateProducerIdsRequest request;
    world.send(request, 0, [&answered](const Result<BufferChain>&) { answered = true; });
    world.controller.on_became_leader(LeaderEpoch{1});
    EXPECT_FALSE(answered);
    world.commit();
    EXPECT_TRUE(answered);
}

// A follower that replays the log has the leader's state; and a new leader goes on where the old one ended.
TEST(Controller, ReplayOfTheLogIsTheState) {
    World world;
    world.controller.on_became_leader(LeaderEpoch{1});
    Life life(world, broker(1));
    create_topic(world, "a", 3);
    create_topic(world, "b", 2);
    life.stop(world);

    World next;
    Offset offset{3};
    for (const auto& batch : world.log.batches) {
        std::vector<Bytes> records;
        for (const auto& record : batch) records.push_back(record.bytes());
        ASSERT_TRUE(next.controller.load_batch(offset, LeaderEpoch{1}, 1'000, records).has_value());
        offset = offset + static_cast<std::int64_t>(batch.size());
    }
    next.controller.on_became_leader(LeaderEpoch{2});
    EXPECT_TRUE(next.new_records().empty());  // nothing to bootstrap, and the controller is registered
    EXPECT_TRUE(next.controller.state() == world.controller.state());
    next.controller.on_committed(offset);
    EXPECT_EQ(next.published.changes.created_topics.size(), 2U);
}

TEST(Controller, UnfinishedTransactionIsAborted) {
    World world;
    world.controller.on_became_leader(LeaderEpoch{1});
    World next;
    std::vector<Bytes> half;
    for (const auto& record : world.log.batches[0]) half.push_back(record.bytes());
    half.resize(4);
    ASSERT_TRUE(next.controller.load_batch(Offset{3}, LeaderEpoch{1}, 1'000, half).has_value());
    next.controller.on_became_leader(LeaderEpoch{2});
    const auto lines = next.new_records();
    EXPECT_EQ(lines[0], R"(AbortTransaction v0 {"reason":"Controller failover"})");
    EXPECT_EQ(lines[1], R"(BeginTransaction v0 {"name":"Bootstrap records"})");
    EXPECT_EQ(next.controller.state().metadata_version, 30);
}

// Appended, it would end the controller: the log takes no larger batch.
TEST(Controller, RefusesAChangeThatNoBatchHolds) {
    World world;
    world.controller.on_became_leader(LeaderEpoch{1});
    world.commit();
    const auto appended = world.log.batches.size();
    msg::IncrementalAlterConfigsRequest request;
    const std::string value(32'000, 'x');
    std::vector<std::string> names;
    for (int i = 0; i < 300; ++i) names.push_back(fmt::format("metrics-{}", i));
    for (const auto& name : names)
        request.resources.push_back(
            {.resource_type = 16,  // client metrics
             .resource_name = name,
             .configs = {{.name = "metrics", .config_operation = 0, .value = value}}});
    std::optional<ErrorCode> refused;
    world.send(request, 1, [&](const Result<BufferChain>& answer) {
        if (!answer) refused = answer.error().code;
    });
    world.commit();
    EXPECT_EQ(refused, ErrorCode::record_list_too_large);
    EXPECT_EQ(world.log.batches.size(), appended);
}

TEST(Controller, GivesOutProducerIdsInBlocksOnce) {
    World world;
    world.controller.on_became_leader(LeaderEpoch{1});
    Life life(world, broker(1));
    msg::AllocateProducerIdsRequest request;
    request.broker_id = 1;
    request.broker_epoch = life.lifecycle.epoch();
    const auto first = world.call<msg::AllocateProducerIdsResponse>(request);
    EXPECT_EQ(first.producer_id_start, 0);
    EXPECT_EQ(first.producer_id_len, 1000);
    EXPECT_EQ(world.call<msg::AllocateProducerIdsResponse>(request).producer_id_start, 1000);
    request.broker_epoch = 5;
    EXPECT_EQ(world.call<msg::AllocateProducerIdsResponse>(request).error_code,
              ErrorCode::stale_broker_epoch);
}

TEST(Controller, RefusesBrokersThatDoNotFit) {
    World world;
    world.controller.on_became_leader(LeaderEpoch{1});
    LocalChannel channel(world);
    const auto refusal = [&channel](metadata::BrokerIdentity identity) {
        metadata::BrokerLifecycle lifecycle(std::move(identity), channel);
        ErrorCode code = ErrorCode::none;
        lifecycle.start([&code](const Result<std::int64_t>& epoch) {
            code = epoch ? ErrorCode::none : epoch.error().code;
        });
        return code;
    };
    auto other_cluster = broker(1);
    other_cluster.cluster_id = "other";
    EXPECT_EQ(refusal(other_cluster), ErrorCode::inconsistent_cluster_id);
    auto no_directory = broker(1);
    no_directory.log_dirs.clear();
    EXPECT_EQ(refusal(no_directory), ErrorCode::invalid_registration);
    auto reserved = broker(1);
    reserved.log_dirs = {Uuid{0, 2}};
    EXPECT_EQ(refusal(reserved), ErrorCode::invalid_registration);
    auto twice = broker(1);
    twice.log_dirs.push_back(twice.log_dirs[0]);
    EXPECT_EQ(refusal(twice), ErrorCode::invalid_registration);
    EXPECT_TRUE(world.controller.state().brokers.empty());
}

}  // namespace
}  // namespace gregor::controller
