#include "server/connection_quotas.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace gregor::server {
namespace {

class ConnectionQuotasTest : public testing::Test {
protected:
    void ask(const std::string& host) {
        const auto place = answers.size();
        answers += '?';
        quotas->ask(host, [this, place](bool admitted) { answers[place] = admitted ? '+' : '-'; });
    }
    std::optional<ConnectionQuotas> quotas;
    std::string answers;  // in order of asking
};

TEST_F(ConnectionQuotasTest, OverTheLimitOfAllConnectionsOneWaits) {
    quotas.emplace(QuotaLimits{.connections_max = 2});
    for (const auto* host : {"a", "b", "c", "d"}) ask(host);
    EXPECT_EQ(answers, "++??");
    quotas->release("b");
    EXPECT_EQ(answers, "+++?");
    EXPECT_EQ(quotas->open(), 2U);
    quotas->release("a");
    quotas->release("c");
    EXPECT_EQ(answers, "++++");
    EXPECT_EQ(quotas->open(), 1U);
}

TEST_F(ConnectionQuotasTest, OverTheLimitOfItsAddressItIsRefused) {
    quotas.emplace(QuotaLimits{.per_ip_max = 2, .per_ip_overrides = {{"big", 3}, {"none", 0}}});
    for (const auto* host : {"a", "a", "a", "b", "big", "big", "big", "big", "none"}) ask(host);
    EXPECT_EQ(answers, "++-++++--");
    quotas->release("a");
    ask("a");
    EXPECT_EQ(answers, "++-++++--+");
}

TEST_F(ConnectionQuotasTest, WhoWaitedIsStillUnderTheLimitOfItsAddress) {
    quotas.emplace(QuotaLimits{.connections_max = 2, .per_ip_max = 1});
    for (const auto* host : {"a", "b", "a", "c"}) ask(host);
    EXPECT_EQ(answers, "++??");
    quotas->release("b");
    EXPECT_EQ(answers, "++-+");
}

TEST_F(ConnectionQuotasTest, ThoseWhoWaitAreLimited) {
    quotas.emplace(QuotaLimits{.connections_max = 0});
    for (std::size_t i = 0; i <= ConnectionQuotas::k_waiting_max; ++i) ask("a");
    EXPECT_EQ(quotas->waiting(), ConnectionQuotas::k_waiting_max);
    EXPECT_EQ(answers.back(), '-');
    EXPECT_EQ(answers.front(), '?');
}

}  // namespace
}  // namespace gregor::server
