// ApiVersions v0..v4.   v3 flexible, client software (KIP-511), features (KIP-584) · v4 features whose
// minimum is 0
//
// Lists what is served on the listener it came by. Needs no authorisation: clients ask before they
// authenticate.
#include <algorithm>
#include <array>

#include "gen/api/api_versions.h"
#include "metadata/image.h"
#include "metadata/image_source.h"
#include "server/api_table.h"
#include "server/config.h"
#include "server/handlers/handlers.h"
#include "server/request_context.h"

namespace gregor::server {
namespace {

using Response = msg::ApiVersionsResponse;

// What the peer supports. Clients choose by the API table, so a level whose feature is still missing here
// harms nobody; a level that differs from what the metadata log holds would. Both lists in the peer's order.
struct Feature {
    std::string_view name;
    std::int16_t min = 0;
    std::int16_t max = 0;
};
constexpr auto k_supported = std::to_array<Feature>({
    {"group.version", 0, 1},
    {"kraft.version", 0, 1},
    {"metadata.version", 7, 30},
    {"share.version", 0, 1},
    {"streams.version", 0, 1},
    {"transaction.version", 0, 2},
    {"eligible.leader.replicas.version", 0, 1},
});
constexpr auto k_finalized = std::to_array<std::string_view>({
    "group.version",
    "kraft.version",
    "share.version",
    "metadata.version",
    "streams.version",
    "transaction.version",
    "eligible.leader.replicas.version",
});

constexpr std::int16_t k_first_with_min_zero = 4;

bool is_alphanumeric(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// Alphanumerics, dashes and dots, with an alphanumeric at both ends.
bool is_software_text(std::string_view text) {
    const auto is_allowed = [](char c) { return is_alphanumeric(c) || c == '-' || c == '.'; };
    return !text.empty() && is_alphanumeric(text.front()) && is_alphanumeric(text.back()) &&
           std::ranges::all_of(text, is_allowed);
}

bool is_well_named(const msg::ApiVersionsRequest& request, std::int16_t version) {
    return version < msg::ApiVersionsRequest::k_flexible_from ||
           (is_software_text(request.client_software_name) &&
            is_software_text(request.client_software_version));
}

void list_apis(RequestContext& context, Response& response) {
    const bool on_controller = context.config().listeners[context.listener()].is_controller;
    for (const auto& row : context.apis().rows()) {
        if (!ApiTable::is_on(row, on_controller)) continue;
        const auto versions = ApiTable::advertised_versions(row);
        response.api_keys.push_back({.api_key = static_cast<std::int16_t>(row.key),
                                     .min_version = versions.min,
                                     .max_version = versions.max,
                                     .unknown_tags = {}});
    }
}

void list_supported_features(const RequestContext& context, Response& response) {
    for (const auto& feature : k_supported) {
        if (feature.min == 0 && context.api_version() < k_first_with_min_zero) continue;
        response.supported_features.push_back({.name = feature.name,
                                               .min_version = feature.min,
                                               .max_version = feature.max,
                                               .unknown_tags = {}});
    }
}

void list_finalized_features(const RequestContext& context, Response& response) {
    const auto image = context.services().images.current();
    for (const auto name : k_finalized) {
        const auto level =
            name == "kraft.version" ? context.config().kraft_version : image->feature_level(name);
        if (level == 0) continue;  // level 0 is the same as not finalised
        response.finalized_features.push_back(
            {.name = name, .max_version_level = level, .min_version_level = level, .unknown_tags = {}});
    }
    response.finalized_features_epoch = image->provenance.last_contained_offset.value();
}

}  // namespace

void handle_api_versions(const msg::ApiVersionsRequest& request, RequestContext& context,
                         Completion<msg::ApiVersionsResponse> done) {
    Response response;
    if (!is_well_named(request, context.api_version())) {
        response.error_code = ErrorCode::invalid_request;
        return done(std::move(response));
    }
    list_apis(context, response);
    if (context.api_version() >= msg::ApiVersionsRequest::k_flexible_from) {
        list_supported_features(context, response);
        list_finalized_features(context, response);
    }
    done(std::move(response));
}

}  // namespace gregor::server
