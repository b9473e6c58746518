#include "metadata/config_table.h"

#include <gtest/gtest.h>

namespace gregor::metadata {
namespace {

bool accepts(ConfigScope scope, std::string_view key, std::string_view value) {
    return check_config_value(*find_config(scope, key), value).has_value();
}
bool topic_accepts(std::string_view key, std::string_view value) {
    return accepts(ConfigScope::topic, key, value);
}

// The golden table counts 360 broker, 34 topic, 17 group, 3 client-metrics and 8 quota configs.
TEST(ConfigTable, HoldsEveryKeyOfThePeer) {
    EXPECT_EQ(config_keys(ConfigScope::broker).size(), 360U);
    EXPECT_EQ(config_keys(ConfigScope::topic).size(), 34U);
    EXPECT_EQ(config_keys(ConfigScope::group).size(), 17U);
    EXPECT_EQ(config_keys(ConfigScope::client_metrics).size(), 3U);
    EXPECT_EQ(config_keys(ConfigScope::broker_quota).size() +
                  config_keys(ConfigScope::user_client_quota).size() +
                  config_keys(ConfigScope::ip_quota).size(),
              8U);
}

TEST(ConfigTable, DefaultsMeetTheirOwnRules) {
    for (const auto scope :
         {ConfigScope::broker, ConfigScope::topic, ConfigScope::group, ConfigScope::ip_quota}) {
        for (const auto& key : config_keys(scope)) {
            if (!key.default_value || key.default_value->empty()) continue;
            const auto checked = check_config_value(key, *key.default_value);
            EXPECT_TRUE(checked.has_value()) << key.name << ": " << checked.error().detail;
        }
    }
}

TEST(ConfigTable, FindsKeysWithinTheirScopeOnly) {
    EXPECT_NE(find_config(ConfigScope::topic, "retention.ms"), nullptr);
    EXPECT_EQ(find_config(ConfigScope::broker, "retention.ms"), nullptr);
    EXPECT_EQ(find_config(ConfigScope::topic, ""), nullptr);
    EXPECT_EQ(find_config(ConfigScope::topic, "zzz"), nullptr);
}

TEST(ConfigTable, SynonymsKeepOrderAndUnit) {
    const auto list = find_config(ConfigScope::topic, "retention.ms")->synonym_list();
    ASSERT_EQ(list.size(), 3U);
    EXPECT_EQ(list[0].name, "log.retention.ms");
    EXPECT_EQ(list[0].unit, "same");
    EXPECT_EQ(list[2].name, "log.retention.hours");
    EXPECT_EQ(list[2].unit, "hours");
}

TEST(ConfigTable, ChecksNumbers) {
    EXPECT_TRUE(topic_accepts("retention.ms", "-1"));
    EXPECT_TRUE(topic_accepts("retention.ms", " +5 "));
    EXPECT_FALSE(topic_accepts("retention.ms", "-2"));
    EXPECT_FALSE(topic_accepts("retention.ms", ""));
    EXPECT_FALSE(topic_accepts("retention.ms", "1e3"));
    EXPECT_FALSE(topic_accepts("retention.ms", "+-5"));
    EXPECT_FALSE(topic_accepts("retention.ms", "9223372036854775808"));
    EXPECT_FALSE(topic_accepts("segment.bytes", "2147483648"));  // an int
    EXPECT_FALSE(topic_accepts("segment.bytes", "1048575"));
    EXPECT_TRUE(topic_accepts("min.cleanable.dirty.ratio", "0.25"));
    EXPECT_FALSE(topic_accepts("min.cleanable.dirty.ratio", "1.01"));
    EXPECT_TRUE(topic_accepts("compression.gzip.level", "-1"));
    EXPECT_FALSE(topic_accepts("compression.gzip.level", "0"));
    EXPECT_FALSE(topic_accepts("compression.gzip.level", "10"));
}

TEST(ConfigTable, ChecksWords) {
    EXPECT_TRUE(topic_accepts("preallocate", "TRUE"));
    EXPECT_FALSE(topic_accepts("preallocate", "yes"));
    EXPECT_TRUE(topic_accepts("compression.type", "zstd"));
    EXPECT_FALSE(topic_accepts("compression.type", "ZSTD"));
    EXPECT_TRUE(topic_accepts("cleanup.policy", "compact, delete"));
    EXPECT_FALSE(topic_accepts("cleanup.policy", "compact,shred"));
    EXPECT_FALSE(topic_accepts("cleanup.policy", "compact,compact"));
    EXPECT_TRUE(topic_accepts("leader.replication.throttled.replicas", "0:1,1:2"));
    EXPECT_TRUE(topic_accepts("leader.replication.throttled.replicas", "*"));
    EXPECT_FALSE(topic_accepts("leader.replication.throttled.replicas", "0-1"));
    EXPECT_TRUE(accepts(ConfigScope::group, "share.auto.offset.reset", "by_duration:PT1H30M"));
    EXPECT_FALSE(accepts(ConfigScope::group, "share.auto.offset.reset", "by_duration:1H"));
}

TEST(ConfigTable, RefusalNamesKeyValueAndRule) {
    const auto refused = check_config_value(*find_config(ConfigScope::topic, "retention.ms"), "soon");
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code, ErrorCode::invalid_config);
    EXPECT_EQ(refused.error().detail,
              "Invalid value soon for configuration retention.ms: Not a number of type LONG");
}

TEST(ConfigTable, SuggestsTheNearestKey) {
    EXPECT_EQ(nearest_config(ConfigScope::broker, "num.partition"), "num.partitions");
    EXPECT_EQ(nearest_config(ConfigScope::broker, "log.dris"), "log.dirs");
    EXPECT_EQ(nearest_config(ConfigScope::broker, "qqqqqqqqqqqqq"), std::nullopt);
    EXPECT_EQ(nearest_config(ConfigScope::broker, std::string(100'000, 'a')), std::nullopt);
}

}  // namespace
}  // namespace gregor::metadata
