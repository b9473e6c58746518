// DeleteGroups v0..v2.
#include "gen/api/delete_groups.h"

#include <utility>

#include "base/ref.h"
#include "coordinator/group_coordinator.h"
#include "server/handlers/group_values.h"
#include "server/handlers/handlers.h"

namespace gregor::server {
namespace {

// Gathers the outcomes of one request, in its order.
class Deletions final : public RefCounted {
public:
    Deletions(const msg::DeleteGroupsRequest& request, Completion<msg::DeleteGroupsResponse> done)
        : done_(std::move(done)), missing_(request.groups_names.size() + 1) {
        for (const auto group_id : request.groups_names) response_.results.emplace_back().group_id = group_id;
    }
    void set(std::size_t place, ErrorCode error) {
        response_.results[place].error_code = error;
        finish_one();
    }
    void finish_one() {
        if (--missing_ == 0) done_(std::move(response_));
    }

private:
    msg::DeleteGroupsResponse response_;
    Completion<msg::DeleteGroupsResponse> done_;
    std::size_t missing_;  // one more than groups, until all are asked for
};

struct SetDeletion {
    Ref<Deletions> deletions;
    std::size_t place;

    void operator()(Result<ErrorCode> result) const {
        deletions->set(place, result ? *result : result.error().code);
    }
};

}  // namespace

void handle_delete_groups(const msg::DeleteGroupsRequest& request, RequestContext& context,
                          Completion<msg::DeleteGroupsResponse> done) {
    const auto deletions = make_ref<Deletions>(request, std::move(done));
    for (std::size_t place = 0; place < request.groups_names.size(); ++place) {
        const auto group_id = request.groups_names[place];
        if (!context.allows(security::Operation::remove, security::ResourceType::group, group_id))
            deletions->set(place, ErrorCode::group_authorization_failed);
        else
            context.services().groups.remove({.group_id = std::string(group_id)},
                                             SetDeletion{deletions, place});
    }
    deletions->finish_one();
}

}  // namespace gregor::server
