// The values that Kafka 4.3 gives a topic: its own, else the broker's under their older names, else the
// default.
#include "replication/topic_settings.h"

#include <gtest/gtest.h>

#include "replication/test_world.h"

namespace gregor::replication {
namespace {

class TopicSettingsTest : public ::testing::Test {
protected:
    TopicSettings settings() const {
        return topic_settings(state, "t", testing::k_self, properties, storage::Durability::disk);
    }
    void set(metadata::ConfigResourceType type, const std::string& name, const std::string& key,
             const std::string& value) {
        metadata::ConfigMap map;
        if (const auto* known = state.config(type, name)) map = *known;
        map.set(key, value);
        state.configs.set({type, name}, map);
    }
    metadata::ClusterState state;
    testing::Properties properties;
};

TEST_F(TopicSettingsTest, Defaults) {
    const auto [log, min_isr] = settings();
    EXPECT_EQ(min_isr, 1);
    EXPECT_EQ(log.segment_bytes, 1'073'741'824);
    EXPECT_EQ(log.segment_ms, 604'800'000);
    EXPECT_EQ(log.segment_index_bytes, 10'485'760);
    EXPECT_EQ(log.index_interval_bytes, 4096);
    EXPECT_EQ(log.max_message_bytes, 1'048'588);
    EXPECT_EQ(log.retention_ms, 604'800'000);
    EXPECT_EQ(log.retention_bytes, -1);
    EXPECT_TRUE(log.cleanup_delete);
    EXPECT_FALSE(log.cleanup_compact);
    EXPECT_EQ(log.message_timestamp_type, storage::TimestampType::create_time);
    EXPECT_EQ(log.message_timestamp_after_max_ms, 3'600'000);
    EXPECT_EQ(log.compression_type, storage::TopicCompression::producer);
    EXPECT_EQ(log.producer_id_expiration_ms, 86'400'000);
    EXPECT_EQ(log.durability, storage::Durability::disk);
}

TEST_F(TopicSettingsTest, TheTopicsOwnValueWins) {
    using enum metadata::ConfigResourceType;
    properties.given["log.segment.bytes"] = "2000000";
    EXPECT_EQ(settings().log.segment_bytes, 2'000'000);
    set(broker, "", "log.segment.bytes", "3000000");
    EXPECT_EQ(settings().log.segment_bytes, 3'000'000);
    set(broker, "1", "log.segment.bytes", "4000000");
    EXPECT_EQ(settings().log.segment_bytes, 4'000'000);
    set(broker, "2", "log.segment.bytes", "5000000");
    EXPECT_EQ(settings().log.segment_bytes, 4'000'000);
    set(topic, "u", "segment.bytes", "6000000");
    EXPECT_EQ(settings().log.segment_bytes, 4'000'000);
    set(topic, "t", "segment.bytes", "7000000");
    EXPECT_EQ(settings().log.segment_bytes, 7'000'000);
}

TEST_F(TopicSettingsTest, HoursMinutesAndMilliseconds) {
    properties.given["log.retention.hours"] = "1";
    EXPECT_EQ(settings().log.retention_ms, 3'600'000);
    properties.given["log.retention.minutes"] = "2";
    EXPECT_EQ(settings().log.retention_ms, 120'000);
    properties.given["log.retention.ms"] = "3";
    EXPECT_EQ(settings().log.retention_ms, 3);
}

TEST_F(TopicSettingsTest, Policies) {
    using enum metadata::ConfigResourceType;
    set(topic, "t", "cleanup.policy", "compact, delete");
    EXPECT_TRUE(settings().log.cleanup_compact);
    EXPECT_TRUE(settings().log.cleanup_delete);
    set(topic, "t", "cleanup.policy", "compact");
    EXPECT_FALSE(settings().log.cleanup_delete);
    set(topic, "t", "message.timestamp.type", "LogAppendTime");
    set(topic, "t", "compression.type", "zstd");
    set(topic, "t", "min.insync.replicas", "2");
    EXPECT_EQ(settings().log.message_timestamp_type, storage::TimestampType::log_append_time);
    EXPECT_EQ(settings().log.compression_type, storage::TopicCompression::zstd);
    EXPECT_EQ(settings().min_insync_replicas, 2);
}

}  // namespace
}  // namespace gregor::replication
