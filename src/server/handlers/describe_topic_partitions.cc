// DescribeTopicPartitions v0 (KIP-966): topics in order of their names, a page at a time, with the replicas
// that may lead without being in sync.
#include "gen/api/describe_topic_partitions.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "metadata/effective_config.h"
#include "metadata/image_source.h"
#include "metadata/topic_name.h"
#include "server/config.h"
#include "server/handlers/cluster_view.h"
#include "server/handlers/handlers.h"

namespace gregor::server {
namespace {

using msg::DescribeTopicPartitionsRequest;
using msg::DescribeTopicPartitionsResponse;
using TopicRow = DescribeTopicPartitionsResponse::DescribeTopicPartitionsResponseTopic;
using PartitionRow = DescribeTopicPartitionsResponse::DescribeTopicPartitionsResponsePartition;

class TopicPartitionsCall {
public:
    TopicPartitionsCall(const DescribeTopicPartitionsRequest& request, RequestContext& context)
        : request_(request),
          context_(context),
          image_(context.services().images.current()),
          view_(*image_, context.listener_name()),
          room_(std::max(1, std::min(partitions_max(), request.response_partition_limit))) {}

    // Views into the request and into this call.
    DescribeTopicPartitionsResponse answer() {
        if (!is_cursor_valid()) return refuse_all();
        collect_names();
        for (const auto name : names_) {
            if (room_ == 0) {
                set_next(name, 0);
                break;
            }
            if (!add_topic(name)) break;
        }
        std::ranges::move(unauthorised_, std::back_inserter(response_.topics));
        return std::move(response_);
    }

private:
    std::int32_t partitions_max() const {
        const auto* key =
            metadata::find_config(metadata::ConfigScope::broker, "max.request.partition.size.limit");
        ASSERT(key != nullptr);
        const metadata::ConfigContext configs{
            .state = *image_, .properties = context_.services().configs, .node = context_.config().broker_id};
        return static_cast<std::int32_t>(
            metadata::to_int64(metadata::broker_value(configs, *key).value_or("0")));
    }

    bool is_cursor_valid() const {
        if (!request_.cursor) return true;
        if (request_.cursor->partition_index < 0) return false;
        const auto is_cursors = [this](const auto& topic) {
            return topic.name == request_.cursor->topic_name;
        };
        return request_.topics.empty() || std::ranges::any_of(request_.topics, is_cursors);
    }

    DescribeTopicPartitionsResponse refuse_all() {
        for (const auto& topic : request_.topics) {
            auto& row = response_.topics.emplace_back();
            row.error_code = ErrorCode::invalid_request;
            row.name = topic.name;
        }
        return std::move(response_);
    }

    std::string_view first_name() const { return request_.cursor ? request_.cursor->topic_name : ""; }
    bool may_describe(std::string_view name) const {
        return context_.allows(security::Operation::describe, security::ResourceType::topic, name);
    }

    // Those that are named but not allowed come behind the page.
    void collect_names() {
        if (request_.topics.empty()) {
            const auto& topics = image_->topics_by_name;
            for (auto at = topics.lower_bound(first_name()); at != topics.end(); ++at) {
                if (may_describe(at->key)) names_.insert(at->key);
            }
            return;
        }
        for (const auto& topic : request_.topics) {
            if (topic.name < first_name()) continue;
            if (may_describe(topic.name)) {
                names_.insert(topic.name);
            } else if (refused_.insert(topic.name).second) {
                auto& row = unauthorised_.emplace_back();
                row.error_code = ErrorCode::topic_authorization_failed;
                row.name = topic.name;
                row.is_internal = metadata::is_internal_topic(topic.name);
            }
        }
    }

    // False when the page ends inside this topic.
    bool add_topic(std::string_view name) {
        auto& row = response_.topics.emplace_back();
        row.name = name;
        row.is_internal = metadata::is_internal_topic(name);
        row.topic_authorized_operations = context_.authorized_operations(security::ResourceType::topic, name);
        const auto* topic = image_->topic(name);
        if (topic == nullptr) {
            row.error_code = metadata::check_topic_name(name) ? ErrorCode::unknown_topic_or_partition
                                                              : ErrorCode::invalid_topic_exception;
            return true;
        }
        row.topic_id = topic->id;
        return add_partitions(*topic, row);
    }

    bool add_partitions(const metadata::Topic& topic, TopicRow& row) {
        const bool is_first = request_.cursor && request_.cursor->topic_name == topic.name;
        const PartitionIndex from{is_first ? request_.cursor->partition_index : 0};
        for (auto at = topic.partitions.lower_bound(from); at != topic.partitions.end(); ++at) {
            if (room_ == 0) {
                set_next(topic.name, at->key.value());
                return false;
            }
            --room_;
            row.partitions.push_back(describe(at->key, at->value));
        }
        return true;
    }

    PartitionRow describe(PartitionIndex index, const metadata::Partition& partition) const {
        const auto leader = view_.leader(partition, ErrorCode::listener_not_found);
        PartitionRow row;
        row.error_code = leader.error;
        row.partition_index = index.value();
        row.leader_id = leader.id;
        row.leader_epoch = partition.leader_epoch.value();
        row.replica_nodes = to_numbers(partition.replicas);
        row.isr_nodes = to_numbers(partition.isr);
        row.eligible_leader_replicas = to_numbers(partition.elr);
        row.last_known_elr = to_numbers(partition.last_known_elr);
        row.offline_replicas = view_.offline_replicas(partition);
        return row;
    }

    void set_next(std::string_view name, std::int32_t partition) {
        response_.next_cursor = msg::DescribeTopicPartitionsResponse::Cursor{};
        response_.next_cursor->topic_name = name;
        response_.next_cursor->partition_index = partition;
    }

    const DescribeTopicPartitionsRequest& request_;
    RequestContext& context_;
    const Ref<const metadata::Image> image_;
    const ClusterView view_;
    std::int32_t room_;                 // partitions that the page still takes
    std::set<std::string_view> names_;  // to be answered, in their order
    std::set<std::string_view> refused_;
    std::vector<TopicRow> unauthorised_;
    DescribeTopicPartitionsResponse response_;
};

}  // namespace

void handle_describe_topic_partitions(const DescribeTopicPartitionsRequest& request, RequestContext& context,
                                      Completion<DescribeTopicPartitionsResponse> done) {
    TopicPartitionsCall call(request, context);
    done(call.answer());
}

}  // namespace gregor::server
