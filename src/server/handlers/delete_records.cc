// DeleteRecords v0..v2.   v2 flexible. The log then starts at the offset asked for; -1 is the high watermark.
#include <memory>

#include "gen/api/delete_records.h"
#include "metadata/image_source.h"
#include "replication/replicas.h"
#include "server/handlers/handlers.h"
#include "server/request_context.h"

namespace gregor::server {
namespace {

using msg::DeleteRecordsRequest;
using msg::DeleteRecordsResponse;
using replication::RecordDeletionOutcome;

class DeleteRecordsCall {
public:
    DeleteRecordsCall(const DeleteRecordsRequest& request, RequestContext& context,
                      Completion<DeleteRecordsResponse> done)
        : request_(request), done_(std::move(done)), replicas_(context.services().replicas) {
        const auto image = context.services().images.current();
        for (const auto& topic : request.topics) {
            const auto* known = image->topic(topic.name);
            const bool allowed =
                context.allows(security::Operation::remove, security::ResourceType::topic, topic.name);
            for (const auto& partition : topic.partitions) resolve(known, allowed, partition);
        }
    }

    static void run(std::unique_ptr<DeleteRecordsCall> call) {
        auto& self = *call;
        auto deletions = std::exchange(self.deletions_, {});
        self.replicas_.delete_records(std::move(deletions),
                                      [call = std::move(call)](std::vector<RecordDeletionOutcome> outcomes) {
                                          call->finish(outcomes);
                                      });
    }

private:
    void resolve(const metadata::Topic* topic, bool allowed,
                 const DeleteRecordsRequest::DeleteRecordsPartition& partition) {
        auto& outcome = outcomes_.emplace_back();
        const PartitionIndex index{partition.partition_index};
        if (!allowed) {
            outcome.error = ErrorCode::topic_authorization_failed;
        } else if (topic == nullptr || !topic->partitions.contains(index)) {
            outcome.error = ErrorCode::unknown_topic_or_partition;
        } else if (metadata::is_internal_topic(topic->name)) {
            outcome.error = ErrorCode::invalid_topic_exception;
        } else {
            places_.push_back(outcomes_.size() - 1);
            deletions_.push_back({{topic->id, index}, Offset{partition.offset}});
        }
    }

    void finish(const std::vector<RecordDeletionOutcome>& outcomes) {
        for (std::size_t i = 0; i < places_.size(); ++i) outcomes_[places_[i]] = outcomes[i];
        DeleteRecordsResponse response;
        std::size_t place = 0;
        for (const auto& topic : request_.topics) {
            auto& row = response.topics.emplace_back();
            row.name = topic.name;
            for (const auto& partition : topic.partitions) {
                const auto& outcome = outcomes_[place++];
                auto& entry = row.partitions.emplace_back();
                entry.partition_index = partition.partition_index;
                entry.error_code = outcome.error;
                entry.low_watermark = outcome.low_watermark.value();
            }
        }
        done_(std::move(response));
    }

    const DeleteRecordsRequest& request_;
    Completion<DeleteRecordsResponse> done_;
    replication::Replicas& replicas_;
    std::vector<RecordDeletionOutcome> outcomes_;
    std::vector<replication::RecordDeletion> deletions_;
    std::vector<std::size_t> places_;
};

}  // namespace

void handle_delete_records(const DeleteRecordsRequest& request, RequestContext& context,
                           Completion<DeleteRecordsResponse> done) {
    DeleteRecordsCall::run(std::make_unique<DeleteRecordsCall>(request, context, std::move(done)));
}

}  // namespace gregor::server
