#include "metadata/delta.h"

#include <gtest/gtest.h>

#include "gen/meta/clear_elr.h"
#include "gen/meta/config.h"
#include "gen/meta/feature_level.h"
#include "gen/meta/partition.h"
#include "gen/meta/partition_change.h"
#include "gen/meta/remove_topic.h"
#include "gen/meta/topic.h"
#include "metadata/loader.h"
#include "metadata/record_codec.h"

namespace gregor::metadata {
namespace {

constexpr Uuid k_topic{1, 2};

class DeltaTest : public ::testing::Test {
protected:
    template <class Record>
    void play(const Record& record, std::int16_t version = Record::k_max_version) {
        const auto played = delta.replay(encode_record(record, version).bytes());
        ASSERT_TRUE(played.has_value()) << played.error().detail;
    }
    void create(std::string_view name, Uuid id) {
        msg::TopicRecord topic;
        topic.name = name;
        topic.topic_id = id;
        play(topic);
        msg::PartitionRecord partition;
        partition.partition_id = 0;
        partition.topic_id = id;
        partition.replicas = {1, 2};
        partition.isr = {1, 2};
        partition.directories = {Uuid{5, 1}, Uuid{5, 2}};
        partition.leader = 1;
        partition.leader_epoch = 0;
        partition.partition_epoch = 0;
        play(partition);
    }
    const Partition& partition() { return *delta.state().partition(k_topic, PartitionIndex{0}); }

    Delta delta{ClusterState{}};
};

TEST_F(DeltaTest, EpochsMoveAsKafkaMovesThem) {
    create("t", k_topic);
    msg::PartitionChangeRecord shrink;
    shrink.partition_id = 0;
    shrink.topic_id = k_topic;
    shrink.isr = List<std::int32_t>{1};
    play(shrink);
    EXPECT_EQ(partition().partition_epoch, 1);
    EXPECT_EQ(partition().leader_epoch, LeaderEpoch{0});
    shrink.leader = 1;  // names the leader there is: still a new leader epoch
    play(shrink);
    EXPECT_EQ(partition().partition_epoch, 2);
    EXPECT_EQ(partition().leader_epoch, LeaderEpoch{1});
}

TEST_F(DeltaTest, ImagesBeforeAChangeKeepWhatTheySaw) {
    create("t", k_topic);
    const ClusterState before = delta.state();
    msg::PartitionChangeRecord change;
    change.partition_id = 0;
    change.topic_id = k_topic;
    change.leader = 2;
    play(change);
    EXPECT_EQ(before.partition(k_topic, PartitionIndex{0})->leader, BrokerId{1});
    EXPECT_EQ(partition().leader, BrokerId{2});
    EXPECT_FALSE(before == delta.state());
}

TEST_F(DeltaTest, RemovingATopicTakesItsConfigsAlong) {
    create("t", k_topic);
    msg::ConfigRecord config;
    config.resource_type = 2;
    config.resource_name = "t";
    config.name = "retention.ms";
    config.value = "5";
    play(config);
    delta.take_changes();
    msg::RemoveTopicRecord removal;
    removal.topic_id = k_topic;
    play(removal);
    EXPECT_EQ(delta.state().topic("t"), nullptr);
    EXPECT_TRUE(delta.state().configs.empty());
    EXPECT_TRUE(delta.changes().deleted_topics.contains(k_topic));
    // A name used again is another topic.
    create("t", Uuid{1, 3});
    EXPECT_EQ(delta.state().topic("t")->id, (Uuid{1, 3}));
    EXPECT_EQ(delta.changes().created_topics, std::set{(Uuid{1, 3})});
}

TEST_F(DeltaTest, TopicsBornAndGoneUnseenAreNoChange) {
    create("t", k_topic);
    msg::RemoveTopicRecord removal;
    removal.topic_id = k_topic;
    play(removal);
    EXPECT_FALSE(delta.changes().any());
    Changes seen;
    seen.created_topics.insert(k_topic);
    seen.changed_partitions[k_topic].insert(PartitionIndex{0});
    Changes later;
    later.deleted_topics.emplace(k_topic, make_ref<const Topic>("t", k_topic));
    seen.merge(later);
    EXPECT_FALSE(seen.any());
}

TEST_F(DeltaTest, ClearingElrTouchesOnlyWhoHasOne) {
    create("t", k_topic);
    create("u", Uuid{1, 3});
    msg::PartitionChangeRecord change;
    change.partition_id = 0;
    change.topic_id = k_topic;
    change.eligible_leader_replicas = List<std::int32_t>{2};
    play(change);
    delta.take_changes();
    play(msg::ClearElrRecord{});
    EXPECT_TRUE(partition().elr.empty());
    EXPECT_EQ(partition().partition_epoch, 2);
    EXPECT_EQ(delta.changes().changed_partitions.size(), 1U);
}

TEST_F(DeltaTest, RefusesWhatItDoesNotKnow) {
    const auto refused = [this](std::initializer_list<int> record) {
        std::vector<std::byte> bytes;
        for (const auto byte : record) bytes.push_back(static_cast<std::byte>(byte));
        const auto played = Delta(delta.state()).replay(bytes);
        return played ? std::string() : played.error().detail;
    };
    EXPECT_NE(refused({0, 20, 0, 0}).find("frame version 0"), std::string::npos);
    EXPECT_NE(refused({1, 29, 0, 0, 0, 0, 1, 0}).find("type 29 is newer"), std::string::npos);
    EXPECT_NE(refused({1, 20, 1, 0}).find("version 1, newer"), std::string::npos);
    EXPECT_NE(refused({1, 20, 0}).find("malformed"), std::string::npos);
    EXPECT_EQ(refused({1, 20, 0, 0}), "");  // NoOpRecord
    msg::FeatureLevelRecord feature;
    feature.name = "metadata.version";
    feature.feature_level = 32;
    EXPECT_FALSE(delta.replay(encode_record(feature, 0).bytes()).has_value());
}

// ---------------------------------------------------------------- Loader

Slice mark(std::int16_t key) {  // Begin, End and AbortTransactionRecord without a text
    auto writer = begin_record(key, 0);
    writer.varint(0);
    return take_record(writer);
}
Slice level(std::string_view name, std::int16_t to) {
    msg::FeatureLevelRecord feature;
    feature.name = name;
    feature.feature_level = to;
    return encode_record(feature, 0);
}

class LoaderTest : public ::testing::Test {
protected:
    Status load(const std::vector<Slice>& records) {
        std::vector<Bytes> views;
        for (const auto& record : records) views.push_back(record.bytes());
        const auto at = loader.provenance().last_contained_offset + 1;
        return loader.load_batch(at, LeaderEpoch{1}, 7, views);
    }
    Loader loader;
};

TEST_F(LoaderTest, TransactionsShowAtTheirEnd) {
    ASSERT_TRUE(load({level("a", 1), mark(23), level("b", 1)}).has_value());
    EXPECT_TRUE(loader.in_transaction());
    EXPECT_EQ(loader.state().feature_level("a"), 1);
    EXPECT_EQ(loader.state().feature_level("b"), 0);
    ASSERT_TRUE(load({level("c", 1), mark(24)}).has_value());
    EXPECT_EQ(loader.state().feature_level("b"), 1);
    EXPECT_EQ(loader.state().feature_level("c"), 1);
    EXPECT_EQ(loader.provenance().last_contained_offset, Offset{4});
}

TEST_F(LoaderTest, AbortedTransactionsLeaveOnlyTheirOffsets) {
    ASSERT_TRUE(
        load({level("a", 1), mark(23), level("a", 2), level("b", 1), mark(25), level("c", 1)}).has_value());
    EXPECT_EQ(loader.state().feature_level("a"), 1);
    EXPECT_EQ(loader.state().feature_level("b"), 0);
    EXPECT_EQ(loader.state().feature_level("c"), 1);
    EXPECT_EQ(loader.provenance().last_contained_offset, Offset{5});
}

TEST_F(LoaderTest, RefusesMarksThatDoNotPair) {
    EXPECT_FALSE(load({mark(24)}).has_value());
    EXPECT_FALSE(load({mark(25)}).has_value());
    EXPECT_FALSE(load({mark(23), mark(23)}).has_value());
}

}  // namespace
}  // namespace gregor::metadata
