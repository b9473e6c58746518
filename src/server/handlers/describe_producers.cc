// DescribeProducers v0 (KIP-664): who writes to a partition, as its leader knows them.
#include "gen/api/describe_producers.h"

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "metadata/image_source.h"
#include "metadata/topic_name.h"
#include "replication/replicas.h"
#include "server/handlers/handlers.h"
#include "server/request_context.h"

namespace gregor::server {
namespace {

using msg::DescribeProducersRequest;
using msg::DescribeProducersResponse;
using PartitionRow = DescribeProducersResponse::PartitionResponse;

// One request under way: which rows of the answer wait for which of the partitions asked.
class DescribeProducersCall {
public:
    DescribeProducersCall(const DescribeProducersRequest& request, RequestContext& context)
        : request_(request), context_(context), image_(context.services().images.current()) {}

    std::vector<replication::ProducersLookup> prepare() {
        std::vector<replication::ProducersLookup> asked;
        for (const auto& topic : request_.topics) {
            auto& row = response_.topics.emplace_back();
            row.name = topic.name;
            for (const auto index : topic.partition_indexes) {
                auto& partition = row.partitions.emplace_back();
                partition.partition_index = index;
                const auto id = find(topic.name, PartitionIndex{index}, partition);
                if (!id) continue;
                waiting_.emplace_back(response_.topics.size() - 1, row.partitions.size() - 1);
                asked.push_back({*id});
            }
        }
        return asked;
    }

    DescribeProducersResponse merge(std::vector<replication::ProducersOutcome> outcomes) {
        for (std::size_t i = 0; i < outcomes.size(); ++i) {
            auto& row = response_.topics[waiting_[i].first].partitions[waiting_[i].second];
            row.error_code = outcomes[i].error;
            for (const auto& producer : outcomes[i].producers) {
                auto& entry = row.active_producers.emplace_back();
                entry.producer_id = producer.producer_id.value();
                entry.producer_epoch = producer.epoch;
                entry.last_sequence = producer.last_sequence;
                entry.last_timestamp = producer.last_timestamp;
                entry.coordinator_epoch = producer.coordinator_epoch;
                entry.current_txn_start_offset = producer.current_txn_first_offset.value();
            }
        }
        return std::move(response_);
    }

private:
    std::optional<TopicPartitionId> find(std::string_view name, PartitionIndex index, PartitionRow& row) {
        if (!context_.allows(security::Operation::read, security::ResourceType::topic, name))
            return refuse(row, {ErrorCode::topic_authorization_failed, "Topic authorization failed."});
        if (const auto valid = metadata::check_topic_name(name); !valid) return refuse(row, valid.error());
        const auto* topic = image_->topic(name);
        if (topic == nullptr) {
            return refuse(row, {ErrorCode::unknown_topic_or_partition,
                                "This server does not host this topic-partition."});
        }
        if (topic->partitions.contains(index)) return TopicPartitionId{topic->id, index};
        row.error_code = ErrorCode::unknown_topic_or_partition;
        return std::nullopt;
    }

    std::nullopt_t refuse(PartitionRow& row, const Error& why) {
        row.error_code = why.code;
        row.error_message = texts_.emplace_back(why.detail);
        return std::nullopt;
    }

    const DescribeProducersRequest& request_;
    RequestContext& context_;
    const Ref<const metadata::Image> image_;
    DescribeProducersResponse response_;
    std::deque<std::string> texts_;                             // the response views them
    std::vector<std::pair<std::size_t, std::size_t>> waiting_;  // topic row, partition row
};

}  // namespace

void handle_describe_producers(const DescribeProducersRequest& request, RequestContext& context,
                               Completion<DescribeProducersResponse> done) {
    auto call = std::make_unique<DescribeProducersCall>(request, context);
    auto asked = call->prepare();
    if (asked.empty()) return done(call->merge({}));
    context.services().replicas.describe_producers(
        std::move(asked), [call = std::move(call), done = std::move(done)](
                              std::vector<replication::ProducersOutcome> outcomes) mutable {
            done(call->merge(std::move(outcomes)));
        });
}

}  // namespace gregor::server
