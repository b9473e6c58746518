#include "server/client_quotas.h"

#include <gtest/gtest.h>

#include <deque>
#include <memory>

#include "server/test_world.h"

namespace gregor::server {
namespace {

// Several shards whose mailboxes are emptied by hand.
struct Mailboxes final : io::Shards {
    std::uint32_t count() const override { return 2; }
    void submit(ShardId, io::Task task) override { tasks.push_back(std::move(task)); }
    void settle() {
        while (!tasks.empty()) {
            auto task = std::move(tasks.front());
            tasks.pop_front();
            task();
        }
    }
    std::deque<io::Task> tasks;
};

class ClientQuotasTest : public testing::Test {
protected:
    ClientQuotasTest() {
        std::vector<ClientQuotas*> all;
        for (std::uint32_t i = 0; i < 2; ++i) {
            shards.push_back(std::make_unique<ClientQuotas>(
                io::ShardPorts{ShardId{i}, hand, hand, hand, mailboxes, disk, network}, QuotaWindow{}));
            all.push_back(shards.back().get());
        }
        for (auto& shard : shards) shard->connect(all);
    }
    void set(std::string_view key, std::optional<double> bound,
             std::optional<std::string> client = std::nullopt) {
        const metadata::QuotaEntity entity{{"client-id", std::move(client)}};
        auto quotas = state.client_quotas.contains(entity) ? *state.client_quotas.find(entity)
                                                           : PersistentMap<std::string, double>{};
        bound ? quotas.set(std::string(key), *bound) : void(quotas.erase(key));
        state.client_quotas.set(entity, quotas);
        for (auto& shard : shards) shard->on_image(state);
    }
    std::int64_t use(std::size_t shard, QuotaKind kind, double amount, std::string_view client = "c") {
        const auto held = shards[shard]->record(kind, {"u", client}, amount);
        hand.settle();
        mailboxes.settle();
        return held.to_millis();
    }

    test::Hand hand;
    Mailboxes mailboxes;
    test::NoDisk disk;
    test::NoNetwork network;
    metadata::ClusterState state;
    std::vector<std::unique_ptr<ClientQuotas>> shards;
};

TEST_F(ClientQuotasTest, WithoutAQuotaNothingIsMeasured) {
    EXPECT_EQ(use(0, QuotaKind::produce, 1e9), 0);
    EXPECT_EQ(shards[0]->measured(QuotaKind::produce), 0U);
    EXPECT_EQ(shards[0]->most_at_once(QuotaKind::fetch, {"u", "c"}), std::nullopt);
}

TEST_F(ClientQuotasTest, ConnectionsOnAllShardsShareAQuota) {
    set("producer_byte_rate", 1'000);
    EXPECT_EQ(use(0, QuotaKind::produce, 6'000), 0);
    EXPECT_EQ(use(1, QuotaKind::produce, 6'000), 2'000);
    EXPECT_EQ(use(0, QuotaKind::produce, 1'000), 3'000);
}

TEST_F(ClientQuotasTest, AChangeCountsAtOnceAndForWhatWasUsedBefore) {
    set("producer_byte_rate", 1'000);
    EXPECT_EQ(use(0, QuotaKind::produce, 10'000), 0);
    set("producer_byte_rate", 500);
    EXPECT_EQ(use(0, QuotaKind::produce, 0), 10'000);
    set("producer_byte_rate", std::nullopt);
    EXPECT_EQ(use(0, QuotaKind::produce, 1e9), 0);
}

TEST_F(ClientQuotasTest, TimeHoldsBackForOneSampleAtMost) {
    set("request_percentage", 1);
    EXPECT_EQ(use(0, QuotaKind::request, 10), 0);
    EXPECT_EQ(use(0, QuotaKind::request, 0.5), 500);
    EXPECT_EQ(use(0, QuotaKind::request, 10'000), 1'000);
}

TEST_F(ClientQuotasTest, WhatFitsAtOnceIsTheFullSamples) {
    set("consumer_byte_rate", 1'000);
    EXPECT_EQ(shards[0]->most_at_once(QuotaKind::fetch, {"u", "c"}), 10'000);
}

TEST_F(ClientQuotasTest, IdleClientsAreForgottenAsOthersCome) {
    set("producer_byte_rate", 1'000);
    for (int i = 0; i < 5'000; ++i) {
        if (i % 100 == 0) hand.advance(Duration::seconds(1));
        use(0, QuotaKind::produce, 1, std::to_string(i));
    }
    EXPECT_LT(shards[0]->measured(QuotaKind::produce), 2'500U);
    EXPECT_EQ(hand.timers(), 0U);
}

TEST_F(ClientQuotasTest, ClientsBeyondTheMaximumAreMeasuredTogether) {
    set("producer_byte_rate", 1'000);
    for (std::size_t i = 0; i < ClientQuotas::k_sharers_max; ++i)
        shards[0]->record(QuotaKind::produce, {"u", std::to_string(i)}, 1);
    hand.settle();
    mailboxes.tasks.clear();
    EXPECT_EQ(use(0, QuotaKind::produce, 10'000, "one more"), 0);
    EXPECT_EQ(use(0, QuotaKind::produce, 1'000, "and another"), 1'000);
    EXPECT_LE(shards[0]->measured(QuotaKind::produce), ClientQuotas::k_sharers_max + 1);
}

}  // namespace
}  // namespace gregor::server
