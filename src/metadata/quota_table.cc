#include "metadata/quota_table.h"

#include <array>

namespace gregor::metadata {
namespace {

constexpr std::string_view k_user = "user";
constexpr std::string_view k_client_id = "client-id";
constexpr std::string_view k_ip = "ip";
constexpr std::string_view k_connection_rate = "connection_creation_rate";

}  // namespace

QuotaTable::QuotaTable(const ClusterState& state, std::string_view key) {
    for (const auto& [entity, quotas] : state.client_quotas) {
        const auto* bound = quotas.find(key);
        if (bound == nullptr) continue;
        Level<std::string> level;
        for (const auto& part : entity) {
            const auto kind = part.name ? Part::named : Part::any;
            if (part.type == k_user) {
                level.user_part = kind;
                level.user = part.name.value_or("");
            } else if (part.type == k_client_id) {
                level.client_part = kind;
                level.client_id = part.name.value_or("");
            }
        }
        bounds_.emplace(std::move(level), *bound);
    }
}

const double* QuotaTable::bound_of(const Level<std::string_view>& level) const {
    const auto found = bounds_.find(level);
    return found == bounds_.end() ? nullptr : &found->second;
}

std::optional<ClientQuota> QuotaTable::find(const QuotaClient& client) const {
    if (bounds_.empty()) return std::nullopt;
    struct Rank {
        Part user;
        Part client_id;
    };
    static constexpr auto k_ranks = std::to_array<Rank>({{Part::named, Part::named},
                                                         {Part::named, Part::any},
                                                         {Part::named, Part::absent},
                                                         {Part::any, Part::named},
                                                         {Part::any, Part::any},
                                                         {Part::any, Part::absent},
                                                         {Part::absent, Part::named},
                                                         {Part::absent, Part::any}});
    for (const auto& [user, client_id] : k_ranks) {
        const auto* bound = bound_of({.user_part = user,
                                      .client_part = client_id,
                                      .user = user == Part::named ? client.user : "",
                                      .client_id = client_id == Part::named ? client.client_id : ""});
        if (bound == nullptr) continue;
        return ClientQuota{.bound = *bound,
                           .sharers = {.user = user == Part::absent ? "" : client.user,
                                       .client_id = client_id == Part::absent ? "" : client.client_id}};
    }
    return std::nullopt;
}

AddressQuotas AddressQuotas::of(const ClusterState& state) {
    AddressQuotas found;
    for (const auto& [entity, quotas] : state.client_quotas) {
        const auto* bound = quotas.find(k_connection_rate);
        if (bound == nullptr || entity.size() != 1 || entity.front().type != k_ip) continue;
        if (const auto& name = entity.front().name) {
            found.named.emplace(*name, *bound);
        } else {
            found.any = *bound;
        }
    }
    return found;
}

std::optional<double> AddressQuotas::find(std::string_view address) const {
    const auto own = named.find(address);
    return own == named.end() ? any : std::optional(own->second);
}

}  // namespace gregor::metadata
