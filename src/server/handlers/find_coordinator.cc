// FindCoordinator v0..v6.   v1 key types · v4 several keys (KIP-699) · v6 share groups
// Answers from the image alone; a missing topic is created, and the client told to ask again.
#include "gen/api/find_coordinator.h"

#include <utility>

#include "coordinator/runtime.h"
#include "metadata/auto_topic_creation.h"
#include "metadata/image_source.h"
#include "server/config.h"
#include "server/handlers/group_values.h"
#include "server/handlers/handlers.h"

namespace gregor::server {
namespace {

constexpr std::int16_t k_version_several_keys = 4;
constexpr std::int8_t k_key_type_group = 0;
constexpr std::string_view k_offsets_topic = "__consumer_offsets";

using Coordinator = msg::FindCoordinatorResponse::Coordinator;

void create_offsets_topic(const RequestContext& context) {
    const std::string names[] = {std::string(k_offsets_topic)};
    context.services().auto_topics.create(
        names, {.principal = "User:ANONYMOUS", .client_id = {}, .host = std::string(context.peer_host())});
}

Coordinator failed(std::string_view key, ErrorCode error) {
    Coordinator entry;
    entry.key = key;
    entry.node_id = k_no_broker.value();
    entry.port = -1;
    entry.error_code = error;
    return entry;
}

// `image` outlives the response: host names are views into it.
Coordinator find_group(std::string_view group_id, const metadata::Image& image,
                       const RequestContext& context) {
    if (!may_describe_group(context, group_id))
        return failed(group_id, ErrorCode::group_authorization_failed);
    const auto* topic = image.topic(k_offsets_topic);
    if (topic == nullptr || topic->partitions.empty()) {
        create_offsets_topic(context);
        return failed(group_id, ErrorCode::coordinator_not_available);
    }
    const auto index =
        coordinator::partition_for_key(group_id, static_cast<std::int32_t>(topic->partitions.size()));
    const auto* partition = topic->partitions.find(index);
    const auto* broker = partition == nullptr ? nullptr : image.broker(partition->leader);
    const auto* endpoint =
        broker == nullptr || broker->fenced ? nullptr : broker->endpoint(context.listener_name());
    if (endpoint == nullptr) return failed(group_id, ErrorCode::coordinator_not_available);
    Coordinator entry;
    entry.key = group_id;
    entry.node_id = broker->id.value();
    entry.host = endpoint->host;
    entry.port = endpoint->port;
    return entry;
}

// The sentences that Kafka's clients show for these codes.
std::string_view message_of(ErrorCode error) {
    if (error == ErrorCode::coordinator_not_available) return "The coordinator is not available.";
    if (error == ErrorCode::group_authorization_failed) return "Group authorization failed.";
    if (error == ErrorCode::invalid_request)
        return "This most likely occurs because of a request being malformed by the client library or the "
               "message was sent to an incompatible broker. See the broker logs for more details.";
    return error_name(error);
}

msg::FindCoordinatorResponse single(const Coordinator& entry) {
    msg::FindCoordinatorResponse response;
    response.error_code = entry.error_code;
    response.error_message = message_of(entry.error_code);
    response.node_id = entry.node_id;
    response.host = entry.host;
    response.port = entry.port;
    return response;
}

}  // namespace

void handle_find_coordinator(const msg::FindCoordinatorRequest& request, RequestContext& context,
                             Completion<msg::FindCoordinatorResponse> done) {
    const auto image = context.services().images.current();
    const bool is_several = context.api_version() >= k_version_several_keys;
    // Transactions and share groups have no coordinator here: INVALID_REQUEST makes their clients give up.
    const bool is_group = request.key_type == k_key_type_group;
    if (!is_several)
        return done(single(is_group ? find_group(request.key, *image, context)
                                    : failed(request.key, ErrorCode::invalid_request)));
    msg::FindCoordinatorResponse response;
    for (const auto key : request.coordinator_keys)
        response.coordinators.push_back(is_group ? find_group(key, *image, context)
                                                 : failed(key, ErrorCode::invalid_request));
    done(std::move(response));
}

}  // namespace gregor::server
