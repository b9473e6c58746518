// DescribeCluster v0..v2.   v1 kinds of endpoints (KIP-919) · v2 fenced brokers (KIP-1073)
#include "gen/api/describe_cluster.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "metadata/image_source.h"
#include "server/config.h"
#include "server/handlers/cluster_view.h"
#include "server/handlers/handlers.h"

namespace gregor::server {
namespace {

using msg::DescribeClusterResponse;

constexpr std::int8_t k_brokers = 1;
constexpr std::int8_t k_controllers = 2;
constexpr std::int16_t k_endpoint_errors_from = 1;

bool is_on_controller(const RequestContext& context) {
    return context.config().listeners[context.listener()].is_controller;
}

std::string_view name_of(std::int8_t endpoint_type) {
    return endpoint_type == k_controllers ? "CONTROLLER" : "BROKER";
}

void refuse(std::int8_t endpoint_type, const RequestContext& context,
            Completion<DescribeClusterResponse> done) {
    const bool is_known = endpoint_type == k_brokers || endpoint_type == k_controllers;
    const auto why =
        is_known ? fmt::format(
                       "The request was sent to an endpoint of type {}, but we wanted an "
                       "endpoint of type {}",
                       name_of(is_on_controller(context) ? k_controllers : k_brokers), name_of(endpoint_type))
                 : fmt::format("Unsupported endpoint type {}", endpoint_type);
    DescribeClusterResponse response;
    response.error_code =
        is_known ? ErrorCode::mismatched_endpoint_type : ErrorCode::unsupported_endpoint_type;
    if (context.api_version() < k_endpoint_errors_from) response.error_code = ErrorCode::invalid_request;
    response.error_message = why;
    done(std::move(response));
}

void add_broker(DescribeClusterResponse& response, const metadata::BrokerRegistration& broker,
                const metadata::Endpoint& endpoint) {
    auto& row = response.brokers.emplace_back();
    row.broker_id = broker.id.value();
    row.host = endpoint.host;
    row.port = endpoint.port;
    if (broker.rack) row.rack = *broker.rack;
    row.is_fenced = broker.fenced;
}

// The controllers that have registered, and who leads them: this node does, or it would not answer.
void describe_controllers(const RequestContext& context, const metadata::Image& image,
                          DescribeClusterResponse& response) {
    for (const auto& [id, controller] : image.controllers) {
        const auto endpoint =
            std::ranges::find(controller.endpoints, context.listener_name(), &metadata::Endpoint::name);
        if (endpoint == controller.endpoints.end()) continue;
        auto& row = response.brokers.emplace_back();
        row.broker_id = id.value();
        row.host = endpoint->host;
        row.port = endpoint->port;
    }
    response.endpoint_type = k_controllers;
    response.controller_id = context.config().broker_id.value();
}

void describe_brokers(const msg::DescribeClusterRequest& request, const RequestContext& context,
                      const metadata::Image& image, DescribeClusterResponse& response) {
    for (const auto& [id, broker] : image.brokers) {
        const auto* endpoint = broker.endpoint(context.listener_name());
        if (endpoint != nullptr && (!broker.fenced || request.include_fenced_brokers))
            add_broker(response, broker, *endpoint);
    }
    const ClusterView view(image, context.listener_name());
    response.controller_id = view.controller_id(context.ports().random.next());
}

}  // namespace

void handle_describe_cluster(const msg::DescribeClusterRequest& request, RequestContext& context,
                             Completion<DescribeClusterResponse> done) {
    const bool on_controller = is_on_controller(context);
    if (request.endpoint_type != (on_controller ? k_controllers : k_brokers))
        return refuse(request.endpoint_type, context, std::move(done));
    const auto image = context.services().images.current();
    DescribeClusterResponse response;
    response.cluster_id = image->cluster_id;
    if (on_controller) {
        describe_controllers(context, *image, response);
    } else {
        describe_brokers(request, context, *image, response);
    }
    if (request.include_cluster_authorized_operations)
        response.cluster_authorized_operations = cluster_operations(context);
    done(std::move(response));
}

}  // namespace gregor::server
