// AlterClientQuotas v0..v1. Each entity is answered for itself; what changes nothing writes nothing.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "controller/administration.h"
#include "gen/meta/client_quota.h"
#include "metadata/config_table.h"
#include "metadata/record_codec.h"

namespace gregor::controller {
namespace {

using Entry = msg::AlterClientQuotasRequest::EntryData;
using Op = msg::AlterClientQuotasRequest::OpData;
using metadata::QuotaEntity;

constexpr auto k_entity_types = std::to_array<std::string_view>({"client-id", "user", "ip"});  // as written

constexpr double k_rounding = 1e-6;  // so near a whole number a value is one, also near zero

std::unexpected<Error> refused(std::string why) { return fail(ErrorCode::invalid_request, std::move(why)); }

// One part a type, the last one counts.
QuotaEntity entity_of(const Entry& entry) {
    QuotaEntity entity;
    for (const auto& part : entry.entity) {
        std::erase_if(entity, [&part](const auto& known) { return known.type == part.entity_type; });
        entity.push_back({std::string(part.entity_type),
                          part.entity_name ? std::optional(std::string(*part.entity_name)) : std::nullopt});
    }
    std::ranges::sort(entity, {}, [](const auto& part) {
        return std::ranges::find(k_entity_types, part.type) - k_entity_types.begin();
    });
    return entity;
}

bool has_type(const QuotaEntity& entity, std::string_view type) {
    return std::ranges::find(entity, type, &metadata::QuotaEntityPart::type) != entity.end();
}

// An address, or a name that could be a host's; who asks for it is not known here.
bool is_host(std::string_view text) {
    constexpr std::string_view k_chars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:";
    return !text.empty() && text.find_first_not_of(k_chars) == std::string_view::npos;
}

Status check_entity(const QuotaEntity& entity) {
    if (entity.empty()) return refused("Invalid empty client quota entity");
    for (const auto& part : entity) {
        if (std::ranges::find(k_entity_types, part.type) == k_entity_types.end())
            return refused(fmt::format("Unhandled client quota entity type: {}", part.type));
        if (part.name && part.name->empty()) return refused(fmt::format("Empty {} not supported", part.type));
    }
    if (!has_type(entity, "ip")) return {};
    if (entity.size() > 1) {
        return refused(
            "Invalid quota entity combination, IP entity should not be combined with User or ClientId");
    }
    const auto& ip = entity.front().name;
    if (ip && !is_host(*ip)) return refused(fmt::format("{} is not a valid IP or resolvable host.", *ip));
    return {};
}

Status check_value(const QuotaEntity& entity, std::string_view name, double value) {
    using metadata::ConfigScope;
    const auto scope = has_type(entity, "ip") ? ConfigScope::ip_quota : ConfigScope::user_client_quota;
    const auto* key = metadata::find_config(scope, name);
    if (key == nullptr) return refused(fmt::format("Invalid configuration key {}", name));
    if (!(value > 0)) return refused(fmt::format("Quota {} must be greater than 0", name));
    if (key->type == metadata::ConfigType::float64) return {};
    const bool is_long = key->type == metadata::ConfigType::int64;
    const auto most = is_long ? static_cast<double>(std::numeric_limits<std::int64_t>::max())
                              : static_cast<double>(std::numeric_limits<std::int32_t>::max());
    if (value > most) {
        return refused(
            fmt::format("Proposed value for {} is too large for {}.", name, is_long ? "a LONG" : "an INT"));
    }
    const bool is_whole = std::abs(std::trunc(value + k_rounding) - value) <= k_rounding;
    if (!is_whole) return refused(fmt::format("{} cannot be a fractional value.", name));
    return {};
}

class QuotaAlteration {
public:
    QuotaAlteration(const msg::AlterClientQuotasRequest& request, const DecisionContext& context)
        : request_(request), context_(context) {}

    Decision<msg::AlterClientQuotasResponse> decide() {
        for (const auto& entry : request_.entries) {
            entities_.push_back(entity_of(entry));
            ++mentions_[entities_.back()];
        }
        std::set<QuotaEntity> answered;
        for (std::size_t i = 0; i < entities_.size(); ++i) {
            if (!answered.insert(entities_[i]).second) continue;
            answer(entities_[i], alter(entities_[i], request_.entries[i]));
        }
        if (decision_.records.size() > k_records_per_batch_max) refuse_all();
        if (request_.validate_only) decision_.records.clear();
        return std::move(decision_);
    }

private:
    Status alter(const QuotaEntity& entity, const Entry& entry) {
        if (mentions_[entity] > 1) return refused("An entity must appear at most once in a request");
        TRY_STATUS(check_entity(entity));
        std::set<std::string_view> keys;
        std::vector<Slice> records;
        for (const auto& op : entry.ops) {
            if (!keys.insert(op.key).second)
                return refused(fmt::format("{} must appear at most once for an entity", op.key));
            if (!op.remove) TRY_STATUS(check_value(entity, op.key, op.value));
            if (changes(entity, op)) records.push_back(record(entity, op));
        }
        std::ranges::move(records, std::back_inserter(decision_.records));
        return {};
    }

    bool changes(const QuotaEntity& entity, const Op& op) const {
        auto sorted = entity;
        std::ranges::sort(sorted);
        const auto* quotas = context_.state.client_quotas.find(sorted);
        const auto* now = quotas == nullptr ? nullptr : quotas->find(op.key);
        return op.remove ? now != nullptr : now == nullptr || *now != op.value;
    }

    static Slice record(const QuotaEntity& entity, const Op& op) {
        msg::ClientQuotaRecord record;
        for (const auto& part : entity) {
            auto& row = record.entity.emplace_back();
            row.entity_type = part.type;
            row.entity_name = part.name ? std::optional<std::string_view>(*part.name) : std::nullopt;
        }
        record.key = op.key;
        record.value = op.remove ? 0.0 : op.value;
        record.remove = op.remove;
        return metadata::encode_record(record, 0);
    }

    void answer(const QuotaEntity& entity, const Status& status) {
        auto& row = decision_.response.entries.emplace_back();
        row.error_message = std::nullopt;
        if (!status) {
            row.error_code = status.error().code;
            row.error_message = decision_.keep(status.error().detail);
        }
        for (const auto& part : entity) {
            auto& entry = row.entity.emplace_back();
            entry.entity_type = decision_.keep(part.type);
            entry.entity_name = part.name ? std::optional(decision_.keep(*part.name)) : std::nullopt;
        }
    }

    void refuse_all() {
        decision_ = {};
        const auto why = refused(
            fmt::format("At most {} changes fit one request; send several.", k_records_per_batch_max));
        for (const auto& entity : entities_) answer(entity, why);
    }

    const msg::AlterClientQuotasRequest& request_;
    const DecisionContext& context_;
    std::vector<QuotaEntity> entities_;
    std::map<QuotaEntity, int> mentions_;
    Decision<msg::AlterClientQuotasResponse> decision_;
};

}  // namespace

Decision<msg::AlterClientQuotasResponse> decide(const msg::AlterClientQuotasRequest& request, std::int16_t,
                                                const DecisionContext& context) {
    return QuotaAlteration(request, context).decide();
}

}  // namespace gregor::controller
