// OffsetForLeaderEpoch v2..v4.   v3 replica id · v4 flexible. Where a leader epoch ended (KIP-101, KIP-320).
#include <memory>

#include "gen/api/offset_for_leader_epoch.h"
#include "metadata/image_source.h"
#include "replication/replicas.h"
#include "server/handlers/handlers.h"
#include "server/request_context.h"

namespace gregor::server {
namespace {

using msg::OffsetForLeaderEpochRequest;
using msg::OffsetForLeaderEpochResponse;
using replication::EpochLookupOutcome;

class EpochCall {
public:
    EpochCall(const OffsetForLeaderEpochRequest& request, RequestContext& context,
              Completion<OffsetForLeaderEpochResponse> done)
        : request_(request), done_(std::move(done)), replicas_(context.services().replicas) {
        const auto image = context.services().images.current();
        for (const auto& topic : request.topics) {
            const auto* known = image->topic(topic.topic);
            const bool allowed =
                context.allows(security::Operation::describe, security::ResourceType::topic, topic.topic);
            for (const auto& partition : topic.partitions) resolve(known, allowed, partition);
        }
    }

    static void run(std::unique_ptr<EpochCall> call) {
        auto& self = *call;
        auto lookups = std::exchange(self.lookups_, {});
        self.replicas_.end_offsets_for_epochs(
            std::move(lookups),
            [call = std::move(call)](std::vector<EpochLookupOutcome> found) mutable { call->finish(found); });
    }

private:
    void resolve(const metadata::Topic* topic, bool allowed,
                 const OffsetForLeaderEpochRequest::OffsetForLeaderPartition& partition) {
        auto& outcome = outcomes_.emplace_back();
        const PartitionIndex index{partition.partition};
        if (!allowed) {
            outcome.error = ErrorCode::topic_authorization_failed;
        } else if (topic == nullptr || !topic->partitions.contains(index)) {
            outcome.error = ErrorCode::unknown_topic_or_partition;
        } else {
            places_.push_back(outcomes_.size() - 1);
            lookups_.push_back({{topic->id, index},
                                LeaderEpoch{partition.current_leader_epoch},
                                LeaderEpoch{partition.leader_epoch}});
        }
    }

    void finish(const std::vector<EpochLookupOutcome>& found) {
        for (std::size_t i = 0; i < places_.size(); ++i) outcomes_[places_[i]] = found[i];
        OffsetForLeaderEpochResponse response;
        std::size_t place = 0;
        for (const auto& topic : request_.topics) {
            auto& row = response.topics.emplace_back();
            row.topic = topic.topic;
            for (const auto& partition : topic.partitions) {
                const auto& outcome = outcomes_[place++];
                auto& entry = row.partitions.emplace_back();
                entry.partition = partition.partition;
                entry.error_code = outcome.error;
                entry.leader_epoch = outcome.end.epoch.value();
                entry.end_offset = outcome.end.end_offset.value();
            }
        }
        done_(std::move(response));
    }

    const OffsetForLeaderEpochRequest& request_;
    Completion<OffsetForLeaderEpochResponse> done_;
    replication::Replicas& replicas_;
    std::vector<EpochLookupOutcome> outcomes_;
    std::vector<replication::EpochLookup> lookups_;
    std::vector<std::size_t> places_;
};

}  // namespace

void handle_offset_for_leader_epoch(const OffsetForLeaderEpochRequest& request, RequestContext& context,
                                    Completion<OffsetForLeaderEpochResponse> done) {
    EpochCall::run(std::make_unique<EpochCall>(request, context, std::move(done)));
}

}  // namespace gregor::server
