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
constexpr std::int8_t k_key_type_transaction = 1;

// What keys of one type have in common.
struct KeyType {
    std::string_view topic;  // whose partitions' leaders are the coordinators
    security::ResourceType resource;
    ErrorCode denied;
};
constexpr KeyType k_groups{"__consumer_offsets", security::ResourceType::group,
                           ErrorCode::group_authorization_failed};
constexpr KeyType k_transactions{"__transaction_state", security::ResourceType::transactional_id,
                                 ErrorCode::transactional_id_authorization_failed};

// Share groups have no coordinator here: INVALID_REQUEST makes their clients give up.
const KeyType* find_type(std::int8_t key_type) {
    if (key_type == k_key_type_group) return &k_groups;
    return key_type == k_key_type_transaction ? &k_transactions : nullptr;
}

using Coordinator = msg::FindCoordinatorResponse::Coordinator;

void create_topic(std::string_view name, const RequestContext& context) {
    const std::string names[] = {std::string(name)};
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
Coordinator find_coordinator(const KeyType* type, std::string_view key, const metadata::Image& image,
                             const RequestContext& context) {
    if (type == nullptr) return failed(key, ErrorCode::invalid_request);
    if (!context.allows(security::Operation::describe, type->resource, key)) return failed(key, type->denied);
    const auto* topic = image.topic(type->topic);
    if (topic == nullptr || topic->partitions.empty()) {
        create_topic(type->topic, context);
        return failed(key, ErrorCode::coordinator_not_available);
    }
    const auto index =
        coordinator::partition_for_key(key, static_cast<std::int32_t>(topic->partitions.size()));
    const auto* partition = topic->partitions.find(index);
    const auto* broker = partition == nullptr ? nullptr : image.broker(partition->leader);
    const auto* endpoint =
        broker == nullptr || broker->fenced ? nullptr : broker->endpoint(context.listener_name());
    if (endpoint == nullptr) return failed(key, ErrorCode::coordinator_not_available);
    Coordinator entry;
    entry.key = key;
    entry.node_id = broker->id.value();
    entry.host = endpoint->host;
    entry.port = endpoint->port;
    return entry;
}

// The sentences that Kafka's clients show for these codes.
std::string_view message_of(ErrorCode error) {
    if (error == ErrorCode::coordinator_not_available) return "The coordinator is not available.";
    if (error == ErrorCode::group_authorization_failed) return "Group authorization failed.";
    if (error == ErrorCode::transactional_id_authorization_failed)
        return "Transactional Id authorization failed.";
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
    const auto* type = find_type(request.key_type);
    if (!is_several) return done(single(find_coordinator(type, request.key, *image, context)));
    msg::FindCoordinatorResponse response;
    for (const auto key : request.coordinator_keys)
        response.coordinators.push_back(find_coordinator(type, key, *image, context));
    done(std::move(response));
}

}  // namespace gregor::server
