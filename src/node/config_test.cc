// Every refusal names file, line, key, value and what to do.
#include "node/config.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace gregor::node {
namespace {

using Lines = std::vector<std::pair<std::string, std::string>>;

// A node of one, each key on a line of its own from 1 on; `changes` replace or, with "", remove lines.
std::vector<Property> file(const Lines& changes = {}) {
    std::vector<Property> properties;
    for (auto& property : embedded_defaults()) {
        const auto change = std::ranges::find(changes, property.key, &Lines::value_type::first);
        if (change != changes.end()) property.value = change->second;
        if (!property.value.empty()) properties.push_back(std::move(property));
    }
    for (const auto& [key, value] : changes) {
        if (!value.empty() && std::ranges::find(properties, key, &Property::key) == properties.end())
            properties.push_back({key, value});
    }
    for (std::size_t i = 0; i < properties.size(); ++i) properties[i].line = i + 1;
    return properties;
}

std::string refusal_of_file(const std::vector<Property>& properties) {
    auto settings = Settings::make("my.properties", properties);
    if (!settings) return settings.error().detail;
    const auto config = make_config(std::move(*settings));
    return config ? "accepted" : config.error().detail;
}
std::string refusal(const Lines& changes) { return refusal_of_file(file(changes)); }

TEST(NodeConfig, ANodeWithoutAFileRuns) {
    auto settings = Settings::make("defaults", embedded_defaults());
    ASSERT_TRUE(settings);
    EXPECT_TRUE(settings->warnings().empty());
    const auto config = make_config(std::move(*settings));
    ASSERT_TRUE(config) << config.error().detail;
    EXPECT_EQ(config->node_id, BrokerId{1});
    EXPECT_EQ(config->log_dirs.directories, std::vector<std::string>{"data"});
    EXPECT_EQ(config->durability, storage::Durability::disk);
    ASSERT_EQ(config->advertised_listeners.size(), 1U);
    EXPECT_TRUE(config->is_controller_listener("CONTROLLER"));
    const auto server = server_config(*config, memory_plan(*config, 2));
    ASSERT_EQ(server.listeners.size(), 2U);
    EXPECT_EQ(server.listeners[0].port, 9092);
    EXPECT_FALSE(server.listeners[0].is_controller);
    EXPECT_EQ(server.listeners[1].port, 9093);
    EXPECT_TRUE(server.listeners[1].is_controller);
    EXPECT_EQ(server.limits.request_bytes_max, 104857600U);  // socket.request.max.bytes
    EXPECT_EQ(server.fetch_bytes_max, 16 << 20);             // a quarter of the memory for answers
    EXPECT_EQ(server.fetch_session_slots_max, 1000);
    EXPECT_EQ(server.limits.idle_max, Duration::millis(600'000));
}

TEST(NodeConfig, ValuesOutOfRangeAreRefused) {
    EXPECT_EQ(
        refusal({{"max.connections.per.ip.overrides", "10.0.0.1"}}),
        "my.properties:14: max.connections.per.ip.overrides=10.0.0.1 must be a list of address:number, such "
        "as 10.0.0.1:200");
    EXPECT_EQ(refusal({{"queued.max.request.bytes", "1000"}}),
              "my.properties:14: queued.max.request.bytes=1000 must be larger or equal to "
              "socket.request.max.bytes, or -1 for the default");
    EXPECT_EQ(
        refusal({{"gregor.memory.bytes", "1000"}}),
        "my.properties:14: gregor.memory.bytes=1000 must be 0 (half of the memory there is) or at least "
        "33554432");

    EXPECT_EQ(refusal({{"gregor.shards", "257"}}),
              "my.properties:14: gregor.shards=257 must be a number from 0 (one a CPU) to 256");
    EXPECT_EQ(refusal({{"gregor.disk.reserve.bytes", "-1"}}),
              "my.properties:14: gregor.disk.reserve.bytes=-1 must be a number from 0 (none)");
    EXPECT_EQ(refusal({{"gregor.ack.durability", "maybe"}}),
              "my.properties:14: gregor.ack.durability=maybe must be disk or page_cache");
    for (const auto& [key, value] : Lines{{"node.id", "9999999999"},
                                          {"node.id", "one"},
                                          {"num.partitions", "0"},
                                          {"num.partitions", "x"},
                                          {"socket.request.max.bytes", "-1"},
                                          {"auto.create.topics.enable", "maybe"},
                                          {"log.cleanup.policy", "burn"},
                                          {"log.message.timestamp.type", "Never"}}) {
        const auto text = refusal({{key, value}});
        EXPECT_TRUE(text.starts_with("my.properties:")) << text;
        EXPECT_NE(text.find(": " + key + "=" + value + " "), std::string::npos) << text;
    }
    EXPECT_EQ(refusal({{"num.partitions", "3"}}), "accepted");
}

TEST(NodeConfig, AnOverrideIsNamedAsOne) {
    auto properties = file();
    properties.push_back({"gregor.shards", "-1"});
    EXPECT_EQ(refusal_of_file(properties),
              "--override: gregor.shards=-1 must be a number from 0 (one a CPU) to 256");
}

TEST(NodeConfig, UnknownKeysAreKeptAndWarnedAbout) {
    const auto settings = Settings::make(
        "f",
        {{"nodeid", "1", 1}, {"listener.name.internal.ssl.keystore.type", "PEM", 2}, {"node.id", " 7 ", 3}});
    ASSERT_TRUE(settings);
    ASSERT_EQ(settings->warnings().size(), 1U);
    EXPECT_EQ(settings->warnings()[0],
              "f:1: nodeid=1 is not a key that this broker knows; it has no effect; did you mean node.id?");
    EXPECT_EQ(settings->number("node.id"), 7);
    EXPECT_EQ(settings->text("log.dir"), "/tmp/kafka-logs");
    EXPECT_FALSE(settings->is_given("log.dir"));
    EXPECT_EQ(*settings->static_value("nodeid"), "1");
}

TEST(NodeConfig, ANodeNeedsANumberAndItsRoles) {
    EXPECT_EQ(refusal({{"node.id", ""}}),
              "my.properties: node.id is missing: give this node a number of its own, such as node.id=1");
    EXPECT_EQ(refusal({{"node.id", ""}, {"broker.id", "4"}}), "accepted");
    EXPECT_EQ(
        refusal({{"process.roles", "broker"}}),
        "my.properties:1: process.roles=broker is not supported yet: this version runs a single node with "
        "process.roles=broker,controller");
}

TEST(NodeConfig, AStaticQuorumNamesThisNode) {
    const auto voters_of = [](const Lines& changes) {
        return make_config(*Settings::make("my.properties", file(changes)))->quorum_voters;
    };
    const auto voters = voters_of({{"controller.quorum.voters", "1@[::1]:9093"}});
    ASSERT_EQ(voters.size(), 1U);
    EXPECT_EQ(voters[0].id, BrokerId{1});
    EXPECT_TRUE(voters[0].directory_id.is_zero());
    EXPECT_EQ(voters[0].endpoints, (std::vector<raft::VoterEndpoint>{{"CONTROLLER", "::1", 9093}}));
    // As with Kafka: the last entry of an id counts, and bootstrap servers may stand beside voters.
    EXPECT_EQ(voters_of({{"controller.quorum.voters", "1@a:1, 2@b:2, 1@c:3"}}).size(), 2U);
    EXPECT_TRUE(voters_of({}).empty());
    EXPECT_EQ(
        refusal({{"controller.quorum.voters", "2@localhost:9093"}}),
        "my.properties:14: controller.quorum.voters=2@localhost:9093 does not name this node, which is a "
        "controller: add 1@host:port, or mend node.id");
    for (const auto* text :
         {"localhost:9093", "x@localhost:9093", "-1@localhost:9093", "1@localhost", "1@:9093",
          "1@localhost:x", "1@localhost:99999", "1@", "@", "4294967297@h:1", "1@0.0.0.0:9093"}) {
        const auto why = refusal({{"controller.quorum.voters", text}});
        EXPECT_NE(why.find("is no voter, which is written id@host:port"), std::string::npos) << why;
    }
    EXPECT_EQ(refusal({{"controller.quorum.bootstrap.servers", ""}}),
              "my.properties: controller.quorum.bootstrap.servers is missing, and so is "
              "controller.quorum.voters: give "
              "one of them, such as controller.quorum.bootstrap.servers=localhost:9093");
    EXPECT_EQ(refusal({{"controller.quorum.bootstrap.servers", ""}, {"controller.quorum.voters", "1@h:1"}}),
              "accepted");
}

TEST(NodeConfig, ControllersAreFoundWhereTheyAreAdvertised) {
    const auto endpoint_of = [](const Lines& changes) {
        return make_config(*Settings::make("f", file(changes)))->controller_listeners.at(0).endpoint.host;
    };
    EXPECT_EQ(endpoint_of({{"listeners", "PLAINTEXT://:9092,CONTROLLER://:9093"}}), "localhost");
    EXPECT_EQ(endpoint_of({{"listeners", "PLAINTEXT://:9092,CONTROLLER://0.0.0.0:9093"}}), "localhost");
    EXPECT_EQ(endpoint_of({{"listeners", "PLAINTEXT://:9092,CONTROLLER://here:9093"}}), "here");
    EXPECT_EQ(endpoint_of({{"advertised.listeners", "PLAINTEXT://far:9092,CONTROLLER://far:9093"}}), "far");
}

TEST(NodeConfig, ListenersFitTogether) {
    EXPECT_EQ(refusal({{"controller.listener.names", ""}}),
              "my.properties: controller.listener.names is missing: name the controller's listener, such as "
              "controller.listener.names=CONTROLLER");
    EXPECT_EQ(refusal({{"listeners", "CONTROLLER://localhost:9093"}}),
              "my.properties:3: listeners=CONTROLLER://localhost:9093 has no listener for clients: add "
              "PLAINTEXT://localhost:9092");
    EXPECT_EQ(refusal({{"controller.listener.names", "CTRL"}}),
              "my.properties:4: controller.listener.names=CTRL names CTRL, which is not in listeners: add "
              "CTRL://localhost:9093 there");
    EXPECT_EQ(
        refusal(
            {{"advertised.listeners", "OTHER://localhost:1"},
             {"listener.security.protocol.map", "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,OTHER:PLAINTEXT"}}),
        "my.properties:14: advertised.listeners=OTHER://localhost:1 names OTHER, which is not in listeners: "
        "add it there or remove it here");
    EXPECT_EQ(
        refusal({{"inter.broker.listener.name", "CONTROLLER"}}),
        "my.properties:6: inter.broker.listener.name=CONTROLLER is not a listener for clients: name one of "
        "advertised.listeners, or remove this line");
    EXPECT_EQ(refusal({{"inter.broker.listener.name", ""}}), "accepted");
    EXPECT_EQ(refusal({{"advertised.listeners", "PLAINTEXT://0.0.0.0:9092"}}),
              "my.properties:14: advertised.listeners=PLAINTEXT://0.0.0.0:9092 is an address clients cannot "
              "connect "
              "to: name the host they can reach in advertised.listeners");
}

}  // namespace
}  // namespace gregor::node
