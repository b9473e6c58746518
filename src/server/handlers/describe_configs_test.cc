// Entries, synonyms and sentences are those of Kafka 4.3.1 with the same settings.
#include "gen/api/describe_configs.h"

#include <algorithm>

#include "base/log_severity.h"
#include "metadata/image.h"
#include "server/handlers/handlers.h"
#include "server/handlers/test_cluster.h"

namespace gregor::server {
namespace {

using enum metadata::ConfigResourceType;
using msg::DescribeConfigsRequest;
using msg::DescribeConfigsResponse;
using Entry = DescribeConfigsResponse::DescribeConfigsResourceResult;

class DescribeConfigsTest : public testing::Test {
protected:
    DescribeConfigsTest() {
        cluster.add_broker({.id = 1});
        cluster.add_topic("t1", Uuid{1, 1});
        cluster.config.broker_id = BrokerId{1};
    }
    void ask(metadata::ConfigResourceType type, std::string_view name, List<std::string_view> keys = {}) {
        ask_raw(static_cast<std::int8_t>(type), name, std::move(keys));
    }
    void ask_raw(std::int8_t type, std::string_view name, List<std::string_view> keys = {}) {
        DescribeConfigsRequest request;
        request.include_synonyms = true;
        request.resources.push_back(
            {.resource_type = type, .resource_name = name, .configuration_keys = keys, .unknown_tags = {}});
        response = cluster.ask(&handle_describe_configs, 4, request);
        ASSERT_EQ(response.results.size(), 1U);
        EXPECT_EQ(response.results[0].resource_type, type);
        EXPECT_EQ(response.results[0].resource_name, name);
    }
    const Entry* find(std::string_view name) const {
        const auto& entries = response.results.at(0).configs;
        const auto at = std::ranges::find(entries, name, &Entry::name);
        return at == entries.end() ? nullptr : &*at;
    }
    // "value source=n [synonym=value:n ...]"
    std::string entry(std::string_view name) const {
        const auto* found = find(name);
        if (found == nullptr) return "absent";
        auto text =
            std::string(found->value.value_or("null")) + " " + std::to_string(found->config_source) + " [";
        for (const auto& synonym : found->synonyms) {
            text += std::string(synonym.name) + "=" + std::string(synonym.value.value_or("null")) + ":" +
                    std::to_string(synonym.source) + " ";
        }
        return text + "]";
    }
    std::string refusal() const {
        const auto& result = response.results.at(0);
        EXPECT_TRUE(result.configs.empty());
        return std::to_string(static_cast<int>(result.error_code)) + " " +
               std::string(result.error_message.value_or("null"));
    }
    test::Cluster cluster;
    DescribeConfigsResponse response;
};

TEST_F(DescribeConfigsTest, ATopicHasItsOwnValuesOverThoseOfTheBroker) {
    cluster.set_config({topic, "t1", "retention.ms", "1000"});
    cluster.set_config({topic, "t1", "cleanup.policy", " compact , delete"});
    cluster.set_config({topic, "t1", "segment.bytes", "2097152"});
    cluster.set_config({topic, "t1", "min.cleanable.dirty.ratio", "0.50"});
    cluster.set_config({topic, "t1", "preallocate", " TRUE"});
    cluster.set_config({broker, "1", "log.retention.ms", " 5000 "});
    cluster.set_config({broker, "1", "log.segment.bytes", "104857600"});
    cluster.set_config({broker, "", "log.segment.bytes", "209715200"});
    cluster.properties.given = {{"log.retention.hours", "100"}, {"log.roll.ms", "3600000"}};
    ask(topic, "t1");
    EXPECT_EQ(response.results[0].error_code, ErrorCode::none);
    EXPECT_EQ(response.results[0].error_message, "");
    EXPECT_EQ(response.results[0].configs.size(), 33U);
    EXPECT_EQ(entry("cleanup.policy"),
              "compact,delete 1 [cleanup.policy=compact,delete:1 log.cleanup.policy=delete:5 ]");
    EXPECT_EQ(entry("retention.ms"),
              "1000 1 [retention.ms=1000:1 log.retention.ms= 5000 :2 log.retention.hours=100:4 "
              "log.retention.hours=168:5 ]");
    EXPECT_EQ(
        entry("segment.bytes"),
        "2097152 1 [segment.bytes=2097152:1 log.segment.bytes=104857600:2 log.segment.bytes=209715200:3 "
        "log.segment.bytes=1073741824:5 ]");
    EXPECT_EQ(entry("min.cleanable.dirty.ratio"),
              "0.5 1 [min.cleanable.dirty.ratio=0.5:1 log.cleaner.min.cleanable.ratio=0.5:5 ]");
    EXPECT_EQ(entry("preallocate"), "true 1 [preallocate=true:1 log.preallocate=false:5 ]");
    EXPECT_EQ(entry("segment.ms"), "3600000 4 [log.roll.ms=3600000:4 log.roll.hours=168:5 ]");
    EXPECT_EQ(entry("segment.jitter.ms"), "0 5 []");
    EXPECT_EQ(entry("flush.ms"), "9223372036854775807 5 []");
    EXPECT_EQ(entry("remote.storage.enable"), "false 5 []");
    EXPECT_EQ(entry("compression.type"), "producer 5 [compression.type=producer:5 ]");
    EXPECT_EQ(entry("internal.segment.bytes"), "absent");
    EXPECT_EQ(find("cleanup.policy")->config_type, 7);
    EXPECT_FALSE(find("segment.ms")->read_only);
    EXPECT_EQ(find("segment.ms")->documentation, std::nullopt);

    cluster.set_config({topic, "t1", "internal.segment.bytes", "1024"});
    ask(topic, "t1", {"internal.segment.bytes", "zz"});
    ASSERT_EQ(response.results[0].configs.size(), 1U);
    EXPECT_EQ(entry("internal.segment.bytes"), "1024 1 [internal.segment.bytes=1024:1 ]");
}

TEST_F(DescribeConfigsTest, HoursOfTheBrokerCountThoughTheyAreNoSynonym) {
    cluster.properties.given = {{"log.retention.hours", "100"}, {"log.roll.hours", "2"}};
    ask(topic, "t1");
    EXPECT_EQ(entry("retention.ms"), "360000000 5 []");
    EXPECT_EQ(entry("segment.ms"), "7200000 5 []");
}

TEST_F(DescribeConfigsTest, ABrokerHasEveryConfigAndHidesSecrets) {
    cluster.set_config({broker, "", "log.cleaner.threads", "2"});
    cluster.set_config({broker, "", "my.custom", "zz"});
    cluster.set_config({broker, "1", "log.retention.ms", " 5000 "});
    cluster.properties.given = {{"ssl.keystore.password", "secret1"},
                                {"listeners", "PLAINTEXT://a:1, CONTROLLER://a:2"},
                                {"log.retention.hours", "100"},
                                {"node.id", "1"}};
    ask(broker, "1");
    EXPECT_EQ(response.results[0].configs.size(), 341U);
    EXPECT_EQ(entry("log.cleaner.threads"), "2 3 [log.cleaner.threads=2:3 log.cleaner.threads=1:5 ]");
    EXPECT_FALSE(find("log.cleaner.threads")->read_only);
    EXPECT_EQ(entry("log.retention.ms"),
              "5000 2 [log.retention.ms= 5000 :2 log.retention.hours=100:4 log.retention.hours=168:5 ]");
    EXPECT_EQ(entry("log.retention.minutes"), "null 5 []");
    EXPECT_EQ(entry("log.flush.interval.ms"), "null 5 []");
    EXPECT_EQ(entry("log.flush.scheduler.interval.ms"),
              "9223372036854775807 5 [log.flush.scheduler.interval.ms=9223372036854775807:5 ]");
    EXPECT_EQ(entry("log.cleaner.io.max.bytes.per.second"),
              "1.7976931348623157E308 5 [log.cleaner.io.max.bytes.per.second=1.7976931348623157E308:5 ]");
    EXPECT_EQ(entry("broker.id"), "1 4 [broker.id=1:4 broker.id=-1:5 ]");
    EXPECT_EQ(entry("node.id"), "1 4 [node.id=1:4 ]");
    EXPECT_TRUE(find("node.id")->read_only);
    EXPECT_EQ(entry("ssl.keystore.password"), "null 4 [ssl.keystore.password=null:4 ]");
    EXPECT_TRUE(find("ssl.keystore.password")->is_sensitive);
    EXPECT_EQ(entry("my.custom"), "null 3 [my.custom=null:3 ]");
    EXPECT_TRUE(find("my.custom")->is_sensitive);
    EXPECT_TRUE(find("my.custom")->read_only);
}

TEST_F(DescribeConfigsTest, TheDefaultsOfAllBrokers) {
    ask(broker, "");
    EXPECT_TRUE(response.results[0].configs.empty());
    cluster.set_config({broker, "", "log.segment.bytes", "209715200"});
    cluster.set_config({broker, "1", "log.retention.ms", "5000"});
    ask(broker, "");
    ASSERT_EQ(response.results[0].configs.size(), 1U);
    EXPECT_EQ(entry("log.segment.bytes"), "209715200 3 [log.segment.bytes=209715200:3 ]");
}

TEST_F(DescribeConfigsTest, GroupsAndClientMetrics) {
    cluster.set_config({group, "g1", "consumer.session.timeout.ms", "46000"});
    ask(group, "g1");
    EXPECT_EQ(response.results[0].configs.size(), 17U);
    EXPECT_EQ(entry("consumer.session.timeout.ms"),
              "46000 8 [consumer.session.timeout.ms=46000:8 group.consumer.session.timeout.ms=45000:5 ]");
    EXPECT_EQ(entry("share.isolation.level"),
              "read_uncommitted 5 [share.isolation.level=read_uncommitted:5 ]");
    cluster.set_config({client_metrics, "m1", "interval.ms", "1000"});
    ask(client_metrics, "m1");
    EXPECT_EQ(response.results[0].configs.size(), 3U);
    EXPECT_EQ(entry("interval.ms"), "1000 7 [interval.ms=1000:7 ]");
    EXPECT_EQ(entry("match"), " 5 []");
}

TEST_F(DescribeConfigsTest, SaysWhyNot) {
    ask(topic, "nope");
    EXPECT_EQ(refusal(), "3 ");
    ask(topic, "bad name");
    EXPECT_EQ(refusal(),
              "17 Topic name is invalid: 'bad name' contains one or more characters other than ASCII "
              "alphanumerics, '.', '_' and '-'");
    ask(topic, "");
    EXPECT_EQ(refusal(), "17 Topic name is invalid: the empty string is not allowed");
    ask(broker, "2");
    EXPECT_EQ(refusal(), "42 Unexpected broker id, expected 1 or empty string, but received 2");
    ask(broker, "x");
    EXPECT_EQ(refusal(), "42 Broker id must be an integer, but it is: x");
    ask(broker_logger, "");
    EXPECT_EQ(refusal(), "42 Broker id must not be empty");
    ask(broker_logger, "2");
    EXPECT_EQ(refusal(), "42 Unexpected broker id, expected 1 but received 2");
    ask(client_metrics, "");
    EXPECT_EQ(refusal(), "42 Client metrics subscription name must not be empty");
    ask(group, "");
    EXPECT_EQ(refusal(), "42 Group name must not be empty");
    cluster.authorizer.denied = {{security::Operation::describe_configs, "t1"}};
    ask(topic, "t1");
    EXPECT_EQ(response.results[0].error_code, ErrorCode::topic_authorization_failed);
}

TEST_F(DescribeConfigsTest, ABrokerHasOneLogger) {
    const auto before = root_severity();
    set_root_severity(LogSeverity::warn);
    ask(broker_logger, "1");
    EXPECT_EQ(response.results[0].error_code, ErrorCode::none);
    EXPECT_EQ(response.results[0].configs.size(), 1U);
    EXPECT_EQ(entry("root"), "WARN 6 []");
    EXPECT_FALSE(find("root")->read_only);
    EXPECT_EQ(find("root")->config_type, 0);
    EXPECT_EQ(find("root")->documentation, "");
    ask(broker_logger, "1", {"kafka.server.KafkaApis"});
    EXPECT_TRUE(response.results[0].configs.empty());
    set_root_severity(before);
}

TEST_F(DescribeConfigsTest, AnUnknownTypeFailsItsNeighboursToo) {
    DescribeConfigsRequest request;
    for (const std::int8_t type : {std::int8_t{3}, std::int8_t{2}}) {
        request.resources.push_back({.resource_type = type,
                                     .resource_name = "t1",
                                     .configuration_keys = std::nullopt,
                                     .unknown_tags = {}});
    }
    response = cluster.ask(&handle_describe_configs, 4, request);
    ASSERT_EQ(response.results.size(), 2U);
    for (const auto& result : response.results) {
        EXPECT_EQ(result.error_code, ErrorCode::invalid_request);
        EXPECT_TRUE(result.configs.empty());
    }
}

TEST_F(DescribeConfigsTest, EveryVersionAnswers) {
    for (std::int16_t version = 1; version <= 4; ++version) {
        DescribeConfigsRequest request;
        request.resources.push_back({.resource_type = 2,
                                     .resource_name = "t1",
                                     .configuration_keys = std::nullopt,
                                     .unknown_tags = {}});
        response = cluster.ask(&handle_describe_configs, version, request);
        EXPECT_EQ(find("retention.ms")->value, "604800000") << version;
        EXPECT_TRUE(find("retention.ms")->synonyms.empty());
    }
}

TEST_F(DescribeConfigsTest, ConfigsOfOneListenerAndQuotasOfABroker) {
    const std::string_view of_listener = "listener.name.plaintext.max.connections";
    cluster.set_config({broker, "1", of_listener, "50"});
    cluster.set_config({broker, "", of_listener, "60"});
    cluster.set_config({broker, "", "leader.replication.throttled.rate", "1000"});
    cluster.set_config({broker, "1", "listener.name.plaintext.nokey", "secret"});
    ask(broker, "1");
    EXPECT_EQ(
        entry(of_listener),
        "50 2 [listener.name.plaintext.max.connections=50:2 listener.name.plaintext.max.connections=60:3 "
        "max.connections=2147483647:5 ]");
    EXPECT_TRUE(find(of_listener)->read_only);
    EXPECT_EQ(entry("leader.replication.throttled.rate"),
              "1000 3 [leader.replication.throttled.rate=1000:3 ]");
    EXPECT_FALSE(find("leader.replication.throttled.rate")->read_only);
    EXPECT_EQ(entry("listener.name.plaintext.nokey"), "null 2 [listener.name.plaintext.nokey=null:2 ]");
    ask(broker, "");
    EXPECT_EQ(entry(of_listener), "60 3 [listener.name.plaintext.max.connections=60:3 ]");
}

}  // namespace
}  // namespace gregor::server
