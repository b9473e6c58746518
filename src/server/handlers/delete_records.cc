// DeleteRecords v0..v2.   v2 flexible. The log then starts at the offset asked for; -1 is the high watermark.
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

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
        : done_(std::move(done)), replicas_(context.services().replicas) {
        const auto image = context.services().images.current();
        for (const auto& topic : request.topics) {
            const auto* known = image->topic(topic.name);
            const bool allowed =
                context.allows(security::Operation::remove, security::ResourceType::topic, topic.name);
            for (const auto& partition : topic.partitions)
                resolve(known, allowed, wish(topic.name, partition.partition_index), partition.offset);
        }
    }

    static void run(std::unique_ptr<DeleteRecordsCall> call) {
        auto& self = *call;
        std::vector<replication::RecordDeletion> deletions;
        for (const auto& each : self.wishes_)
            if (each.deletion) deletions.push_back(*each.deletion);
        self.replicas_.delete_records(std::move(deletions),
                                      [call = std::move(call)](std::vector<RecordDeletionOutcome> outcomes) {
                                          call->finish(outcomes);
                                      });
    }

private:
    struct Wish {
        std::string_view topic;
        std::int32_t partition = 0;
        std::optional<replication::RecordDeletion> deletion;
        RecordDeletionOutcome outcome;
    };

    // A partition that is named again is one, and its last offset counts.
    Wish& wish(std::string_view topic, std::int32_t partition) {
        const auto [at, is_new] = places_.try_emplace({topic, partition}, wishes_.size());
        if (is_new)
            wishes_.push_back({.topic = topic, .partition = partition, .deletion = {}, .outcome = {}});
        return wishes_[at->second];
    }

    static void resolve(const metadata::Topic* topic, bool allowed, Wish& wish, std::int64_t offset) {
        const PartitionIndex index{wish.partition};
        if (!allowed) {
            wish.outcome.error = ErrorCode::topic_authorization_failed;
        } else if (topic == nullptr || !topic->partitions.contains(index)) {
            wish.outcome.error = ErrorCode::unknown_topic_or_partition;
        } else if (metadata::is_internal_topic(topic->name)) {
            wish.outcome.error = ErrorCode::invalid_topic_exception;
        } else {
            wish.deletion = {{topic->id, index}, Offset{offset}};
        }
    }

    // A topic that is named again has one row, and one of which no partition was named has none.
    void finish(const std::vector<RecordDeletionOutcome>& outcomes) {
        std::size_t next = 0;
        for (auto& each : wishes_)
            if (each.deletion) each.outcome = outcomes[next++];
        DeleteRecordsResponse response;
        std::map<std::string_view, std::size_t> rows;
        for (const auto& each : wishes_) {
            const auto [at, is_new] = rows.try_emplace(each.topic, response.topics.size());
            if (is_new) response.topics.emplace_back().name = each.topic;
            auto& entry = response.topics[at->second].partitions.emplace_back();
            entry.partition_index = each.partition;
            entry.error_code = each.outcome.error;
            entry.low_watermark = each.outcome.low_watermark.value();
        }
        done_(std::move(response));
    }

    Completion<DeleteRecordsResponse> done_;
    replication::Replicas& replicas_;
    std::vector<Wish> wishes_;
    std::map<std::pair<std::string_view, std::int32_t>, std::size_t> places_;
};

}  // namespace

void handle_delete_records(const DeleteRecordsRequest& request, RequestContext& context,
                           Completion<DeleteRecordsResponse> done) {
    DeleteRecordsCall::run(std::make_unique<DeleteRecordsCall>(request, context, std::move(done)));
}

}  // namespace gregor::server
