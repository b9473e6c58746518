// DeleteGroups v0..v2.
#include "gen/api/delete_groups.h"

#include <set>
#include <utility>
#include <vector>

#include "base/ref.h"
#include "coordinator/group_coordinator.h"
#include "server/handlers/group_values.h"
#include "server/handlers/handlers.h"

namespace gregor::server {
namespace {

// A group that is named again is deleted and answered once.
std::vector<std::string_view> distinct(const List<std::string_view>& names) {
    std::vector<std::string_view> found;
    std::set<std::string_view> seen;
    for (const auto name : names)
        if (seen.insert(name).second) found.push_back(name);
    return found;
}

// Gathers the outcomes of one request, in its order.
class Deletions final : public RefCounted {
public:
    Deletions(const std::vector<std::string_view>& group_ids, Completion<msg::DeleteGroupsResponse> done)
        : done_(std::move(done)), missing_(group_ids.size() + 1) {
        for (const auto group_id : group_ids) response_.results.emplace_back().group_id = group_id;
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
    const auto group_ids = distinct(request.groups_names);
    const auto deletions = make_ref<Deletions>(group_ids, std::move(done));
    for (std::size_t place = 0; place < group_ids.size(); ++place) {
        const auto group_id = group_ids[place];
        if (!context.allows(security::Operation::remove, security::ResourceType::group, group_id))
            deletions->set(place, ErrorCode::group_authorization_failed);
        else
            context.services().groups.remove({.group_id = std::string(group_id)},
                                             SetDeletion{deletions, place});
    }
    deletions->finish_one();
}

}  // namespace gregor::server
