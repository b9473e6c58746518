// ListConfigResources v0..v1.   v0 lists client metrics only · v1 any types (KIP-1142)
#include "gen/api/list_config_resources.h"

#include <algorithm>
#include <array>
#include <deque>
#include <string>

#include "metadata/image_source.h"
#include "server/handlers/admin_handlers.h"
#include "server/request_context.h"

namespace gregor::server {
namespace {

using enum metadata::ConfigResourceType;
constexpr auto k_types =
    std::to_array({group, client_metrics, broker_logger, broker, topic});  // as Kafka lists

class ListConfigResourcesCall {
public:
    explicit ListConfigResourcesCall(RequestContext& context) : image_(context.services().images.current()) {}

    void list(metadata::ConfigResourceType type) {
        if (type == topic) {
            for (const auto& [name, found] : image_->topics_by_name) add(type, name);
        } else if (type == broker || type == broker_logger) {
            for (const auto& [id, registration] : image_->brokers)
                add(type, names_.emplace_back(std::to_string(id.value())));
        } else {
            for (const auto& [resource, configs] : image_->configs) {
                if (resource.type == type) add(type, resource.name);
            }
        }
    }
    msg::ListConfigResourcesResponse take() { return std::move(response_); }

private:
    void add(metadata::ConfigResourceType type, std::string_view name) {
        auto& row = response_.config_resources.emplace_back();
        row.resource_name = name;
        row.resource_type = static_cast<std::int8_t>(type);
    }

    const Ref<const metadata::Image> image_;
    std::deque<std::string> names_;
    msg::ListConfigResourcesResponse response_;
};

ErrorCode check(const msg::ListConfigResourcesRequest& request, const RequestContext& context) {
    if (!context.allows_cluster(security::Operation::describe_configs))
        return ErrorCode::cluster_authorization_failed;
    for (const auto type : request.resource_types) {
        if (std::ranges::find(k_types, static_cast<metadata::ConfigResourceType>(type)) == k_types.end())
            return ErrorCode::unsupported_version;
    }
    return ErrorCode::none;
}

}  // namespace

void handle_list_config_resources(const msg::ListConfigResourcesRequest& request, RequestContext& context,
                                  Completion<msg::ListConfigResourcesResponse> done) {
    if (const auto error = check(request, context); error != ErrorCode::none) {
        msg::ListConfigResourcesResponse response;
        response.error_code = error;
        return done(std::move(response));
    }
    ListConfigResourcesCall call(context);
    const auto& wanted = request.resource_types;
    for (const auto type : k_types) {
        const bool is_wanted =
            wanted.empty() || std::ranges::find(wanted, static_cast<std::int8_t>(type)) != wanted.end();
        if (context.api_version() == 0 ? type == client_metrics : is_wanted) call.list(type);
    }
    done(call.take());
}

}  // namespace gregor::server
