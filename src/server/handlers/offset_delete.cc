// OffsetDelete v0.
#include "gen/api/offset_delete.h"

#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "coordinator/group_coordinator.h"
#include "metadata/image_source.h"
#include "server/handlers/handlers.h"
#include "server/request_context.h"

namespace gregor::server {
namespace {

using msg::OffsetDeleteRequest;
using msg::OffsetDeleteResponse;

// Sorts a request into what is refused here and what the coordinator is asked for. A topic, and a partition
// of it, is answered once however often it is named.
class OffsetDeletion {
public:
    OffsetDeletion(const OffsetDeleteRequest& request, const RequestContext& context) {
        asked_.group_id = request.group_id;
        const auto image = context.services().images.current();
        std::set<std::string_view> named;
        for (const auto& topic : request.topics)
            if (named.insert(topic.name).second) add(topic, context, image->topic(topic.name));
    }

    const coordinator::OffsetDeleteRequest& asked() const { return asked_; }

    // The coordinator's error is that of the whole; its verdicts stand behind what was refused.
    OffsetDeleteResponse response(const Result<coordinator::OffsetDeleteResult>& result) {
        OffsetDeleteResponse response;
        response.error_code = result ? result->error : result.error().code;
        if (response.error_code != ErrorCode::none) return response;
        response = std::move(refused_);
        for (std::size_t i = 0; i < asked_.topics.size(); ++i) {
            const auto& topic = asked_.topics[i];
            const auto place = rows_[i].value_or(response.topics.size());
            if (!rows_[i]) response.topics.emplace_back().name = topic.name;
            for (const auto partition : topic.partitions)
                add(response.topics[place], partition, result->topics[i]);
        }
        return response;
    }

private:
    static void add(OffsetDeleteResponse::OffsetDeleteResponseTopic& row, std::int32_t partition,
                    ErrorCode error) {
        auto& entry = row.partitions.emplace_back();
        entry.partition_index = partition;
        entry.error_code = error;
    }

    void add(const OffsetDeleteRequest::OffsetDeleteRequestTopic& topic, const RequestContext& context,
             const metadata::Topic* known) {
        const bool allowed =
            context.allows(security::Operation::read, security::ResourceType::topic, topic.name);
        const auto refusal =
            allowed ? ErrorCode::unknown_topic_or_partition : ErrorCode::topic_authorization_failed;
        std::optional<std::size_t> row;
        std::set<std::int32_t> named;
        std::vector<std::int32_t> partitions;
        for (const auto& partition : topic.partitions) {
            const auto index = partition.partition_index;
            if (!named.insert(index).second) continue;
            if (allowed && known != nullptr && known->partitions.contains(PartitionIndex{index})) {
                partitions.push_back(index);
                continue;
            }
            if (!row) {
                row = refused_.topics.size();
                refused_.topics.emplace_back().name = topic.name;
            }
            add(refused_.topics[*row], index, refusal);
        }
        if (partitions.empty()) return;
        asked_.topics.push_back({.name = std::string(topic.name), .partitions = std::move(partitions)});
        rows_.push_back(row);
    }

    coordinator::OffsetDeleteRequest asked_;
    std::vector<std::optional<std::size_t>> rows_;  // of each asked topic: where it stands among the refused
    OffsetDeleteResponse refused_;
};

struct Answer {
    std::unique_ptr<OffsetDeletion> deletion;
    Completion<OffsetDeleteResponse> done;

    void operator()(const Result<coordinator::OffsetDeleteResult>& result) {
        done(deletion->response(result));
    }
};

}  // namespace

void handle_offset_delete(const OffsetDeleteRequest& request, RequestContext& context,
                          Completion<OffsetDeleteResponse> done) {
    if (!context.allows(security::Operation::remove, security::ResourceType::group, request.group_id)) {
        OffsetDeleteResponse response;
        response.error_code = ErrorCode::group_authorization_failed;
        return done(std::move(response));
    }
    auto deletion = std::make_unique<OffsetDeletion>(request, context);
    auto asked = deletion->asked();
    context.services().groups.delete_offsets(std::move(asked), Answer{std::move(deletion), std::move(done)});
}

}  // namespace gregor::server
