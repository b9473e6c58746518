// DescribeClientQuotas v0..v1.
#include "gen/api/describe_client_quotas.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "metadata/image_source.h"
#include "server/handlers/admin_handlers.h"
#include "server/request_context.h"

namespace gregor::server {
namespace {

using msg::DescribeClientQuotasRequest;
using msg::DescribeClientQuotasResponse;
using Component = DescribeClientQuotasRequest::ComponentData;

enum class Match : std::int8_t { exact = 0, default_entity = 1, any = 2 };

Status check_match(const Component& component) {
    switch (static_cast<Match>(component.match_type)) {
        case Match::exact:
            if (component.match) return {};
            return fail(ErrorCode::invalid_request,
                        "Request specified MATCH_TYPE_EXACT, but set match string to null.");
        case Match::default_entity:
            if (!component.match) return {};
            return fail(ErrorCode::invalid_request,
                        "Request specified MATCH_TYPE_DEFAULT, but also specified a match string.");
        case Match::any:
            if (!component.match) return {};
            return fail(ErrorCode::invalid_request,
                        "Request specified MATCH_TYPE_SPECIFIED, but also specified a match string.");
    }
    return fail(ErrorCode::invalid_request, fmt::format("Unknown match type {}", component.match_type));
}

Status check(const DescribeClientQuotasRequest& request) {
    constexpr auto k_types = std::to_array<std::string_view>({"client-id", "ip", "user"});
    std::set<std::string_view> types;
    for (const auto& component : request.components) {
        if (component.entity_type.empty())
            return fail(ErrorCode::invalid_request, "Invalid empty entity type.");
        if (std::ranges::find(k_types, component.entity_type) == k_types.end()) {
            return fail(ErrorCode::unsupported_version,
                        fmt::format("Unsupported entity type {}", component.entity_type));
        }
        if (!types.insert(component.entity_type).second) {
            return fail(ErrorCode::invalid_request,
                        fmt::format("Entity type {} cannot appear more than once in the filter.",
                                    component.entity_type));
        }
        TRY_STATUS(check_match(component));
    }
    if (types.contains("ip") && types.size() > 1) {
        return fail(
            ErrorCode::invalid_request,
            "Invalid entity filter component combination. IP filter component should not be used with "
            "user or clientId filter component.");
    }
    return {};
}

bool matches(const Component& component, const metadata::QuotaEntity& entity) {
    const auto part = std::ranges::find(entity, component.entity_type, &metadata::QuotaEntityPart::type);
    if (part == entity.end()) return false;
    switch (static_cast<Match>(component.match_type)) {
        case Match::exact: return part->name && *part->name == *component.match;
        case Match::default_entity: return !part->name;
        case Match::any: return true;
    }
    return false;
}

bool matches(const DescribeClientQuotasRequest& request, const metadata::QuotaEntity& entity) {
    if (request.strict && entity.size() != request.components.size()) return false;
    return std::ranges::all_of(request.components,
                               [&entity](const Component& each) { return matches(each, entity); });
}

void add(DescribeClientQuotasResponse& response, const metadata::QuotaEntity& entity,
         const PersistentMap<std::string, double>& quotas) {
    auto& row = response.entries->emplace_back();
    for (const auto& part : entity) {
        auto& entry = row.entity.emplace_back();
        entry.entity_type = part.type;
        entry.entity_name = part.name ? std::optional<std::string_view>(*part.name) : std::nullopt;
    }
    for (const auto& [key, value] : quotas) {
        auto& entry = row.values.emplace_back();
        entry.key = key;
        entry.value = value;
    }
}

}  // namespace

void handle_describe_client_quotas(const DescribeClientQuotasRequest& request, RequestContext& context,
                                   Completion<DescribeClientQuotasResponse> done) {
    DescribeClientQuotasResponse response;
    auto status = check(request);
    if (!context.allows_cluster(security::Operation::describe_configs))
        status = fail(ErrorCode::cluster_authorization_failed, "Cluster authorization failed.");
    if (!status) {
        response.error_code = status.error().code;
        response.error_message = status.error().detail;
        response.entries = std::nullopt;
        return done(std::move(response));
    }
    response.error_message = "";
    response.entries.emplace();
    const auto image = context.services().images.current();
    for (const auto& [entity, quotas] : image->client_quotas) {
        if (matches(request, entity)) add(response, entity, quotas);
    }
    done(std::move(response));
}

}  // namespace gregor::server
