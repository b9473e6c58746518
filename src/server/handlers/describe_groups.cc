// DescribeGroups v0..v6: classic groups.   v3 authorised operations · v4 static members · v6 missing groups
// are errors (KIP-1043) · and, since v5, on top of Kafka's protocol: why groups rebalanced (docs/adr/0008)
#include "gen/api/describe_groups.h"

#include <utility>

#include "base/ref.h"
#include "coordinator/group_coordinator.h"
#include "protocol/rebalances.h"
#include "server/handlers/group_values.h"
#include "server/handlers/handlers.h"

namespace gregor::server {
namespace {

constexpr std::int16_t k_version_missing_is_error = 6;
constexpr std::string_view k_dead = "Dead";

// Gathers the descriptions of one request, in its order.
class Descriptions final : public RefCounted {
public:
    Descriptions(const msg::DescribeGroupsRequest& request, RequestContext& context,
                 Completion<msg::DescribeGroupsResponse> done)
        : request_(request),
          context_(context),
          done_(std::move(done)),
          groups_(request.groups.size()),
          missing_(request.groups.size() + 1),
          with_rebalances_(protocol::has_tag(request.unknown_tags, protocol::k_rebalances_tag)) {}

    bool with_rebalances() const { return with_rebalances_; }

    void set(std::size_t place, Result<coordinator::DescribedGroup> group) {
        if (group) {
            groups_[place] = std::move(*group);
        } else {
            groups_[place].error = group.error().code;
        }
        finish_one();
    }
    void finish_one() {
        if (--missing_ > 0) return;
        msg::DescribeGroupsResponse response;
        for (std::size_t place = 0; place < groups_.size(); ++place)
            fill(response.groups.emplace_back(), request_.groups[place], groups_[place]);
        done_(std::move(response));
    }

private:
    void fill(msg::DescribeGroupsResponse::DescribedGroup& entry, std::string_view group_id,
              const coordinator::DescribedGroup& group) {
        entry.group_id = group_id;
        entry.error_code = group.error;
        if (group.error == ErrorCode::group_id_not_found) {
            entry.group_state = k_dead;
            if (context_.api_version() < k_version_missing_is_error)
                entry.error_code = ErrorCode::none;
            else
                entry.error_message = group.error_message;
        }
        if (with_rebalances_ && group.error != ErrorCode::group_authorization_failed)
            entry.unknown_tags.add(protocol::k_rebalances_tag, rebalances_of(group));
        if (group.error == ErrorCode::none) {
            entry.group_state = group.state;
            entry.protocol_type = group.protocol_type;
            entry.protocol_data = group.protocol;
        }
        for (const auto& member : group.members) {
            auto& described = entry.members.emplace_back();
            described.member_id = member.member_id;
            described.group_instance_id = member.instance_id;
            described.client_id = member.client_id;
            described.client_host = member.client_host;
            described.member_metadata = member.metadata;
            described.member_assignment = member.assignment;
        }
        if (entry.error_code == ErrorCode::none && request_.include_authorized_operations)
            entry.authorized_operations =
                context_.authorized_operations(security::ResourceType::group, group_id);
    }

    // The bytes live as long as the answer is not encoded.
    Bytes rebalances_of(const coordinator::DescribedGroup& group) {
        encoded_.push_back(protocol::encode_rebalances(group.rebalances));
        return encoded_.back();
    }

    const msg::DescribeGroupsRequest& request_;
    RequestContext& context_;
    Completion<msg::DescribeGroupsResponse> done_;
    std::vector<coordinator::DescribedGroup> groups_;
    std::size_t missing_;  // one more than groups, until all are asked for
    const bool with_rebalances_;
    std::vector<std::vector<std::byte>> encoded_;
};

struct SetDescription {
    Ref<Descriptions> descriptions;
    std::size_t place;

    void operator()(Result<coordinator::DescribedGroup> group) const {
        descriptions->set(place, std::move(group));
    }
};

}  // namespace

void handle_describe_groups(const msg::DescribeGroupsRequest& request, RequestContext& context,
                            Completion<msg::DescribeGroupsResponse> done) {
    const auto descriptions = make_ref<Descriptions>(request, context, std::move(done));
    for (std::size_t place = 0; place < request.groups.size(); ++place) {
        const auto group_id = request.groups[place];
        if (!may_describe_group(context, group_id))
            descriptions->set(place, fail(ErrorCode::group_authorization_failed));
        else
            context.services().groups.describe(
                {.group_id = std::string(group_id), .with_rebalances = descriptions->with_rebalances()},
                SetDescription{descriptions, place});
    }
    descriptions->finish_one();
}

}  // namespace gregor::server
