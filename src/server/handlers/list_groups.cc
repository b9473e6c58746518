// ListGroups v0..v5.   v4 states (KIP-518) · v5 types (KIP-848)
#include "gen/api/list_groups.h"

#include <algorithm>
#include <utility>

#include "coordinator/group_coordinator.h"
#include "server/handlers/group_values.h"
#include "server/handlers/handlers.h"

namespace gregor::server {
namespace {

std::string trimmed(std::string_view text) {
    const auto from = text.find_first_not_of(" \t");
    if (from == std::string_view::npos) return {};
    return std::string(text.substr(from, text.find_last_not_of(" \t") - from + 1));
}

struct AnswerList {
    Completion<msg::ListGroupsResponse> done;
    RequestContext* context;  // outlives this

    void operator()(Result<std::vector<coordinator::ListedGroup>> result) {
        msg::ListGroupsResponse response;
        if (!result) {
            response.error_code = result.error().code;
            return done(std::move(response));
        }
        const bool sees_all = context->allows_cluster(security::Operation::describe);
        for (const auto& group : *result) {
            if (!sees_all && !may_describe_group(*context, group.group_id)) continue;
            auto& entry = response.groups.emplace_back();
            entry.group_id = group.group_id;
            entry.protocol_type = group.protocol_type;
            entry.group_state = group.state;
            entry.group_type = group.type;
        }
        done(std::move(response));
    }
};

}  // namespace

void handle_list_groups(const msg::ListGroupsRequest& request, RequestContext& context,
                        Completion<msg::ListGroupsResponse> done) {
    coordinator::ListFilter filter;
    std::ranges::transform(request.states_filter, std::back_inserter(filter.states), trimmed);
    std::ranges::transform(request.types_filter, std::back_inserter(filter.types), trimmed);
    context.services().groups.list(std::move(filter), AnswerList{std::move(done), &context});
}

}  // namespace gregor::server
