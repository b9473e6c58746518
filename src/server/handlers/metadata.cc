// Metadata v0..v13.   v1 controller, racks, internal topics, null = all topics · v4 auto-creation is asked
// for ·
//                     v5 offline replicas · v7 leader epochs · v8 authorised operations (KIP-430) ·
//                     v10 topic ids in answers · v11 no cluster operations · v12 topics by id (KIP-516)
// Answers from the image alone. A topic that the request creates is still unknown in its answer.
#include "gen/api/metadata.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "metadata/auto_topic_creation.h"
#include "metadata/image_source.h"
#include "metadata/topic_name.h"
#include "server/config.h"
#include "server/handlers/cluster_view.h"
#include "server/handlers/handlers.h"

namespace gregor::server {
namespace {

using msg::MetadataRequest;
using msg::MetadataResponse;
using security::Operation;
using security::ResourceType;
using TopicRow = MetadataResponse::MetadataResponseTopic;
using PartitionRow = MetadataResponse::MetadataResponsePartition;

constexpr std::int16_t k_null_is_all_from = 1;
constexpr std::int16_t k_listener_not_found_from = 6;
constexpr std::int16_t k_topics_by_id_from = 12;

class MetadataCall {
public:
    MetadataCall(const MetadataRequest& request, RequestContext& context)
        : request_(request),
          context_(context),
          image_(context.services().images.current()),
          view_(*image_, context.listener_name()) {}

    // Views into the request and into this call.
    MetadataResponse answer() {
        if (const auto error = check(); error != ErrorCode::none) return refuse_all(error);
        if (wants_all_topics()) {
            add_all_topics();
        } else if (names_ids()) {
            add_topics_by_id();
        } else {
            add_topics_by_name();
        }
        std::ranges::move(unauthorised_, std::back_inserter(response_.topics));
        add_cluster();
        return std::move(response_);
    }

private:
    bool wants_all_topics() const {
        if (!request_.topics) return true;
        return context_.api_version() < k_null_is_all_from && request_.topics->empty();
    }
    bool names_ids() const {
        return std::ranges::any_of(*request_.topics,
                                   [](const auto& topic) { return !topic.topic_id.is_zero(); });
    }

    ErrorCode check() const {
        if (!request_.topics) return ErrorCode::none;
        const bool may_name_ids = context_.api_version() >= k_topics_by_id_from;
        if (may_name_ids && names_ids()) return ErrorCode::none;
        for (const auto& topic : *request_.topics) {
            // Kafka stumbles over a topic with neither name nor id, and says so.
            if (!topic.name && may_name_ids) return ErrorCode::unknown_server_error;
            if (!topic.name || !topic.topic_id.is_zero()) return ErrorCode::invalid_request;
        }
        return ErrorCode::none;
    }

    MetadataResponse refuse_all(ErrorCode error) {
        response_.error_code = error;
        for (const auto& topic : *request_.topics) {
            auto row = failed(topic.name.value_or(""), error);
            row.topic_id = topic.topic_id;
            response_.topics.push_back(std::move(row));
        }
        return std::move(response_);
    }

    // ------------------------------------------------------------ which topics

    void add_all_topics() {
        for (const auto& [name, topic] : image_->topics_by_name) {
            if (may_describe(name)) add_known(*topic);
        }
    }

    void add_topics_by_id() {
        std::set<Uuid> seen;
        std::vector<const metadata::Topic*> known;
        for (const auto& wanted : *request_.topics) {
            if (!seen.insert(wanted.topic_id).second || wanted.topic_id.is_zero()) continue;
            const auto* topic = image_->topic(wanted.topic_id);
            if (topic == nullptr) {
                response_.topics.push_back(failed_id(wanted.topic_id, ErrorCode::unknown_topic_id));
            } else if (!may_describe(topic->name)) {
                unauthorised_.push_back(failed_id(topic->id, ErrorCode::topic_authorization_failed));
            } else {
                known.push_back(topic);
            }
        }
        for (const auto* topic : known) add_known(*topic);
    }

    void add_topics_by_name() {
        std::set<std::string_view> seen;
        std::vector<std::string_view> unknown;
        for (const auto& wanted : *request_.topics) {
            const auto name = *wanted.name;
            if (!seen.insert(name).second) continue;
            const auto* topic = image_->topic(name);
            if (!may_describe(name)) {
                unauthorised_.push_back(failed(name, ErrorCode::topic_authorization_failed));
            } else if (topic != nullptr) {
                add_known(*topic);
            } else {
                unknown.push_back(name);
            }
        }
        add_unknown(unknown);
    }

    void add_unknown(const std::vector<std::string_view>& names) {
        const bool may_create = request_.allow_auto_topic_creation && context_.config().auto_create_topics;
        std::vector<std::string> to_create;
        for (const auto name : names) {
            if (may_create && !may_be_created(name)) {
                unauthorised_.push_back(failed(name, ErrorCode::topic_authorization_failed));
                continue;
            }
            const bool is_valid = metadata::check_topic_name(name).has_value();
            if (may_create && is_valid) to_create.emplace_back(name);
            auto row = failed(
                name, is_valid ? ErrorCode::unknown_topic_or_partition : ErrorCode::invalid_topic_exception);
            row.topic_authorized_operations = topic_operations(name);
            response_.topics.push_back(std::move(row));
        }
        if (to_create.empty()) return;
        context_.services().auto_topics.create(to_create, {.principal = context_.principal().to_string(),
                                                           .client_id = std::string(context_.client_id()),
                                                           .host = std::string(context_.peer_host())});
    }

    bool may_describe(std::string_view name) const {
        return context_.allows(Operation::describe, ResourceType::topic, name);
    }
    bool may_be_created(std::string_view name) const {
        return context_.allows_cluster(Operation::create) ||
               context_.allows(Operation::create, ResourceType::topic, name);
    }
    std::int32_t topic_operations(std::string_view name) const {
        return request_.include_topic_authorized_operations
                   ? context_.authorized_operations(ResourceType::topic, name)
                   : security::k_operations_not_requested;
    }

    // ------------------------------------------------------------ rows

    static TopicRow failed(std::string_view name, ErrorCode error) {
        TopicRow row;
        row.error_code = error;
        row.name = name;
        row.is_internal = metadata::is_internal_topic(name);
        return row;
    }
    // An id does not tell its name to those who may not see it.
    static TopicRow failed_id(Uuid id, ErrorCode error) {
        TopicRow row;
        row.error_code = error;
        row.name = std::nullopt;
        row.topic_id = id;
        return row;
    }

    void add_known(const metadata::Topic& topic) {
        auto& row = response_.topics.emplace_back();
        row.name = topic.name;
        row.topic_id = topic.id;
        row.is_internal = metadata::is_internal_topic(topic.name);
        row.topic_authorized_operations = topic_operations(topic.name);
        row.partitions.reserve(topic.partitions.size());
        for (const auto& [index, partition] : topic.partitions)
            row.partitions.push_back(describe(index, partition));
    }

    PartitionRow describe(PartitionIndex index, const metadata::Partition& partition) const {
        const auto when_unreachable = context_.api_version() >= k_listener_not_found_from
                                          ? ErrorCode::listener_not_found
                                          : ErrorCode::leader_not_available;
        const auto leader = view_.leader(partition, when_unreachable);
        PartitionRow row;
        row.error_code = leader.error;
        row.partition_index = index.value();
        row.leader_id = leader.id;
        row.leader_epoch = partition.leader_epoch.value();
        row.replica_nodes = to_numbers(partition.replicas);
        row.isr_nodes = to_numbers(partition.isr);
        row.offline_replicas = view_.offline_replicas(partition);
        if (context_.api_version() == 0) keep_reachable(row);
        return row;
    }

    // The first version has no brokers in its lists that it does not name.
    void keep_reachable(PartitionRow& row) const {
        const auto is_unreachable = [this](std::int32_t id) { return !view_.is_reachable(BrokerId{id}); };
        const auto gone =
            std::erase_if(row.replica_nodes, is_unreachable) + std::erase_if(row.isr_nodes, is_unreachable);
        if (gone > 0 && row.error_code == ErrorCode::none) row.error_code = ErrorCode::replica_not_available;
    }

    void add_cluster() {
        for (const auto& reachable : view_.brokers()) {
            auto& row = response_.brokers.emplace_back();
            row.node_id = reachable.broker->id.value();
            row.host = reachable.endpoint->host;
            row.port = reachable.endpoint->port;
            row.rack = reachable.rack();
        }
        response_.cluster_id = image_->cluster_id;
        response_.controller_id = view_.controller_id(context_.ports().random.next());
        if (request_.include_cluster_authorized_operations)
            response_.cluster_authorized_operations = cluster_operations(context_);
    }

    const MetadataRequest& request_;
    RequestContext& context_;
    const Ref<const metadata::Image> image_;
    const ClusterView view_;
    MetadataResponse response_;
    std::vector<TopicRow> unauthorised_;  // they come last
};

}  // namespace

void handle_metadata(const MetadataRequest& request, RequestContext& context,
                     Completion<MetadataResponse> done) {
    MetadataCall call(request, context);
    done(call.answer());
}

}  // namespace gregor::server
