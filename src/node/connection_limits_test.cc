#include "node/connection_limits.h"

#include <gtest/gtest.h>

#include "node/settings.h"

namespace gregor::node {
namespace {

class ConnectionLimitsTest : public testing::Test {
protected:
    ConnectionLimitsTest() {
        server.listeners = {
            {.name = "EXTERNAL"}, {.name = "BROKERS"}, {.name = "CONTROLLER", .is_controller = true}};
    }
    void set_dynamic(const std::string& broker, const std::string& name, const std::string& value) {
        const metadata::ConfigResource resource{metadata::ConfigResourceType::broker, broker};
        auto configs =
            state.configs.contains(resource) ? *state.configs.find(resource) : metadata::ConfigMap{};
        configs.set(name, value);
        state.configs.set(resource, configs);
    }
    server::QuotaLimits limits(std::vector<Property> properties, std::string_view brokers = "BROKERS") {
        const auto settings = Settings::make("my.properties", properties);
        EXPECT_TRUE(settings);
        return connection_limits({.state = state, .properties = *settings, .node = BrokerId{1}}, server,
                                 brokers);
    }

    metadata::ClusterState state;
    server::ServerConfig server;
};

TEST_F(ConnectionLimitsTest, WithoutSettingsThereAreNone) {
    const auto found = limits({});
    EXPECT_EQ(found.connections_max, server::QuotaLimits::k_none);
    EXPECT_EQ(found.rate_max, server::QuotaLimits::k_none);
    EXPECT_EQ(found.per_ip_max, server::QuotaLimits::k_none);
    EXPECT_TRUE(found.per_ip_overrides.empty());
    EXPECT_TRUE(found.address_rates.empty());
    ASSERT_EQ(found.listeners.size(), 3U);
    EXPECT_EQ(found.listeners[0].connections_max, server::QuotaLimits::k_none);
}

TEST_F(ConnectionLimitsTest, DynamicConfigsGoOverTheProperties) {
    const std::vector<Property> properties{{"max.connections", "9"},
                                           {"max.connections.per.ip", "2"},
                                           {"max.connections.per.ip.overrides", "10.0.0.1:5, ::1:7"},
                                           {"max.connection.creation.rate", "50"}};
    EXPECT_EQ(limits(properties).connections_max, 9U);
    EXPECT_EQ(limits(properties).per_ip_max, 2U);
    EXPECT_EQ(limits(properties).rate_max, 50U);
    EXPECT_EQ(limits(properties).per_ip_overrides.at("10.0.0.1"), 5U);
    EXPECT_EQ(limits(properties).per_ip_overrides.at("::1"), 7U);
    set_dynamic("", "max.connections", "8");
    EXPECT_EQ(limits(properties).connections_max, 8U);
    set_dynamic("1", "max.connections", "7");
    set_dynamic("2", "max.connections", "1");
    EXPECT_EQ(limits(properties).connections_max, 7U);
}

TEST_F(ConnectionLimitsTest, AListenerHasItsOwnOrThatOfAll) {
    set_dynamic("1", "listener.name.external.max.connection.creation.rate", "3");
    const auto found = limits({{"max.connections", "9"}, {"listener.name.external.max.connections", "4"}});
    EXPECT_EQ(found.listeners[0].connections_max, 4U);
    EXPECT_EQ(found.listeners[0].rate_max, 3U);
    EXPECT_EQ(found.listeners[1].connections_max, 9U);
    EXPECT_EQ(found.listeners[1].rate_max, server::QuotaLimits::k_none);
}

TEST_F(ConnectionLimitsTest, TheListenerOfBrokersIsProtectedWhereClientsHaveAnother) {
    EXPECT_EQ(limits({}).protected_listener, 1U);
    server.listeners.erase(server.listeners.begin());
    EXPECT_EQ(limits({}).protected_listener, std::nullopt);
}

TEST_F(ConnectionLimitsTest, OverridesThatNobodyUnderstandsHaveNoEffect) {
    EXPECT_FALSE(parse_ip_overrides("10.0.0.1"));
    EXPECT_FALSE(parse_ip_overrides(":5"));
    EXPECT_FALSE(parse_ip_overrides("a:-1"));
    set_dynamic("1", "max.connections.per.ip.overrides", "10.0.0.1");
    EXPECT_TRUE(limits({}).per_ip_overrides.empty());
}

}  // namespace
}  // namespace gregor::node
