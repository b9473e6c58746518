// OffsetCommit v2..v10.   v2-4 retention · v6 leader epochs · v7 static members · v9 GROUP_ID_NOT_FOUND ·
// v10 topic ids (KIP-848)
#include "gen/api/offset_commit.h"

#include <utility>
#include <vector>

#include "coordinator/group_coordinator.h"
#include "metadata/image_source.h"
#include "server/handlers/group_values.h"
#include "server/handlers/handlers.h"

namespace gregor::server {
namespace {

constexpr std::int16_t k_version_member_epochs = 9;
constexpr std::int16_t k_version_topic_ids = 10;

// Why a topic's offsets do not reach the coordinator, or its entry in the image.
struct TopicCheck {
    ErrorCode error = ErrorCode::none;
    const metadata::Topic* topic = nullptr;
};

TopicCheck check_topic(const msg::OffsetCommitRequest::OffsetCommitRequestTopic& asked,
                       const metadata::Image& image, const RequestContext& context) {
    const bool by_id = context.api_version() >= k_version_topic_ids;
    const auto* topic = by_id ? image.topic(asked.topic_id) : image.topic(asked.name);
    if (by_id && topic == nullptr) return {.error = ErrorCode::unknown_topic_id};
    const auto name = by_id ? std::string_view(topic->name) : asked.name;
    if (!context.allows(security::Operation::read, security::ResourceType::topic, name))
        return {.error = ErrorCode::topic_authorization_failed};
    if (topic == nullptr) return {.error = ErrorCode::unknown_topic_or_partition};
    return {.topic = topic};
}

// The response in the making, the part of the request that goes to the coordinator, and where its answers
// belong.
struct Commit {
    struct Place {
        std::size_t topic = 0;
        std::size_t partition = 0;
    };
    msg::OffsetCommitResponse response;
    coordinator::OffsetCommitRequest request;
    std::vector<std::vector<Place>> places;  // as request.topics
};

void set_all(msg::OffsetCommitResponse& response, ErrorCode error) {
    for (auto& topic : response.topics)
        for (auto& partition : topic.partitions) partition.error_code = error;
}

void add_topic(const msg::OffsetCommitRequest::OffsetCommitRequestTopic& asked, const TopicCheck& check,
               Commit& commit) {
    if (asked.partitions.empty()) return;  // and is not answered
    const auto place = commit.response.topics.size();
    auto& answer = commit.response.topics.emplace_back();
    answer.name = asked.name;
    answer.topic_id = asked.topic_id;
    coordinator::OffsetCommitRequest::Topic accepted;
    std::vector<Commit::Place> places;
    for (const auto& partition : asked.partitions) {
        auto& entry = answer.partitions.emplace_back();
        entry.partition_index = partition.partition_index;
        entry.error_code = check.error;
        if (check.error != ErrorCode::none) continue;
        if (check.topic->partitions.find(PartitionIndex{partition.partition_index}) == nullptr) {
            entry.error_code = ErrorCode::unknown_topic_or_partition;
            continue;
        }
        places.push_back({.topic = place, .partition = answer.partitions.size() - 1});
        accepted.partitions.push_back({.partition = partition.partition_index,
                                       .offset = partition.committed_offset,
                                       .leader_epoch = partition.committed_leader_epoch,
                                       .metadata = std::string(partition.committed_metadata.value_or(""))});
    }
    if (accepted.partitions.empty()) return;
    accepted.name = check.topic->name;
    accepted.topic_id = check.topic->id;  // stored also when the client spoke of a name
    commit.request.topics.push_back(std::move(accepted));
    commit.places.push_back(std::move(places));
}

Commit prepare(const msg::OffsetCommitRequest& request, const RequestContext& context) {
    Commit commit;
    commit.request.group_id = request.group_id;
    commit.request.generation = request.generation_id_or_member_epoch;
    commit.request.member_id = request.member_id;
    commit.request.instance_id = owned(request.group_instance_id);
    if (request.retention_time_ms != -1) commit.request.retention_time_ms = request.retention_time_ms;
    commit.request.knows_member_epochs = context.api_version() >= k_version_member_epochs;
    if (!commit.request.knows_member_epochs)
        commit.request.unknown_group_error = ErrorCode::illegal_generation;
    const auto image = context.services().images.current();
    for (const auto& topic : request.topics) add_topic(topic, check_topic(topic, *image, context), commit);
    return commit;
}

struct AnswerCommit {
    Completion<msg::OffsetCommitResponse> done;
    msg::OffsetCommitResponse response;
    std::vector<std::vector<Commit::Place>> places;

    void operator()(Result<coordinator::OffsetCommitResult> result) {
        for (std::size_t t = 0; t < places.size(); ++t)
            for (std::size_t p = 0; p < places[t].size(); ++p) {
                const auto [topic, partition] = places[t][p];
                response.topics[topic].partitions[partition].error_code =
                    result ? result->topics[t][p] : result.error().code;
            }
        done(std::move(response));
    }
};

}  // namespace

void handle_offset_commit(const msg::OffsetCommitRequest& request, RequestContext& context,
                          Completion<msg::OffsetCommitResponse> done) {
    auto commit = prepare(request, context);
    if (!may_read_group(context, request.group_id)) {
        set_all(commit.response, ErrorCode::group_authorization_failed);
        return done(std::move(commit.response));
    }
    if (commit.request.topics.empty()) return done(std::move(commit.response));
    context.services().groups.commit_offsets(
        std::move(commit.request),
        AnswerCommit{std::move(done), std::move(commit.response), std::move(commit.places)});
}

}  // namespace gregor::server
