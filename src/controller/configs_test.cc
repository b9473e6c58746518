// Codes and records are those of Kafka 4.3.1 for the same requests.
#include "controller/configs.h"

#include <gtest/gtest.h>

#include "controller/testing.h"
#include "gen/api/broker_heartbeat.h"
#include "gen/api/broker_registration.h"
#include "gen/api/create_topics.h"
#include "gen/meta/clear_elr.h"
#include "gen/meta/config.h"
#include "metadata/config_change.h"
#include "metadata/features.h"

namespace gregor::controller {
namespace {

using enum metadata::ConfigOperation;
using enum metadata::ConfigResourceType;
using Type = metadata::ConfigResourceType;
using metadata::ConfigChange;
using testing::World;

struct Ask {
    Type type = topic;
    std::string_view name = "a";
    std::vector<ConfigChange> changes;
};

class Configs : public ::testing::Test {
protected:
    Configs() {
        world.controller.on_became_leader(LeaderEpoch{1});
        join();
        for (const std::string_view name : {"a", "b"}) {
            msg::CreateTopicsRequest request;
            auto& wish = request.topics.emplace_back();
            wish.name = name;
            auto& assignment = wish.assignments.emplace_back();
            assignment.broker_ids = {1};
            wish.num_partitions = -1;
            wish.replication_factor = -1;
            EXPECT_EQ(world.call<msg::CreateTopicsResponse>(request).topics.at(0).error_code,
                      ErrorCode::none);
        }
    }

    // A broker that serves.
    void join() {
        msg::BrokerRegistrationRequest registration;
        registration.broker_id = 1;
        registration.cluster_id = "AAAAAAAAQACAAAAAAAAAAQ";
        registration.incarnation_id = Uuid{3, 1};
        registration.log_dirs = {Uuid{4, 1}};
        for (const auto& feature : metadata::supported_features())
            registration.features.push_back({feature.name, feature.min, feature.max, {}});
        msg::BrokerHeartbeatRequest heartbeat;
        heartbeat.broker_id = 1;
        heartbeat.broker_epoch = world.call<msg::BrokerRegistrationResponse>(registration).broker_epoch;
        heartbeat.current_metadata_offset = world.log.end_offset().value();
        EXPECT_FALSE(world.call<msg::BrokerHeartbeatResponse>(heartbeat).is_fenced);
    }

    // The code of each resource, then the configs that were written.
    std::string alter(const std::vector<Ask>& asks, bool validate_only = false) {
        msg::IncrementalAlterConfigsRequest request;
        request.validate_only = validate_only;
        for (const auto& ask : asks) {
            auto& resource = request.resources.emplace_back();
            resource.resource_type = static_cast<std::int8_t>(ask.type);
            resource.resource_name = ask.name;
            for (const auto& change : ask.changes) {
                auto& config = resource.configs.emplace_back();
                config.name = change.name;
                config.config_operation = static_cast<std::int8_t>(change.operation);
                config.value = change.value;
            }
        }
        return told(world.call<msg::IncrementalAlterConfigsResponse>(request));
    }
    std::string replace(const std::vector<Ask>& asks) {
        msg::AlterConfigsRequest request;
        for (const auto& ask : asks) {
            auto& resource = request.resources.emplace_back();
            resource.resource_type = static_cast<std::int8_t>(ask.type);
            resource.resource_name = ask.name;
            for (const auto& change : ask.changes) {
                auto& config = resource.configs.emplace_back();
                config.name = change.name;
                config.value = change.value;
            }
        }
        return told(world.call<msg::AlterConfigsResponse>(request));
    }

    template <class Response>
    std::string told(const Response& response) {
        std::string text;
        for (const auto& row : response.responses)
            text += std::to_string(static_cast<int>(row.error_code)) + " ";
        for (; seen < world.log.batches.size(); ++seen) {
            for (const auto& record : world.log.batches[seen]) text += "| " + written(record.bytes()) + " ";
        }
        text.pop_back();
        return text;
    }
    static std::string written(Bytes bytes) {
        if (auto config = metadata::decode_record<msg::ConfigRecord>(bytes)) {
            return fmt::format("{}/{} {}={}", config->resource_type, config->resource_name, config->name,
                               config->value.value_or("null"));
        }
        if (auto clear = metadata::decode_record<msg::ClearElrRecord>(bytes))
            return fmt::format("clear '{}'", clear->topic_name);
        return "another record";
    }

    World world{World::default_settings()};
    std::size_t seen = 0;

private:
    void SetUp() override { seen = world.log.batches.size(); }
};

TEST_F(Configs, SetAndRemoveWriteWhatChanges) {
    EXPECT_EQ(alter({{topic, "a", {{"retention.ms", set, "5000"}}}}), "0 | 2/a retention.ms=5000");
    EXPECT_EQ(alter({{topic, "a", {{"retention.ms", set, "5000"}}}}), "0");
    EXPECT_EQ(alter({{topic, "a", {{"retention.ms", set, " 5000 "}}}}), "0 | 2/a retention.ms= 5000 ");
    EXPECT_EQ(alter({{topic, "a", {{"retention.ms", remove, {}}, {"segment.bytes", set, "2000000"}}}}),
              "0 | 2/a retention.ms=null | 2/a segment.bytes=2000000");
    EXPECT_EQ(alter({{topic, "a", {{"retention.ms", remove, "x"}}}}), "0");
    EXPECT_EQ(alter({{topic, "a", {{"nokey", remove, {}}}}}), "0");
    EXPECT_EQ(alter({{topic, "a", {}}}), "0");
}

TEST_F(Configs, ListsGrowFromTheDefault) {
    EXPECT_EQ(alter({{topic, "a", {{"cleanup.policy", append, "compact"}}}}),
              "0 | 2/a cleanup.policy=delete,compact");
    EXPECT_EQ(alter({{topic, "a", {{"cleanup.policy", append, "compact"}}}}), "0");
    EXPECT_EQ(alter({{topic, "a", {{"cleanup.policy", subtract, "delete"}}}}),
              "0 | 2/a cleanup.policy=compact");
    EXPECT_EQ(alter({{topic, "a", {{"cleanup.policy", subtract, "nothing"}}}}), "0");
    EXPECT_EQ(alter({{topic, "a", {{"cleanup.policy", subtract, "compact"}}}}), "0 | 2/a cleanup.policy=");
    EXPECT_EQ(alter({{topic, "a", {{"cleanup.policy", append, " compact , delete"}}}}),
              "0 | 2/a cleanup.policy= compact , delete");
    EXPECT_EQ(alter({{topic, "a", {{"cleanup.policy", append, ""}}}}), "40");
    for (const auto operation : {append, subtract}) {
        EXPECT_EQ(alter({{topic, "a", {{"retention.ms", operation, "5"}}}}), "40");
        EXPECT_EQ(alter({{topic, "a", {{"nokey", operation, "5"}}}}), "40");
        EXPECT_EQ(alter({{client_metrics, "m", {{"metrics", operation, "b"}}}}), "40");
    }
    EXPECT_EQ(alter({{broker, "1", {{"log.cleanup.policy", append, "compact"}}}}),
              "0 | 4/1 log.cleanup.policy=delete,compact");
}

TEST_F(Configs, RefusesBadValuesAndResources) {
    EXPECT_EQ(alter({{topic, "a", {{"nokey", set, "5"}}}}), "40");
    EXPECT_EQ(alter({{topic, "a", {{"retention.ms", set, "abc"}}}}), "40");
    EXPECT_EQ(alter({{topic, "a", {{"segment.bytes", set, "1"}}}}), "40");
    EXPECT_EQ(
        alter({{topic, "a", {{"min.compaction.lag.ms", set, "100"}, {"max.compaction.lag.ms", set, "50"}}}}),
        "40");
    EXPECT_EQ(
        alter({{topic, "nope", {{"retention.ms", set, "9"}}}, {topic, "b", {{"retention.ms", set, "77"}}}}),
        "3 0 | 2/b retention.ms=77");
    EXPECT_EQ(alter({{topic, "nope", {{"retention.ms", set, "abc"}}}}), "40");
    EXPECT_EQ(alter({{topic, "", {{"retention.ms", set, "9"}}}}), "42");
    EXPECT_EQ(alter({{topic, "..", {{"retention.ms", set, "9"}}}}), "17");
    EXPECT_EQ(alter({{group, "", {{"consumer.session.timeout.ms", set, "50000"}}}}), "42");
    EXPECT_EQ(alter({{client_metrics, "", {{"interval.ms", set, "10000"}}}}), "42");
    EXPECT_EQ(alter({{topic, "a", {{"retention.ms", set, "9"}}}, {topic, "a", {{"flush.ms", set, "9"}}}}),
              "42 42");
    const auto strange = static_cast<metadata::ConfigOperation>(7);
    EXPECT_EQ(alter({{topic, "a", {{"retention.ms", strange, "9"}}}, {topic, "b", {{"flush.ms", set, "9"}}}}),
              "-1 -1");
}

// No string of a request is that long, but lists grow.
TEST_F(Configs, ValuesHaveAMostLength) {
    const auto grow = [this](int from) {
        std::string list = fmt::format("0:{}", from);
        for (int i = 1; i < 3'000; ++i) list += fmt::format(",0:{}", from + i);
        return alter({{topic, "a", {{"leader.replication.throttled.replicas", append, list}}}}).substr(0, 2);
    };
    EXPECT_EQ(grow(10'000), "0 ");
    EXPECT_EQ(grow(20'000), "40");
}

TEST_F(Configs, ValidatingWritesNothing) {
    EXPECT_EQ(alter({{topic, "a", {{"retention.ms", set, "12"}}}}, true), "0");
    EXPECT_EQ(alter({{topic, "a", {{"retention.ms", set, "x"}}}}, true), "40");
    EXPECT_EQ(world.controller.state().config(topic, "a"), nullptr);
}

TEST_F(Configs, BrokersAreWrittenEvenIfNothingChanges) {
    EXPECT_EQ(alter({{broker, "", {{"log.retention.ms", set, "60000"}}}}), "0 | 4/ log.retention.ms=60000");
    EXPECT_EQ(alter({{broker, "", {{"log.retention.ms", set, "60000"}}}}), "0 | 4/ log.retention.ms=60000");
    EXPECT_EQ(alter({{broker, "1", {{"log.retention.ms", remove, {}}}}}), "0 | 4/1 log.retention.ms=null");
}

TEST_F(Configs, OneMinimumOfReplicasForTheCluster) {
    EXPECT_EQ(alter({{topic, "a", {{"min.insync.replicas", set, "2"}, {"flush.ms", set, "8"}}},
                     {topic, "b", {{"min.insync.replicas", set, "2"}}}}),
              "0 0 | 2/a min.insync.replicas=2 | 2/a flush.ms=8 | 2/b min.insync.replicas=2 | clear 'a' | "
              "clear 'b'");
    EXPECT_EQ(alter({{topic, "a", {{"min.insync.replicas", set, "2"}}}}), "0");
    EXPECT_EQ(alter({{broker, "", {{"min.insync.replicas", set, "2"}}}}),
              "0 | 4/ min.insync.replicas=2 | clear ''");
    EXPECT_EQ(alter({{broker, "1", {{"min.insync.replicas", set, "2"}}}}), "40");
    EXPECT_EQ(alter({{broker, "1", {{"min.insync.replicas", remove, {}}}}}), "40");
    EXPECT_EQ(alter({{broker, "", {{"min.insync.replicas", remove, {}}}}}), "40");
    EXPECT_EQ(replace({{broker, "", {}}}), "40");
}

TEST_F(Configs, TheOldRequestReplacesEverything) {
    EXPECT_EQ(alter({{topic, "b", {{"retention.ms", set, "77"}}}}), "0 | 2/b retention.ms=77");
    EXPECT_EQ(replace({{topic, "b", {{"segment.bytes", set, "2000000"}}}}),
              "0 | 2/b segment.bytes=2000000 | 2/b retention.ms=null");
    EXPECT_EQ(replace({{topic, "b", {{"segment.bytes", set, "2000000"}}}}), "0");
    EXPECT_EQ(replace({{topic, "b", {{"nokey", set, "1"}}}}), "40");
    EXPECT_EQ(replace({{topic, "b", {}}}), "0 | 2/b segment.bytes=null");
    EXPECT_EQ(replace({{topic, "nope", {}}}), "3");
}

TEST_F(Configs, ClientMetricsHaveRulesOfTheirOwn) {
    const auto of = [this](std::string_view name, std::string_view value) {
        return alter({{client_metrics, "m", {{name, set, value}}}}, true);
    };
    for (const auto* good : {"client_id=a.*", "client_id=a,client_software_name=x", "", " client_id = a "})
        EXPECT_EQ(of("match", good), "0") << good;
    for (const auto* bad :
         {"foo=bar", "client_id", "client_id=[", "client_id=a=b", "client_id=(", "client_id=*"})
        EXPECT_EQ(of("match", bad), "40") << bad;
    EXPECT_EQ(of("interval.ms", "100"), "0");
    EXPECT_EQ(of("interval.ms", "1"), "42");
    EXPECT_EQ(of("interval.ms", "99999999"), "42");
    EXPECT_EQ(of("interval.ms", "x"), "40");
    // Names are looked at before values.
    EXPECT_EQ(alter({{client_metrics, "m", {{"interval.ms", set, "x"}, {"no.such", set, "1"}}}}, true), "42");
    EXPECT_EQ(of("nokey", "1"), "42");
}

TEST_F(Configs, GroupsStayWithinTheBrokersBounds) {
    const auto of = [this](std::string_view name, std::string_view value) {
        return alter({{group, "g", {{name, set, value}}}}, true);
    };
    EXPECT_EQ(of("consumer.session.timeout.ms", "50000"), "0");
    EXPECT_EQ(of("consumer.session.timeout.ms", "1"), "40");
    EXPECT_EQ(of("consumer.session.timeout.ms", "9999999"), "40");
    EXPECT_EQ(of("consumer.heartbeat.interval.ms", "6000"), "0");
    EXPECT_EQ(of("consumer.heartbeat.interval.ms", "1"), "40");
    EXPECT_EQ(of("share.session.timeout.ms", "1"), "40");
    EXPECT_EQ(of("share.auto.offset.reset", "earliest"), "0");
    EXPECT_EQ(of("share.auto.offset.reset", "foo"), "40");
    EXPECT_EQ(of("share.isolation.level", "foo"), "40");
    EXPECT_EQ(of("streams.num.standby.replicas", "9"), "40");
    EXPECT_EQ(of("streams.num.standby.replicas", "1"), "0");
    EXPECT_EQ(of("nokey", "1"), "40");
    world.properties.values["group.consumer.max.heartbeat.interval.ms"] = "100000";
    EXPECT_EQ(of("consumer.heartbeat.interval.ms", "50000"), "40");  // longer than the session
}

}  // namespace
}  // namespace gregor::controller
