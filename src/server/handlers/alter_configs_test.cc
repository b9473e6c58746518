// Codes are those of Kafka 4.3.1 for the same requests.
#include "gen/api/alter_configs.h"

#include "base/log.h"
#include "base/log_severity.h"
#include "gen/api/incremental_alter_configs.h"
#include "gen/api/list_config_resources.h"
#include "metadata/config_change.h"
#include "server/handlers/admin_handlers.h"
#include "server/handlers/test_cluster.h"

namespace gregor::server {
namespace {

using enum metadata::ConfigResourceType;
using enum metadata::ConfigOperation;
using metadata::ConfigChange;
using Type = metadata::ConfigResourceType;
using Request = msg::IncrementalAlterConfigsRequest;
using Response = msg::IncrementalAlterConfigsResponse;

class AlterConfigsTest : public testing::Test {
protected:
    AlterConfigsTest() {
        cluster.add_broker({.id = 1});
        cluster.config.broker_id = BrokerId{1};
        cluster.properties.given["log.dirs"] = "/d1,/d2";
    }

    static void add(Request& request, Type type, std::string_view name,
                    const std::vector<ConfigChange>& changes) {
        auto& resource = request.resources.emplace_back();
        resource.resource_type = static_cast<std::int8_t>(type);
        resource.resource_name = name;
        for (const auto& change : changes) {
            auto& config = resource.configs.emplace_back();
            config.name = change.name;
            config.config_operation = static_cast<std::int8_t>(change.operation);
            config.value = change.value;
        }
    }
    // The code of a request that the broker answers by itself; "forwarded" when it does not.
    std::string alter(Type type, std::string_view name, const std::vector<ConfigChange>& changes) {
        Request request;
        add(request, type, name, changes);
        return run(request);
    }
    std::string run(const Request& request) {
        std::string codes = "forwarded";
        auto& waiting = cluster.world.controller.waiting;
        waiting.clear();
        RequestContext context({.api_key = Request::k_api_key,
                                .api_version = 1,
                                .listener_name = "PLAINTEXT",
                                .principal = &cluster.principal},
                               cluster.services);
        refresh();
        handle_incremental_alter_configs(request, context, [&codes](Response response) {
            codes.clear();
            for (const auto& row : response.responses)
                codes += std::to_string(static_cast<int>(row.error_code)) + " ";
            codes.pop_back();
        });
        if (waiting.empty()) return codes;
        auto forwarded = std::exchange(waiting, {});
        if (!controller_answer) {
            for (auto& done : forwarded) done(fail(ErrorCode::not_controller));
            return "forwarded";
        }
        protocol::Writer writer;
        controller_answer->encode(writer, 1);
        forwarded.front()(writer.take());
        return codes;
    }
    void refresh() {  // the image that ask() would make
        msg::ListConfigResourcesRequest request;
        cluster.ask(&handle_list_config_resources, 1, request);
    }

    test::Cluster cluster;
    std::optional<Response> controller_answer;
};

TEST_F(AlterConfigsTest, WhatABrokerCannotChange) {
    EXPECT_EQ(alter(broker, "1", {{"log.dirs", set, "/tmp"}}), "42");
    EXPECT_EQ(alter(broker, "", {{"log.dirs", set, "/tmp"}}), "42");
    EXPECT_EQ(alter(broker, "1", {{"log.retention.hours", set, "9"}}), "42");
    EXPECT_EQ(alter(broker, "1", {{"advertised.listeners", set, "PLAINTEXT://localhost:1"}}), "42");
    EXPECT_EQ(alter(broker, "1", {{"listeners", set, "PLAINTEXT://localhost:1"}}), "42");
    EXPECT_EQ(alter(broker, "1", {{"ssl.keystore.location", set, "/nope"}}), "42");
    EXPECT_EQ(alter(broker, "1", {{"ssl.cipher.suites", set, "x"}}), "42");
    EXPECT_EQ(alter(broker, "1", {{"metric.reporters", append, "x.y"}}), "42");
    EXPECT_EQ(alter(broker, "", {{"cordoned.log.dirs", set, "*"}}), "42");
    EXPECT_EQ(alter(broker, "1", {{"cordoned.log.dirs", set, "/nope"}}), "42");
    EXPECT_EQ(alter(broker, "1", {{"cordoned.log.dirs", set, "*,/d1"}}), "42");
    EXPECT_EQ(alter(broker, "1", {{"cordoned.log.dirs", set, "/d2"}}), "forwarded");
}

TEST_F(AlterConfigsTest, ValuesOfABroker) {
    EXPECT_EQ(alter(broker, "1", {{"log.retention.ms", set, "70000"}}), "forwarded");
    EXPECT_EQ(alter(broker, "1", {{"log.retention.ms", set, "abc"}}), "42");
    EXPECT_EQ(alter(broker, "1", {{"log.retention.ms", set, "0"}}), "42");
    EXPECT_EQ(alter(broker, "1", {{"log.roll.ms", set, "0"}}), "42");
    EXPECT_EQ(alter(broker, "1", {{"log.segment.bytes", set, "9"}}), "42");
    EXPECT_EQ(alter(broker, "1", {{"log.local.retention.ms", set, "999999999999"}}), "42");
    EXPECT_EQ(alter(broker, "1", {{"max.connections", set, "-1"}}), "42");
    EXPECT_EQ(alter(broker, "1", {{"max.connections.per.ip.overrides", set, "nohost"}}), "42");
    EXPECT_EQ(alter(broker, "1", {{"max.connections.per.ip.overrides", set, "127.0.0.1:5"}}), "forwarded");
    EXPECT_EQ(alter(broker, "1", {{"leader.replication.throttled.rate", set, "1000"}}), "forwarded");
    EXPECT_EQ(alter(broker, "1", {{"leader.replication.throttled.rate", set, "-1"}}), "42");
    EXPECT_EQ(alter(broker, "1", {{"group.consumer.assignment.interval.ms", set, "999999"}}), "42");
    EXPECT_EQ(alter(broker, "1", {{"log.cleaner.dedupe.buffer.size", set, "100"}}), "42");
    EXPECT_EQ(alter(broker, "1", {{"listener.name.plaintext.max.connections", set, "x"}}), "42");
    EXPECT_EQ(alter(broker, "1", {{"listener.name.plaintext.max.connections", set, "50"}}), "forwarded");
    EXPECT_EQ(alter(broker, "1", {{"nokey", set, "5"}}), "forwarded");
    EXPECT_EQ(alter(broker, "1", {{"message.max.bytes", append, "2"}}), "40");
    EXPECT_EQ(alter(broker, "1", {{"log.cleanup.policy", append, "compact"}}), "forwarded");
    EXPECT_EQ(alter(broker, "1", {{"log.retention.ms", static_cast<metadata::ConfigOperation>(7), "5"}}),
              "42");
}

TEST_F(AlterConfigsTest, PoolsGrowAndShrinkByTwo) {
    EXPECT_EQ(alter(broker, "1", {{"background.threads", set, "1000"}}), "42");
    EXPECT_EQ(alter(broker, "1", {{"background.threads", set, "20"}}), "forwarded");
    EXPECT_EQ(alter(broker, "1", {{"background.threads", set, "4"}}), "42");
    EXPECT_EQ(alter(broker, "1", {{"num.io.threads", set, "2"}}), "42");
    EXPECT_EQ(alter(broker, "1", {{"log.cleaner.threads", set, "100"}}), "42");
    EXPECT_EQ(alter(broker, "1", {{"log.cleaner.threads", set, "2"}}), "forwarded");
    cluster.set_config({broker, "1", "background.threads", "20"});
    EXPECT_EQ(alter(broker, "1", {{"background.threads", set, "40"}}), "forwarded");
}

TEST_F(AlterConfigsTest, NamesOfABroker) {
    for (const auto* name : {"1", "01", "+1", ""})
        EXPECT_EQ(alter(broker, name, {{"log.retention.ms", set, "80000"}}), "forwarded") << name;
    for (const auto* name : {"2", "x", "-1", "1x"})
        EXPECT_EQ(alter(broker, name, {{"log.retention.ms", set, "80000"}}), "42") << name;
}

TEST_F(AlterConfigsTest, MalformedRequests) {
    EXPECT_EQ(alter(topic, "t", {{"retention.ms", set, {}}}), "42");
    EXPECT_EQ(alter(topic, "t", {{"retention.ms", set, "5"}, {"retention.ms", remove, {}}}), "42");
    EXPECT_EQ(alter(unknown, "t", {{"retention.ms", set, "5"}}), "42");
    EXPECT_EQ(alter(static_cast<Type>(3), "t", {{"retention.ms", set, "5"}}), "42");
    EXPECT_EQ(alter(broker_logger, "2", {{"root", set, "INFO"}}), "42");
    Request twice;
    add(twice, topic, "t", {{"retention.ms", set, "5"}});
    add(twice, topic, "t", {{"segment.ms", set, "5"}});
    EXPECT_EQ(run(twice), "42 42");
}

TEST_F(AlterConfigsTest, TheRootLoggersLevelIsSetHere) {
    const auto before = root_severity();
    EXPECT_EQ(alter(broker_logger, "1", {{"root", set, "ERROR"}}), "0");
    EXPECT_EQ(root_severity(), LogSeverity::error);
    EXPECT_FALSE(log_enabled(LogLevel::warn));
    EXPECT_EQ(alter(broker_logger, "1", {{"root", set, "TRACE"}}), "0");
    EXPECT_TRUE(log_enabled(LogLevel::debug));
    Request request;
    add(request, broker_logger, "1", {{"root", set, "FATAL"}});
    request.validate_only = true;
    EXPECT_EQ(run(request), "0");
    EXPECT_EQ(root_severity(), LogSeverity::trace);
    set_root_severity(before);
}

TEST_F(AlterConfigsTest, LevelsThatNobodyHas) {
    const auto before = root_severity();
    EXPECT_EQ(alter(broker_logger, "1", {{"no.such.logger", set, "INFO"}}), "40");
    EXPECT_EQ(alter(broker_logger, "1", {{"no.such.logger", remove, {}}}), "40");
    for (const auto* level : {"", "info", "LOUD", "3"})
        EXPECT_EQ(alter(broker_logger, "1", {{"root", set, level}}), "40") << level;
    EXPECT_EQ(alter(broker_logger, "1", {{"root", remove, {}}}), "42");
    EXPECT_EQ(alter(broker_logger, "1", {{"root", append, "INFO"}}), "42");
    EXPECT_EQ(alter(broker_logger, "1", {{"root", subtract, "INFO"}}), "42");
    EXPECT_EQ(alter(broker_logger, "", {{"root", set, "INFO"}}), "42");
    EXPECT_EQ(root_severity(), before);
}

TEST_F(AlterConfigsTest, EachResourceHasItsAnswerInOrder) {
    Request request;
    add(request, broker, "1", {{"log.dirs", set, "x"}});
    add(request, topic, "t", {{"retention.ms", set, "5"}});
    add(request, topic, "u", {{"retention.ms", set, {}}});
    add(request, topic, "nope", {{"retention.ms", set, "5"}});
    controller_answer.emplace();
    controller_answer->responses.emplace_back().resource_name = "t";
    auto& second = controller_answer->responses.emplace_back();
    second.resource_name = "nope";
    second.error_code = ErrorCode::unknown_topic_or_partition;
    EXPECT_EQ(run(request), "42 0 42 3");
    Request sent;
    protocol::Reader reader(cluster.world.controller.requests.back().body);
    sent.decode(reader, 1);
    ASSERT_EQ(sent.resources.size(), 2U);
    EXPECT_EQ(sent.resources[1].resource_name, "nope");
    controller_answer->responses.pop_back();
    EXPECT_EQ(run(request), "42 0 42 -1");
}

TEST_F(AlterConfigsTest, WhoMayNotIsTold) {
    cluster.authorizer.denied = {{security::Operation::alter_configs, "t"},
                                 {security::Operation::alter_configs, "kafka-cluster"},
                                 {security::Operation::alter_configs, "g"}};
    EXPECT_EQ(alter(topic, "t", {{"retention.ms", set, "5"}}), "29");
    EXPECT_EQ(alter(group, "g", {{"consumer.session.timeout.ms", set, "5"}}), "30");
    EXPECT_EQ(alter(broker, "1", {{"log.retention.ms", set, "70000"}}), "31");
    EXPECT_EQ(alter(topic, "u", {{"retention.ms", set, "5"}}), "forwarded");
}

// ---------------------------------------------------------------- the old request

TEST_F(AlterConfigsTest, TheOldRequestKnowsNoLoggers) {
    msg::AlterConfigsRequest request;
    auto& resource = request.resources.emplace_back();
    resource.resource_type = static_cast<std::int8_t>(broker_logger);
    resource.resource_name = "1";
    auto response = cluster.ask(&handle_alter_configs, 2, request);
    EXPECT_EQ(response.responses.at(0).error_code, ErrorCode::invalid_request);
    // Everything is replaced: what the broker has set now does not count.
    cluster.set_config({broker, "1", "log.retention.ms", "70000"});
    request.resources[0].resource_type = static_cast<std::int8_t>(broker);
    request.resources[0].configs.push_back({"log.retention.ms", "x", {}});
    response = cluster.ask(&handle_alter_configs, 2, request);
    EXPECT_EQ(response.responses.at(0).error_code, ErrorCode::invalid_request);
}

// ---------------------------------------------------------------- what there is

std::string listed(const msg::ListConfigResourcesResponse& response) {
    std::string text = std::to_string(static_cast<int>(response.error_code));
    for (const auto& row : response.config_resources)
        text += " " + std::to_string(row.resource_type) + "/" + std::string(row.resource_name);
    return text;
}

TEST_F(AlterConfigsTest, ResourcesAreListed) {
    cluster.add_topic("a", Uuid{1, 1});
    cluster.set_config({group, "g1", "consumer.session.timeout.ms", "50000"});
    cluster.set_config({client_metrics, "m1", "interval.ms", "10000"});
    const auto list = [this](std::int16_t version, List<std::int8_t> types) {
        msg::ListConfigResourcesRequest request;
        request.resource_types = std::move(types);
        return listed(cluster.ask(&handle_list_config_resources, version, request));
    };
    EXPECT_EQ(list(1, {}), "0 32/g1 16/m1 8/1 4/1 2/a");
    EXPECT_EQ(list(1, {2, 2}), "0 2/a");
    EXPECT_EQ(list(1, {32, 16}), "0 32/g1 16/m1");
    EXPECT_EQ(list(1, {0}), "35");
    EXPECT_EQ(list(1, {3, 2}), "35");
    EXPECT_EQ(list(0, {}), "0 16/m1");
}

}  // namespace
}  // namespace gregor::server
