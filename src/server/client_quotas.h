// How much each client uses of what quotas limit (KIP-13, KIP-124): bytes in, bytes out, and time of the
// shards.
//
// Shard state, but the quotas are the node's: every shard keeps the same rates, and tells the others once a
// turn what its clients used. So nobody waits for an answer, and clients without a quota cost nothing.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "io/ports.h"
#include "metadata/image.h"
#include "metadata/quota_table.h"
#include "server/quota_rate.h"

namespace gregor::server {

enum class QuotaKind : std::uint8_t { produce, fetch, request };

class ClientQuotas {
public:
    // Of one kind, within one window; further ones are measured together. They are forgotten when nothing is
    // left of what they did, as others come.
    static constexpr std::size_t k_sharers_max = 100'000;

    ClientQuotas(const io::ShardPorts& ports, const QuotaWindow& window) : ports_(ports), window_(window) {}

    // The same of all shards, in their order; once, before the first use.
    void connect(std::vector<ClientQuotas*> shards) { shards_ = std::move(shards); }
    // The quotas of this image count from now on.
    void on_image(const metadata::ClusterState& state);

    bool limits(QuotaKind kind) const { return !table(kind).empty(); }
    // Notes what the client used (or did not use after all: a negative amount). How long it is to be held
    // back.
    Duration record(QuotaKind kind, const metadata::QuotaClient& client, double amount);
    // More than this at once always means holding back. None: no quota.
    std::optional<double> most_at_once(QuotaKind kind, const metadata::QuotaClient& client) const;

    std::size_t measured(QuotaKind kind) const { return rates_[index(kind)].size(); }

private:
    static constexpr std::size_t k_kinds = 3;
    struct Sharers {
        std::string user;
        std::string client_id;
    };
    struct Less {
        using is_transparent = void;
        template <class A, class B>
        bool operator()(const A& a, const B& b) const {
            const auto key = [](const auto& sharers) {
                return std::tuple(std::string_view(sharers.user), std::string_view(sharers.client_id));
            };
            return key(a) < key(b);
        }
    };
    using Rates = std::map<Sharers, QuotaRate, Less>;
    struct Use {
        QuotaKind kind = QuotaKind::produce;
        Sharers sharers;
        double amount = 0;
    };

    static std::size_t index(QuotaKind kind) { return static_cast<std::size_t>(kind); }
    const metadata::QuotaTable& table(QuotaKind kind) const { return tables_[index(kind)]; }
    QuotaRate& rate_of(QuotaKind kind, const metadata::QuotaSharers& sharers, Instant now);
    void forget_idle(QuotaKind kind, Instant now);
    void tell_others(Use use);
    void send_uses();
    void take(const std::vector<Use>& uses);

    io::ShardPorts ports_;
    const QuotaWindow window_;
    std::array<metadata::QuotaTable, k_kinds> tables_;
    std::array<Rates, k_kinds> rates_;
    std::array<std::size_t, k_kinds> forget_at_{k_forget_min, k_forget_min, k_forget_min};
    std::vector<ClientQuotas*> shards_;
    std::vector<Use> untold_;

    static constexpr std::size_t k_forget_min = 256;
};

}  // namespace gregor::server
