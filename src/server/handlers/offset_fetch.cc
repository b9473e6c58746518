// OffsetFetch v1..v10.   v2 all topics, group errors · v5 leader epochs · v7 stable offsets · v8 several
// groups (KIP-709) · v9 member epochs · v10 topic ids (KIP-848)
#include "gen/api/offset_fetch.h"

#include <utility>
#include <vector>

#include "base/ref.h"
#include "coordinator/group_coordinator.h"
#include "metadata/image_source.h"
#include "server/handlers/group_values.h"
#include "server/handlers/handlers.h"

namespace gregor::server {
namespace {

constexpr std::int16_t k_version_group_error = 2;
constexpr std::int16_t k_version_several_groups = 8;
constexpr std::int16_t k_version_topic_ids = 10;

using Partition = coordinator::OffsetFetchResult::Partition;
using GroupResult = coordinator::OffsetFetchResult;
using GroupRequest = coordinator::OffsetFetchRequest;

// One group's question: what goes to the coordinator, and the topics that are refused before.
struct Question {
    GroupRequest request;
    std::vector<GroupResult::Topic> refused;
};

struct AskedTopic {
    std::string_view name;
    Uuid topic_id;
    const List<std::int32_t>& partitions;
};

void add_topic(const AskedTopic& asked, const RequestContext& context, const metadata::Image& image,
               Question& question) {
    auto name = std::string(asked.name);
    auto error = ErrorCode::none;
    if (context.api_version() >= k_version_topic_ids) {
        const auto* topic = image.topic(asked.topic_id);
        if (topic == nullptr)
            error = ErrorCode::unknown_topic_id;
        else
            name = topic->name;
    }
    if (error == ErrorCode::none &&
        !context.allows(security::Operation::describe, security::ResourceType::topic, name))
        error = ErrorCode::topic_authorization_failed;
    if (error == ErrorCode::none) {
        question.request.topics->push_back(
            {.name = std::move(name), .topic_id = asked.topic_id, .partitions = asked.partitions});
        return;
    }
    auto& refused = question.refused.emplace_back();
    refused.name = std::move(name);
    refused.topic_id = asked.topic_id;
    for (const auto partition : asked.partitions) {
        auto& entry = refused.partitions.emplace_back();
        entry.partition = partition;
        entry.error = error;
    }
}

// Every topic of the group: those that the client may see, and since v10 only those that have an id.
void keep_visible(GroupResult& result, const RequestContext& context, const metadata::Image& image) {
    const bool by_id = context.api_version() >= k_version_topic_ids;
    std::erase_if(result.topics, [&](GroupResult::Topic& topic) {
        if (!context.allows(security::Operation::describe, security::ResourceType::topic, topic.name))
            return true;
        if (!by_id) return false;
        const auto* known = image.topic(topic.name);
        const bool is_same = known != nullptr && (topic.topic_id.is_zero() || topic.topic_id == known->id);
        if (is_same) topic.topic_id = known->id;
        return !is_same;
    });
}

// Gathers the groups of one request, in its order, and answers when the last is there.
class Fetches final : public RefCounted {
public:
    Fetches(const msg::OffsetFetchRequest& request, RequestContext& context,
            Completion<msg::OffsetFetchResponse> done)
        : request_(request), context_(context), done_(std::move(done)) {}

    void start() {
        const bool is_several = context_.api_version() >= k_version_several_groups;
        const auto count = is_several ? request_.groups.size() : 1;
        results_.resize(count);
        missing_ = count + 1;
        for (std::size_t place = 0; place < count; ++place)
            ask(place, is_several ? question(request_.groups[place]) : single_question());
        finish_one();
    }

    void set(std::size_t place, bool is_all, Result<GroupResult> result,
             std::vector<GroupResult::Topic> refused) {
        auto& slot = results_[place];
        if (!result) {
            slot.error = result.error().code;
            return finish_one();
        }
        slot = std::move(*result);
        if (slot.error != ErrorCode::none) return finish_one();  // which names no topic
        if (is_all) keep_visible(slot, context_, *context_.services().images.current());
        for (auto& topic : refused) slot.topics.push_back(std::move(topic));
        finish_one();
    }

private:
    struct Answer {
        Ref<Fetches> fetches;
        std::size_t place;
        bool is_all;
        std::vector<GroupResult::Topic> refused;

        void operator()(Result<GroupResult> result) {
            fetches->set(place, is_all, std::move(result), std::move(refused));
        }
    };

    void ask(std::size_t place, Question question) {
        const bool is_all = !question.request.topics.has_value();
        if (!may_describe_group(context_, question.request.group_id))
            return set(place, is_all, fail(ErrorCode::group_authorization_failed), {});
        context_.services().groups.fetch_offsets(
            std::move(question.request),
            Answer{Ref<Fetches>(this), place, is_all, std::move(question.refused)});
    }

    Question question(const msg::OffsetFetchRequest::OffsetFetchRequestGroup& group) const {
        Question asked;
        asked.request.group_id = group.group_id;
        asked.request.member_id = owned(group.member_id);
        asked.request.member_epoch = group.member_epoch;
        asked.request.require_stable = request_.require_stable;
        if (!group.topics) return asked;
        asked.request.topics.emplace();
        const auto image = context_.services().images.current();
        for (const auto& topic : *group.topics)
            add_topic({.name = topic.name, .topic_id = topic.topic_id, .partitions = topic.partition_indexes},
                      context_, *image, asked);
        return asked;
    }

    Question single_question() const {
        Question asked;
        asked.request.group_id = request_.group_id;
        asked.request.require_stable = request_.require_stable;
        if (!request_.topics) return asked;
        asked.request.topics.emplace();
        const auto image = context_.services().images.current();
        for (const auto& topic : *request_.topics)
            add_topic({.name = topic.name, .topic_id = {}, .partitions = topic.partition_indexes}, context_,
                      *image, asked);
        return asked;
    }

    void finish_one() {
        if (--missing_ > 0) return;
        msg::OffsetFetchResponse response;
        if (context_.api_version() >= k_version_several_groups)
            fill_groups(response);
        else
            fill_single(response);
        done_(std::move(response));
    }

    template <class Entry>
    static void fill(Entry& entry, const Partition& partition) {
        entry.partition_index = partition.partition;
        entry.committed_offset = partition.offset;
        entry.committed_leader_epoch = partition.leader_epoch;
        entry.metadata = partition.metadata;
        entry.error_code = partition.error;
    }

    void fill_groups(msg::OffsetFetchResponse& response) const {
        for (std::size_t place = 0; place < results_.size(); ++place) {
            auto& group = response.groups.emplace_back();
            group.group_id = request_.groups[place].group_id;
            group.error_code = results_[place].error;
            for (const auto& topic : results_[place].topics) {
                auto& entry = group.topics.emplace_back();
                if (context_.api_version() < k_version_topic_ids) entry.name = topic.name;
                entry.topic_id = topic.topic_id;
                for (const auto& partition : topic.partitions)
                    fill(entry.partitions.emplace_back(), partition);
            }
        }
    }

    // v1 has no place for the group's error: every partition that was asked for carries it.
    void fill_single(msg::OffsetFetchResponse& response) const {
        const auto& result = results_.front();
        if (result.error != ErrorCode::none && context_.api_version() < k_version_group_error) {
            for (const auto& topic : *request_.topics) {
                auto& entry = response.topics.emplace_back();
                entry.name = topic.name;
                for (const auto index : topic.partition_indexes) {
                    const Partition refused{.partition = index, .metadata = {}, .error = result.error};
                    fill(entry.partitions.emplace_back(), refused);
                }
            }
            return;
        }
        response.error_code = result.error;
        for (const auto& topic : result.topics) {
            auto& entry = response.topics.emplace_back();
            entry.name = topic.name;
            for (const auto& partition : topic.partitions) fill(entry.partitions.emplace_back(), partition);
        }
    }

    const msg::OffsetFetchRequest& request_;
    RequestContext& context_;
    Completion<msg::OffsetFetchResponse> done_;
    std::vector<GroupResult> results_;
    std::size_t missing_ = 0;  // one more than groups, until all are asked for
};

}  // namespace

void handle_offset_fetch(const msg::OffsetFetchRequest& request, RequestContext& context,
                         Completion<msg::OffsetFetchResponse> done) {
    make_ref<Fetches>(request, context, std::move(done))->start();
}

}  // namespace gregor::server
