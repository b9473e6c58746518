// ConsumerGroupDescribe v0..v1 (KIP-848).   v1 tells which protocol a member speaks (KIP-1099) ·
// and, on top of Kafka's protocol: why groups rebalanced (docs/adr/0008)
#include "gen/api/consumer_group_describe.h"

#include <algorithm>
#include <utility>

#include "base/ref.h"
#include "coordinator/group_coordinator.h"
#include "metadata/config_source.h"
#include "metadata/image_source.h"
#include "protocol/rebalances.h"
#include "server/handlers/consumer_groups.h"
#include "server/handlers/group_values.h"
#include "server/request_context.h"

namespace gregor::server {
namespace {

using coordinator::DescribedConsumerGroup;
using Response = msg::ConsumerGroupDescribeResponse;

constexpr std::int8_t k_classic_member = 0;
constexpr std::int8_t k_consumer_member = 1;

// Whether a list of a properties file, "a, b", has this entry.
bool names(std::string_view list, std::string_view entry) {
    while (!list.empty()) {
        const auto end = std::min(list.find(','), list.size());
        auto word = list.substr(0, end);
        word.remove_prefix(std::min(word.find_first_not_of(' '), word.size()));
        if (word.substr(0, word.find_last_not_of(' ') + 1) == entry) return true;
        list.remove_prefix(std::min(end + 1, list.size()));
    }
    return false;
}

// Gathers the descriptions of one request, in its order.
class Descriptions final : public RefCounted {
public:
    Descriptions(const msg::ConsumerGroupDescribeRequest& request, RequestContext& context,
                 Completion<Response> done)
        : request_(request),
          context_(context),
          done_(std::move(done)),
          groups_(request.group_ids.size()),
          missing_(request.group_ids.size() + 1),
          with_rebalances_(protocol::has_tag(request.unknown_tags, protocol::k_rebalances_tag)) {}

    bool with_rebalances() const { return with_rebalances_; }

    void set(std::size_t place, Result<DescribedConsumerGroup> group) {
        if (group) {
            groups_[place] = std::move(*group);
            if (!may_see_topics(groups_[place])) refuse(place, ErrorCode::topic_authorization_failed);
        } else {
            refuse(place, group.error().code);
        }
        finish_one();
    }
    void finish_one() {
        if (--missing_ > 0) return;
        Response response;
        for (std::size_t place = 0; place < groups_.size(); ++place)
            fill(response.groups.emplace_back(), request_.group_ids[place], groups_[place]);
        done_(std::move(response));
    }

private:
    void refuse(std::size_t place, ErrorCode error) {
        groups_[place] = {};
        groups_[place].error = error;
        if (error == ErrorCode::topic_authorization_failed) {
            groups_[place].error_message =
                "The group has described topic(s) that the client is not authorized to describe.";
        }
    }

    bool may_see_topics(const DescribedConsumerGroup& group) const {
        const auto may_see = [&](const DescribedConsumerGroup::TopicPartitions& topic) {
            return context_.allows(security::Operation::describe, security::ResourceType::topic, topic.name);
        };
        return std::ranges::all_of(group.members, [&](const DescribedConsumerGroup::Member& member) {
            return std::ranges::all_of(member.assignment, may_see) &&
                   std::ranges::all_of(member.target, may_see);
        });
    }

    static void fill(Response::Assignment& entry,
                     const std::vector<DescribedConsumerGroup::TopicPartitions>& topics) {
        for (const auto& topic : topics)
            entry.topic_partitions.push_back({topic.topic_id, topic.name, topic.partitions, {}});
    }

    static void fill(Response::Member& entry, const DescribedConsumerGroup::Member& member) {
        entry.member_id = member.member_id;
        entry.instance_id = member.instance_id;
        entry.rack_id = member.rack_id;
        entry.member_epoch = member.epoch;
        entry.client_id = member.client_id;
        entry.client_host = member.client_host;
        entry.subscribed_topic_names.assign(member.subscribed_topics.begin(), member.subscribed_topics.end());
        entry.subscribed_topic_regex = member.subscribed_regex;
        fill(entry.assignment, member.assignment);
        fill(entry.target_assignment, member.target);
        entry.member_type = member.is_classic ? k_classic_member : k_consumer_member;
    }

    void fill(Response::DescribedGroup& entry, std::string_view group_id,
              const DescribedConsumerGroup& group) {
        entry.group_id = group_id;
        entry.error_code = group.error;
        if (!group.error_message.empty()) entry.error_message = group.error_message;
        if (group.error != ErrorCode::none) return;
        if (with_rebalances_) {
            encoded_.push_back(protocol::encode_rebalances(group.rebalances));
            entry.unknown_tags.add(protocol::k_rebalances_tag, encoded_.back());
        }
        entry.group_state = group.state;
        entry.group_epoch = group.epoch;
        entry.assignment_epoch = group.assignment_epoch;
        entry.assignor_name = group.assignor;
        for (const auto& member : group.members) fill(entry.members.emplace_back(), member);
        if (request_.include_authorized_operations)
            entry.authorized_operations =
                context_.authorized_operations(security::ResourceType::group, group_id);
    }

    const msg::ConsumerGroupDescribeRequest& request_;
    RequestContext& context_;
    Completion<Response> done_;
    std::vector<DescribedConsumerGroup> groups_;
    std::size_t missing_;  // one more than groups, until all are asked for
    const bool with_rebalances_;
    std::vector<std::vector<std::byte>> encoded_;  // live as long as the answer is not encoded
};

struct SetDescription {
    Ref<Descriptions> descriptions;
    std::size_t place;

    void operator()(Result<DescribedConsumerGroup> group) const {
        descriptions->set(place, std::move(group));
    }
};

}  // namespace

bool serves_consumer_groups(const RequestContext& context) {
    const auto& services = context.services();
    const auto image = services.images.current();
    const auto* protocols = services.configs.static_value("group.coordinator.rebalance.protocols");
    return image->feature_level("group.version") >= 1 &&
           (protocols == nullptr || names(*protocols, "consumer"));
}

void handle_consumer_group_describe(const msg::ConsumerGroupDescribeRequest& request, RequestContext& context,
                                    Completion<Response> done) {
    const auto descriptions = make_ref<Descriptions>(request, context, std::move(done));
    const bool is_served = serves_consumer_groups(context);
    for (std::size_t place = 0; place < request.group_ids.size(); ++place) {
        const auto group_id = request.group_ids[place];
        if (!is_served)
            descriptions->set(place, fail(ErrorCode::unsupported_version));
        else if (!may_describe_group(context, group_id))
            descriptions->set(place, fail(ErrorCode::group_authorization_failed));
        else if (group_id.empty())
            descriptions->set(place, fail(ErrorCode::invalid_group_id));
        else
            context.services().groups.describe_consumer(
                {.group_id = std::string(group_id), .with_rebalances = descriptions->with_rebalances()},
                SetDescription{descriptions, place});
    }
    descriptions->finish_one();
}

}  // namespace gregor::server
