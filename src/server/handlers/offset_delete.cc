// OffsetDelete v0.
#include "gen/api/offset_delete.h"

#include <map>
#include <string_view>
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

// Sorts a request into what is refused here and what the coordinator is asked for. What is named twice is
// answered twice.
class OffsetDeletion {
public:
    OffsetDeletion(const OffsetDeleteRequest& request, const RequestContext& context) {
        asked_.group_id = request.group_id;
        const auto image = context.services().images.current();
        for (const auto& topic : request.topics) sort(topic, context, image->topic(topic.name));
    }

    const coordinator::OffsetDeleteRequest& asked() const { return asked_; }

    // The coordinator's error is that of the whole. Its verdicts stand behind what was refused of the same
    // topic; where nothing was, in the order of the request.
    OffsetDeleteResponse response(const Result<coordinator::OffsetDeleteResult>& result) {
        OffsetDeleteResponse failed;
        failed.error_code = result ? result->error : result.error().code;
        if (failed.error_code != ErrorCode::none) return failed;
        const bool nothing_refused = response_.topics.empty();
        for (std::size_t i = 0; i < asked_.topics.size(); ++i) {
            const auto& topic = asked_.topics[i];
            const auto place = nothing_refused ? add_row(topic.name) : row_of(topic.name);
            for (const auto partition : topic.partitions) add(place, partition, result->topics[i]);
        }
        return std::move(response_);
    }

private:
    void sort(const OffsetDeleteRequest::OffsetDeleteRequestTopic& topic, const RequestContext& context,
              const metadata::Topic* known) {
        const bool allowed =
            context.allows(security::Operation::read, security::ResourceType::topic, topic.name);
        const auto refusal =
            allowed ? ErrorCode::unknown_topic_or_partition : ErrorCode::topic_authorization_failed;
        std::vector<std::int32_t> accepted;
        for (const auto& partition : topic.partitions) {
            const auto index = partition.partition_index;
            if (allowed && known != nullptr && known->partitions.contains(PartitionIndex{index}))
                accepted.push_back(index);
            else
                add(row_of(topic.name), index, refusal);
        }
        if (accepted.empty()) return;
        asked_.topics.push_back({.name = std::string(topic.name), .partitions = std::move(accepted)});
    }

    void add(std::size_t row, std::int32_t partition, ErrorCode error) {
        auto& entry = response_.topics[row].partitions.emplace_back();
        entry.partition_index = partition;
        entry.error_code = error;
    }
    std::size_t row_of(std::string_view name) {
        const auto known = rows_.find(name);
        return known != rows_.end() ? known->second : rows_.emplace(name, add_row(name)).first->second;
    }
    std::size_t add_row(std::string_view name) {
        response_.topics.emplace_back().name = name;
        return response_.topics.size() - 1;
    }

    coordinator::OffsetDeleteRequest asked_;
    OffsetDeleteResponse response_;
    std::map<std::string_view, std::size_t> rows_;
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
