// The values are those that Kafka 4.3.1 describes with the same settings.
#include "metadata/effective_config.h"

#include <gtest/gtest.h>

#include <map>

namespace gregor::metadata {
namespace {

struct Properties final : ConfigSource {
    const std::string* static_value(std::string_view key) const override {
        const auto at = given.find(key);
        return at == given.end() ? nullptr : &at->second;
    }
    std::map<std::string, std::string, std::less<>> given;
};

class EffectiveConfigTest : public testing::Test {
protected:
    struct Row {
        ConfigResourceType type;
        std::string resource;
        std::string name;
        std::string value;
    };
    void set(const Row& row) {
        const ConfigResource resource{.type = row.type, .name = row.resource};
        const auto* before = state.configs.find(resource);
        auto configs = before == nullptr ? ConfigMap{} : *before;
        configs.set(row.name, row.value);
        state.configs.set(resource, configs);
    }
    std::string value(std::string_view name) const { return topic_config_value(context, "t", name); }

    ClusterState state;
    Properties properties;
    ConfigContext context{.state = state, .properties = properties, .node = BrokerId{1}};
};

TEST_F(EffectiveConfigTest, TheNearestLayerWins) {
    EXPECT_EQ(value("segment.bytes"), "1073741824");
    properties.given["log.segment.bytes"] = "2000000";
    EXPECT_EQ(value("segment.bytes"), "2000000");
    set({ConfigResourceType::broker, "", "log.segment.bytes", "3000000"});
    EXPECT_EQ(value("segment.bytes"), "3000000");
    set({ConfigResourceType::broker, "2", "log.segment.bytes", "9000000"});  // of another broker
    EXPECT_EQ(value("segment.bytes"), "3000000");
    set({ConfigResourceType::broker, "1", "log.segment.bytes", "4000000"});
    EXPECT_EQ(value("segment.bytes"), "4000000");
    set({ConfigResourceType::topic, "t", "segment.bytes", "5000000"});
    EXPECT_EQ(value("segment.bytes"), "5000000");
}

TEST_F(EffectiveConfigTest, UnitsOfTheBrokerBecomeThoseOfTheTopic) {
    properties.given["log.retention.hours"] = "2";
    EXPECT_EQ(value("retention.ms"), "7200000");
    properties.given["log.retention.minutes"] = "3";  // the finer unit wins
    EXPECT_EQ(value("retention.ms"), "180000");
    properties.given["log.retention.minutes"] = "-1";
    EXPECT_EQ(value("retention.ms"), "-1");
    set({ConfigResourceType::broker, "", "log.retention.ms", " 5000 "});
    EXPECT_EQ(value("retention.ms"), "5000");
}

TEST_F(EffectiveConfigTest, AValueThatDoesNotParseIsAbsent) {
    set({ConfigResourceType::topic, "t", "segment.bytes", "many"});
    properties.given["log.segment.bytes"] = "2000000";
    EXPECT_EQ(value("segment.bytes"), "2000000");
}

TEST_F(EffectiveConfigTest, ABrokersValueIgnoresItsSynonyms) {
    properties.given["log.retention.hours"] = "2";
    EXPECT_EQ(broker_value(context, *find_config(ConfigScope::broker, "log.retention.ms")), std::nullopt);
    EXPECT_EQ(broker_value(context, *find_config(ConfigScope::broker, "log.retention.hours")), "2");
}

TEST_F(EffectiveConfigTest, ValuesAreAsJavaPrintsThem) {
    const auto* ratio = find_config(ConfigScope::topic, "min.cleanable.dirty.ratio");
    EXPECT_EQ(canonical_value(*ratio, "0.50"), "0.5");
    EXPECT_EQ(canonical_value(*ratio, "1"), "1.0");
    EXPECT_EQ(canonical_value(*ratio, "0"), "0.0");
    EXPECT_EQ(canonical_value(*ratio, "0.0001"), "1.0E-4");
    EXPECT_EQ(canonical_value(*ratio, "12345678"), "1.2345678E7");
    EXPECT_EQ(canonical_value(*ratio, "1.7976931348623157E308"), "1.7976931348623157E308");
    EXPECT_EQ(canonical_value(*find_config(ConfigScope::topic, "cleanup.policy"), " compact , delete "),
              "compact,delete");
    EXPECT_EQ(canonical_value(*find_config(ConfigScope::topic, "preallocate"), " TRUE"), "true");
    EXPECT_EQ(canonical_value(*find_config(ConfigScope::topic, "retention.ms"), " 5000 "), "5000");
}

TEST_F(EffectiveConfigTest, ANewTopicIsToldWhatWasGivenAsItWasGiven) {
    const auto given = [this](std::string_view name) {
        return given_topic_config(context, *find_config(ConfigScope::topic, name));
    };
    EXPECT_EQ(given("min.cleanable.dirty.ratio").value, "0.5");
    EXPECT_EQ(given("min.cleanable.dirty.ratio").origin, ConfigOrigin::default_config);
    properties.given["log.cleaner.min.cleanable.ratio"] = "0";
    properties.given["log.retention.hours"] = "0100";  // gets another unit, so another text
    properties.given["log.index.interval.bytes"] = "4096";
    set({ConfigResourceType::broker, "", "log.index.interval.bytes", " 77 "});
    EXPECT_EQ(given("min.cleanable.dirty.ratio").value, "0");
    EXPECT_EQ(given("min.cleanable.dirty.ratio").origin, ConfigOrigin::static_broker);
    EXPECT_EQ(given("retention.ms").value, "360000000");
    EXPECT_EQ(given("retention.ms").origin, ConfigOrigin::static_broker);
    EXPECT_EQ(given("index.interval.bytes").value, " 77 ");
    EXPECT_EQ(given("index.interval.bytes").origin, ConfigOrigin::dynamic_default_broker);
}

TEST_F(EffectiveConfigTest, RulesOverATopicsConfigs) {
    const auto check = [this](const char* name, const char* value) {
        ConfigMap configs;
        configs.set(name, value);
        return check_topic_configs(context, configs);
    };
    EXPECT_TRUE(check("retention.ms", "-1"));
    EXPECT_EQ(check("retention.sm", "1").error().code, ErrorCode::invalid_config);
    EXPECT_EQ(check("retention.ms", "-2").error().code, ErrorCode::invalid_config);
    EXPECT_EQ(check("remote.storage.enable", "true").error().code, ErrorCode::invalid_config);
    EXPECT_EQ(check("cleanup.policy", std::string(32768, 'x').c_str()).error().code,
              ErrorCode::invalid_config);
    properties.given["log.cleaner.max.compaction.lag.ms"] = "10";
    EXPECT_TRUE(check("min.compaction.lag.ms", "10"));
    EXPECT_EQ(check("min.compaction.lag.ms", "11").error().code, ErrorCode::invalid_config);
}

}  // namespace
}  // namespace gregor::metadata
