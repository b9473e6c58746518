#include "server/connection_quotas.h"

#include <gtest/gtest.h>

#include <string>

#include "server/test_world.h"

namespace gregor::server {
namespace {

class ConnectionQuotasTest : public testing::Test {
protected:
    void ask(const std::string& host, std::uint32_t listener = 0) {
        const auto place = answers.size();
        answers += '?';
        quotas.ask({host, listener}, [this, place](bool admitted) { answers[place] = admitted ? '+' : '-'; });
    }
    void release(const std::string& host, std::uint32_t listener = 0) { quotas.release({host, listener}); }

    test::Hand hand;
    test::NoShards shards;
    test::NoDisk disk;
    test::NoNetwork network;
    ConnectionQuotas quotas{{ShardId{0}, hand, hand, hand, shards, disk, network}, QuotaWindow{}};
    std::string answers;  // in order of asking
};

TEST_F(ConnectionQuotasTest, OverTheLimitOfAllConnectionsOneWaits) {
    quotas.set_limits({.connections_max = 2});
    for (const auto* host : {"a", "b", "c", "d"}) ask(host);
    EXPECT_EQ(answers, "++??");
    release("b");
    EXPECT_EQ(answers, "+++?");
    EXPECT_EQ(quotas.open(), 2U);
    release("a");
    release("c");
    EXPECT_EQ(answers, "++++");
    EXPECT_EQ(quotas.open(), 1U);
    EXPECT_EQ(hand.timers(), 0U);
}

TEST_F(ConnectionQuotasTest, OverTheLimitOfItsAddressItIsRefused) {
    quotas.set_limits({.per_ip_max = 2, .per_ip_overrides = {{"big", 3}, {"none", 0}}});
    for (const auto* host : {"a", "a", "a", "b", "big", "big", "big", "big", "none"}) ask(host);
    EXPECT_EQ(answers, "++-++++--");
    release("a");
    ask("a");
    EXPECT_EQ(answers, "++-++++--+");
}

TEST_F(ConnectionQuotasTest, WhoWaitedIsStillUnderTheLimitOfItsAddress) {
    quotas.set_limits({.connections_max = 2, .per_ip_max = 1});
    for (const auto* host : {"a", "b", "a", "c"}) ask(host);
    EXPECT_EQ(answers, "++??");
    release("b");
    EXPECT_EQ(answers, "++-+");
}

TEST_F(ConnectionQuotasTest, ThoseWhoWaitAreLimited) {
    quotas.set_limits({.connections_max = 0});
    for (std::size_t i = 0; i <= ConnectionQuotas::k_waiting_max; ++i) ask("a");
    EXPECT_EQ(quotas.waiting(), ConnectionQuotas::k_waiting_max);
    EXPECT_EQ(answers.back(), '-');
    EXPECT_EQ(answers.front(), '?');
}

TEST_F(ConnectionQuotasTest, NewLimitsCountAtOnce) {
    quotas.set_limits({.connections_max = 1});
    for (const auto* host : {"a", "b", "c"}) ask(host);
    EXPECT_EQ(answers, "+??");
    quotas.set_limits({.connections_max = 2});
    EXPECT_EQ(answers, "++?");
    quotas.set_limits({});
    EXPECT_EQ(answers, "+++");
}

TEST_F(ConnectionQuotasTest, AListenerHasALimitOfItsOwn) {
    quotas.set_limits({.connections_max = 3, .listeners = {{.connections_max = 1}, {}}});
    ask("a", 0);
    ask("b", 0);
    ask("c", 1);
    ask("d", 1);
    ask("e", 1);
    EXPECT_EQ(answers, "+?++?");
    release("c", 1);  // no help for listener 0
    EXPECT_EQ(answers, "+?+++");
    release("a", 0);
    EXPECT_EQ(answers, "+++++");
}

TEST_F(ConnectionQuotasTest, BrokersDoNotWaitForTheirClients) {
    quotas.set_limits({.connections_max = 1, .listeners = {}, .protected_listener = 1});
    ask("client", 0);
    ask("client", 0);
    ask("broker", 1);
    EXPECT_EQ(answers, "+?+");
}

TEST_F(ConnectionQuotasTest, ConnectionsThatComeTooFastWaitForTheirTime) {
    quotas.set_limits({.rate_max = 1});
    for (int i = 0; i < 12; ++i) ask("a");
    EXPECT_EQ(answers, "++++++++++??");
    hand.advance(Duration::millis(999));
    EXPECT_EQ(answers, "++++++++++??");
    hand.advance(Duration::millis(1));
    EXPECT_EQ(answers, "++++++++++++");
    EXPECT_EQ(hand.timers(), 0U);
}

TEST_F(ConnectionQuotasTest, AnAddressThatComesTooFastIsClosedALittleLater) {
    quotas.set_limits({.address_rates = {.named = {{"fast", 100}}, .any = 1}});
    for (int i = 0; i < 11; ++i) ask("a");
    for (int i = 0; i < 11; ++i) ask("fast");
    EXPECT_EQ(answers, "++++++++++?+++++++++++");
    hand.advance(Duration::seconds(1));
    EXPECT_EQ(answers, "++++++++++-+++++++++++");
    hand.advance(Duration::seconds(10));
    ask("a");
    EXPECT_EQ(answers, "++++++++++-++++++++++++");
}

}  // namespace
}  // namespace gregor::server
