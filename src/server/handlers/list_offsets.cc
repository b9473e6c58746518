// ListOffsets v1..v11.   v2 isolation level · v4 leader epochs (KIP-320) · v6 flexible · v7 max timestamp
// (KIP-734) ·
//                        v8 earliest local · v9 latest tiered (KIP-1005) · v10 timeout · v11 earliest pending
//                        upload
#include <map>
#include <memory>
#include <utility>

#include "gen/api/list_offsets.h"
#include "metadata/image_source.h"
#include "replication/replicas.h"
#include "server/handlers/handlers.h"
#include "server/request_context.h"

namespace gregor::server {
namespace {

using msg::ListOffsetsRequest;
using msg::ListOffsetsResponse;
using replication::OffsetLookupOutcome;

constexpr std::int64_t k_latest_tiered = -5;
constexpr std::int64_t k_earliest_pending_upload = -6;
constexpr std::int32_t k_consumer = -1;
constexpr std::int8_t k_read_uncommitted = 0;
constexpr std::int8_t k_read_committed = 1;
constexpr std::int16_t k_leader_epoch_from = 4;

// The first version that knows a special timestamp; nullopt for values that mean nothing.
std::optional<std::int16_t> first_version_of(std::int64_t timestamp) {
    if (timestamp >= storage::k_earliest_timestamp) return 1;
    switch (timestamp) {
        case storage::k_max_timestamp: return 7;
        case storage::k_earliest_local_timestamp: return 8;
        case k_latest_tiered: return 9;
        case k_earliest_pending_upload: return 11;
        default: return std::nullopt;
    }
}

class ListOffsetsCall {
public:
    ListOffsetsCall(const ListOffsetsRequest& request, RequestContext& context,
                    Completion<ListOffsetsResponse> done)
        : request_(request),
          context_(context),
          done_(std::move(done)),
          image_(context.services().images.current()) {}

    static void run(std::unique_ptr<ListOffsetsCall> call) {
        auto& self = *call;
        if (!self.knows_isolation()) return self.refuse(ErrorCode::unknown_server_error);
        for (const auto& topic : self.request_.topics) {
            for (const auto& partition : topic.partitions)
                ++self.named_[{topic.name, partition.partition_index}];
        }
        for (const auto& topic : self.request_.topics) {
            for (const auto& partition : topic.partitions) self.resolve(topic, partition);
        }
        auto lookups = std::exchange(self.lookups_, {});
        self.context_.services().replicas.list_offsets(
            std::move(lookups), [call = std::move(call)](std::vector<OffsetLookupOutcome> found) mutable {
                call->finish(found);
            });
    }

private:
    // Of a lookup.
    struct Place {
        std::size_t outcome = 0;
        bool is_tiered = false;
    };

    bool knows_isolation() const {
        return request_.isolation_level == k_read_uncommitted || request_.isolation_level == k_read_committed;
    }

    void refuse(ErrorCode error) {
        ListOffsetsResponse response;
        for (const auto& topic : request_.topics) {
            auto& row = response.topics.emplace_back();
            row.name = topic.name;
            for (const auto& partition : topic.partitions) {
                auto& entry = row.partitions.emplace_back();
                entry.partition_index = partition.partition_index;
                entry.error_code = error;
            }
        }
        done_(std::move(response));
    }

    replication::Isolation isolation() const {
        if (request_.replica_id != k_consumer) return replication::Isolation::log_end;
        return request_.isolation_level == k_read_committed ? replication::Isolation::read_committed
                                                            : replication::Isolation::read_uncommitted;
    }

    void resolve(const ListOffsetsRequest::ListOffsetsTopic& topic,
                 const ListOffsetsRequest::ListOffsetsPartition& partition) {
        auto& outcome = outcomes_.emplace_back();
        const auto* known = image_->topic(topic.name);
        const PartitionIndex index{partition.partition_index};
        const auto since = first_version_of(partition.timestamp);
        if (!context_.allows(security::Operation::describe, security::ResourceType::topic, topic.name)) {
            outcome.error = ErrorCode::topic_authorization_failed;
        } else if (is_repeated(topic.name, partition.partition_index)) {
            outcome.error = ErrorCode::invalid_request;
        } else if (!since || *since > context_.api_version()) {
            outcome.error = ErrorCode::unsupported_version;
        } else if (known == nullptr || !known->partitions.contains(index)) {
            outcome.error = ErrorCode::unknown_topic_or_partition;
        } else {
            const bool is_tiered = partition.timestamp <= k_latest_tiered;
            places_.push_back({.outcome = outcomes_.size() - 1, .is_tiered = is_tiered});
            lookups_.push_back({{known->id, index},
                                LeaderEpoch{partition.current_leader_epoch},
                                is_tiered ? storage::k_latest_timestamp : partition.timestamp,
                                isolation()});
        }
    }

    // Nothing is tiered, so there is no such offset; whether we lead is asked all the same.
    static OffsetLookupOutcome without_offset(const OffsetLookupOutcome& found) {
        OffsetLookupOutcome outcome;
        outcome.error = found.error;
        return outcome;
    }

    // Every occurrence of a partition that a request names twice is refused.
    bool is_repeated(std::string_view name, std::int32_t index) const { return named_.at({name, index}) > 1; }

    // A repeated partition is answered once.
    bool is_first_answer(std::string_view name, std::int32_t index) {
        auto& named = named_.at({name, index});
        if (named == 0) return false;
        if (named > 1) named = 0;
        return true;
    }

    void finish(const std::vector<OffsetLookupOutcome>& found) {
        for (std::size_t i = 0; i < places_.size(); ++i)
            outcomes_[places_[i].outcome] = places_[i].is_tiered ? without_offset(found[i]) : found[i];
        ListOffsetsResponse response;
        std::size_t place = 0;
        for (const auto& topic : request_.topics) {
            if (topic.partitions.empty()) continue;
            auto& row = response.topics.emplace_back();
            row.name = topic.name;
            for (const auto& partition : topic.partitions) {
                const auto& outcome = outcomes_[place++];
                if (!is_first_answer(topic.name, partition.partition_index)) continue;
                auto& entry = row.partitions.emplace_back();
                entry.partition_index = partition.partition_index;
                entry.error_code = outcome.error;
                entry.timestamp = outcome.timestamp;
                entry.offset = outcome.offset.value();
                if (context_.api_version() >= k_leader_epoch_from)
                    entry.leader_epoch = outcome.leader_epoch.value();
            }
        }
        done_(std::move(response));
    }

    const ListOffsetsRequest& request_;
    RequestContext& context_;
    Completion<ListOffsetsResponse> done_;
    Ref<const metadata::Image> image_;
    std::map<std::pair<std::string_view, std::int32_t>, std::size_t> named_;  // how often
    std::vector<OffsetLookupOutcome> outcomes_;
    std::vector<replication::OffsetLookup> lookups_;
    std::vector<Place> places_;
};

}  // namespace

void handle_list_offsets(const ListOffsetsRequest& request, RequestContext& context,
                         Completion<ListOffsetsResponse> done) {
    ListOffsetsCall::run(std::make_unique<ListOffsetsCall>(request, context, std::move(done)));
}

}  // namespace gregor::server
