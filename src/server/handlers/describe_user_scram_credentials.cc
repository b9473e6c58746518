// DescribeUserScramCredentials v0 (KIP-554): mechanisms and iterations, never keys.
#include "gen/api/describe_user_scram_credentials.h"

#include <fmt/format.h>

#include <deque>
#include <map>
#include <string>

#include "metadata/image_source.h"
#include "server/handlers/admin_handlers.h"
#include "server/request_context.h"

namespace gregor::server {
namespace {

using msg::DescribeUserScramCredentialsResponse;
using ResultRow = DescribeUserScramCredentialsResponse::DescribeUserScramCredentialsResult;

class DescribeScramCall {
public:
    explicit DescribeScramCall(RequestContext& context) : image_(context.services().images.current()) {
        for (const auto& [key, credential] : image_->scram_credentials)
            users_[key.user].push_back({key.mechanism, credential.iterations, {}});
        response_.error_message = "";
    }

    void describe_all() {
        for (const auto& [user, infos] : users_) describe(user);
    }
    void describe(std::string_view user) {
        auto& row = response_.results.emplace_back();
        row.user = user;
        row.error_message = "";
        const auto found = users_.find(user);
        if (found == users_.end()) {
            return fail_row(
                row, ErrorCode::resource_not_found,
                fmt::format("Attempt to describe a user credential that does not exist: {}", user));
        }
        for (const auto& info : found->second) row.credential_infos.push_back(info);
    }
    void refuse_repeated(std::string_view user) {
        auto& row = response_.results.emplace_back();
        row.user = user;
        fail_row(
            row, ErrorCode::duplicate_resource,
            fmt::format("Cannot describe SCRAM credentials for the same user twice in a single request: {}",
                        user));
    }
    DescribeUserScramCredentialsResponse take() { return std::move(response_); }

private:
    void fail_row(ResultRow& row, ErrorCode code, std::string why) {
        row.error_code = code;
        row.error_message = texts_.emplace_back(std::move(why));
    }

    const Ref<const metadata::Image> image_;
    std::map<std::string_view, List<DescribeUserScramCredentialsResponse::CredentialInfo>> users_;
    std::deque<std::string> texts_;
    DescribeUserScramCredentialsResponse response_;
};

}  // namespace

void handle_describe_user_scram_credentials(const msg::DescribeUserScramCredentialsRequest& request,
                                            RequestContext& context,
                                            Completion<DescribeUserScramCredentialsResponse> done) {
    if (!context.allows_cluster(security::Operation::describe)) {
        DescribeUserScramCredentialsResponse response;
        response.error_code = ErrorCode::cluster_authorization_failed;
        response.error_message = "Cluster authorization failed.";
        return done(std::move(response));
    }
    DescribeScramCall call(context);
    std::map<std::string_view, int> mentions;
    if (request.users) {
        for (const auto& user : *request.users) ++mentions[user.name];
    }
    if (mentions.empty()) call.describe_all();
    for (const auto& [user, count] : mentions) {
        if (count > 1) {
            call.refuse_repeated(user);
        } else {
            call.describe(user);
        }
    }
    done(call.take());
}

}  // namespace gregor::server
