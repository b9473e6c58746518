#include "server/client_quotas.h"

#include <algorithm>

namespace gregor::server {
namespace {

constexpr std::array<std::string_view, 3> k_keys = {"producer_byte_rate", "consumer_byte_rate",
                                                    "request_percentage"};
constexpr std::string_view k_rest = "";  // those beyond the maximum

}  // namespace

void ClientQuotas::on_image(const metadata::ClusterState& state) {
    for (std::size_t i = 0; i < k_kinds; ++i) {
        tables_[i] = metadata::QuotaTable(state, k_keys[i]);
        if (tables_[i].empty()) rates_[i].clear();
    }
}

Duration ClientQuotas::record(QuotaKind kind, const metadata::QuotaClient& client, double amount) {
    const auto quota = table(kind).find(client);
    if (!quota) return {};
    const auto now = ports_.clock.now();
    auto& rate = rate_of(kind, quota->sharers, now);
    if (amount != 0) {
        rate.record(window_, amount, now);
        if (shards_.size() > 1) {
            tell_others({.kind = kind,
                         .sharers = {std::string(quota->sharers.user), std::string(quota->sharers.client_id)},
                         .amount = amount});
        }
    }
    const auto excess = rate.excess(window_, quota->bound, now);
    // What a request takes is known only afterwards: one that took long does not stop its client for long.
    return kind == QuotaKind::request ? std::min(excess, window_.sample) : excess;
}

std::optional<double> ClientQuotas::most_at_once(QuotaKind kind, const metadata::QuotaClient& client) const {
    const auto quota = table(kind).find(client);
    if (!quota) return std::nullopt;
    const auto seconds = window_.sample.to_millis() / 1'000 * static_cast<std::int64_t>(window_.samples - 1);
    return quota->bound * static_cast<double>(seconds);
}

QuotaRate& ClientQuotas::rate_of(QuotaKind kind, const metadata::QuotaSharers& sharers, Instant now) {
    auto& rates = rates_[index(kind)];
    const auto found = rates.find(sharers);
    if (found != rates.end()) return found->second;
    if (rates.size() >= forget_at_[index(kind)]) forget_idle(kind, now);
    if (rates.size() >= k_sharers_max) return rates[{std::string(k_rest), std::string(k_rest)}];
    return rates[{std::string(sharers.user), std::string(sharers.client_id)}];
}

void ClientQuotas::forget_idle(QuotaKind kind, Instant now) {
    auto& rates = rates_[index(kind)];
    std::erase_if(rates,
                  [&](const auto& entry) { return now - entry.second.last_recorded() >= window_.memory(); });
    forget_at_[index(kind)] = std::clamp(rates.size() * 2, k_forget_min, k_sharers_max);
}

// ---------------------------------------------------------------- shards

void ClientQuotas::tell_others(Use use) {
    untold_.push_back(std::move(use));
    if (untold_.size() == 1) ports_.executor.post([this] { send_uses(); });
}

void ClientQuotas::send_uses() {
    const auto uses = std::exchange(untold_, {});
    for (std::uint32_t i = 0; i < shards_.size(); ++i) {
        if (ShardId{i} == ports_.shard) continue;
        ports_.shards.submit(ShardId{i}, [shard = shards_[i], uses] { shard->take(uses); });
    }
}

void ClientQuotas::take(const std::vector<Use>& uses) {
    const auto now = ports_.clock.now();
    for (const auto& use : uses) {
        if (table(use.kind).empty()) continue;
        rate_of(use.kind, {use.sharers.user, use.sharers.client_id}, now).record(window_, use.amount, now);
    }
}

}  // namespace gregor::server
