#include "metadata/quota_table.h"

#include <algorithm>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace gregor::metadata {
namespace {

using Name = std::optional<std::string>;

class QuotaTableTest : public testing::Test {
protected:
    void set(std::vector<std::pair<std::string, Name>> parts, std::string_view key, double bound) {
        QuotaEntity entity;
        for (auto& [type, name] : parts) entity.push_back({std::move(type), std::move(name)});
        std::ranges::sort(entity);
        auto quotas = state.client_quotas.contains(entity) ? *state.client_quotas.find(entity)
                                                           : PersistentMap<std::string, double>{};
        quotas.set(std::string(key), bound);
        state.client_quotas.set(entity, quotas);
    }
    std::string find(QuotaClient client) const {
        const auto quota = QuotaTable(state, "producer_byte_rate").find(client);
        if (!quota) return "none";
        return fmt::format("{} of user '{}' client '{}'", quota->bound, quota->sharers.user,
                           quota->sharers.client_id);
    }

    ClusterState state;
};

// The eight levels, from the last to the first: each takes the place of the one before.
TEST_F(QuotaTableTest, TheFirstLevelThatExistsCounts) {
    const std::string key = "producer_byte_rate";
    EXPECT_EQ(find({"u", "c"}), "none");
    set({{"client-id", std::nullopt}}, key, 8);
    EXPECT_EQ(find({"u", "c"}), "8 of user '' client 'c'");
    set({{"client-id", "c"}}, key, 7);
    EXPECT_EQ(find({"u", "c"}), "7 of user '' client 'c'");
    set({{"user", std::nullopt}}, key, 6);
    EXPECT_EQ(find({"u", "c"}), "6 of user 'u' client ''");
    set({{"user", std::nullopt}, {"client-id", std::nullopt}}, key, 5);
    EXPECT_EQ(find({"u", "c"}), "5 of user 'u' client 'c'");
    set({{"user", std::nullopt}, {"client-id", "c"}}, key, 4);
    EXPECT_EQ(find({"u", "c"}), "4 of user 'u' client 'c'");
    set({{"user", "u"}}, key, 3);
    EXPECT_EQ(find({"u", "c"}), "3 of user 'u' client ''");
    set({{"user", "u"}, {"client-id", std::nullopt}}, key, 2);
    EXPECT_EQ(find({"u", "c"}), "2 of user 'u' client 'c'");
    set({{"user", "u"}, {"client-id", "c"}}, key, 1);
    EXPECT_EQ(find({"u", "c"}), "1 of user 'u' client 'c'");
    EXPECT_EQ(find({"v", "c"}), "4 of user 'v' client 'c'");
    EXPECT_EQ(find({"u", "d"}), "2 of user 'u' client 'd'");
}

TEST_F(QuotaTableTest, EachKeyHasLevelsOfItsOwn) {
    set({{"user", "u"}, {"client-id", "c"}}, "request_percentage", 50);
    set({{"client-id", "c"}}, "producer_byte_rate", 100);
    EXPECT_EQ(find({"u", "c"}), "100 of user '' client 'c'");
}

// A client that calls itself nothing is not the default entity, nor the other way round.
TEST_F(QuotaTableTest, AnEmptyClientIdHasTheDefault) {
    set({{"client-id", std::nullopt}}, "producer_byte_rate", 9);
    EXPECT_EQ(find({"u", ""}), "9 of user '' client ''");
}

TEST_F(QuotaTableTest, AddressesHaveTheirOwnOrTheDefault) {
    EXPECT_TRUE(AddressQuotas::of(state).empty());
    set({{"ip", "192.0.2.7"}}, "connection_creation_rate", 5);
    EXPECT_EQ(AddressQuotas::of(state).find("192.0.2.8"), std::nullopt);
    set({{"ip", std::nullopt}}, "connection_creation_rate", 20);
    EXPECT_EQ(AddressQuotas::of(state).find("192.0.2.8"), 20);
    EXPECT_EQ(AddressQuotas::of(state).find("192.0.2.7"), 5);
}

}  // namespace
}  // namespace gregor::metadata
