// DeleteTopics v1..v6.   v6 names topics by name or by id
#include <fmt/format.h>

#include <map>
#include <set>

#include "base/format.h"
#include "controller/topics.h"
#include "gen/meta/remove_topic.h"
#include "metadata/record_codec.h"

namespace gregor::controller {
namespace {

// One wish of the request, as far as it could be understood.
struct Wish {
    std::string_view name;
    Uuid id;
    bool by_id = false;
};

class TopicDeletion {
public:
    TopicDeletion(const DecisionContext& context, std::int16_t version, MutationQuota& quota)
        : context_(context), version_(version), quota_(quota) {}

    Decision<msg::DeleteTopicsResponse> decide(const msg::DeleteTopicsRequest& request) {
        for (const auto name : request.topic_names) wishes_.push_back({.name = name, .id = {}});
        for (const auto& topic : request.topics) {
            if (topic.name.has_value() != topic.topic_id.is_zero()) {
                answer({.name = topic.name.value_or(""), .id = topic.topic_id, .by_id = !topic.name},
                       {ErrorCode::invalid_request, topic.name
                                                        ? "You may not specify both topic name and topic id."
                                                        : "Neither topic name nor id were specified."});
            } else {
                wishes_.push_back(
                    {.name = topic.name.value_or(""), .id = topic.topic_id, .by_id = !topic.name});
            }
        }
        for (const auto& wish : wishes_) {
            if (wish.by_id) {
                ++ids_[wish.id];
            } else {
                ++names_[wish.name];
            }
        }
        for (const auto& wish : wishes_) decide_one(wish);
        return std::move(decision_);
    }

private:
    const metadata::Topic* find(const Wish& wish) const {
        return wish.by_id ? context_.state.topic(wish.id) : context_.state.topic(wish.name);
    }

    void decide_one(const Wish& wish) {
        const auto* topic = find(wish);
        if (wish.by_id ? ids_[wish.id] > 1 : names_[wish.name] > 1) return answer_repeated(wish);
        if (topic != nullptr && names_[topic->name] == 1 && ids_[topic->id] > 0) {
            // A topic by its name and by its id: one answer, that of the name.
            if (!wish.by_id)
                answer({.name = wish.name, .id = topic->id},
                       {ErrorCode::invalid_request,
                        "The provided topic name maps to an ID that was already supplied."});
            return;
        }
        if (!context_.settings.delete_topics) {
            const auto code = version_ < 3 ? ErrorCode::invalid_request : ErrorCode::topic_deletion_disabled;
            return answer(wish, {code, "Topic deletion is disabled: see delete.topic.enable."});
        }
        if (topic == nullptr) {
            const auto code =
                wish.by_id ? ErrorCode::unknown_topic_id : ErrorCode::unknown_topic_or_partition;
            return answer(wish, {code, wish.by_id ? "This server does not host this topic ID."
                                                  : "This server does not host this topic-partition."});
        }
        if (const auto allowed = quota_.charge(topic->partitions.size()); !allowed)
            return answer({.name = topic->name, .id = topic->id}, allowed.error());
        remove(*topic);
    }

    void answer_repeated(const Wish& wish) {
        const bool first =
            wish.by_id ? answered_ids_.insert(wish.id).second : answered_names_.insert(wish.name).second;
        if (first)
            answer(wish, {ErrorCode::invalid_request,
                          wish.by_id ? "Duplicate topic id." : "Duplicate topic name."});
    }

    void remove(const metadata::Topic& topic) {
        msg::RemoveTopicRecord record;
        record.topic_id = topic.id;
        decision_.records.push_back(metadata::encode_record(record, 0));
        auto& outcome = decision_.response.responses.emplace_back();
        outcome.name = decision_.keep(topic.name);
        outcome.topic_id = topic.id;
    }

    void answer(const Wish& wish, const Error& why) {
        auto& outcome = decision_.response.responses.emplace_back();
        outcome.name = wish.by_id ? std::nullopt : std::optional(wish.name);
        outcome.topic_id = wish.id;
        outcome.error_code = why.code;
        outcome.error_message = decision_.keep(why.detail);
    }

    const DecisionContext& context_;
    const std::int16_t version_;
    MutationQuota& quota_;
    std::vector<Wish> wishes_;
    std::map<Uuid, int> ids_;  // how often each is asked for
    std::map<std::string_view, int> names_;
    std::set<Uuid> answered_ids_;
    std::set<std::string_view> answered_names_;
    Decision<msg::DeleteTopicsResponse> decision_;
};

}  // namespace

Decision<msg::DeleteTopicsResponse> decide(const msg::DeleteTopicsRequest& request, std::int16_t version,
                                           const DecisionContext& context, MutationQuota& quota) {
    return TopicDeletion(context, version, quota).decide(request);
}

}  // namespace gregor::controller
