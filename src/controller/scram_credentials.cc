// AlterUserScramCredentials v0 (KIP-554). A user succeeds or fails as a whole; passwords come salted and
// leave as the two keys that a server needs.
#include <map>
#include <set>

#include "controller/administration.h"
#include "gen/meta/remove_user_scram_credential.h"
#include "gen/meta/user_scram_credential.h"
#include "metadata/features.h"
#include "metadata/record_codec.h"

namespace gregor::controller {
namespace {

constexpr std::int8_t k_sha_256 = 1;
constexpr std::int8_t k_sha_512 = 2;
constexpr std::int32_t k_iterations_min = 4'096;
constexpr std::int32_t k_iterations_max = 16'384;

class ScramAlteration {
public:
    ScramAlteration(const msg::AlterUserScramCredentialsRequest& request, const DecisionContext& context)
        : request_(request), context_(context) {}

    Decision<msg::AlterUserScramCredentialsResponse> decide() {
        for (const auto& deletion : request_.deletions) ++mentions_[deletion.name];
        for (const auto& upsertion : request_.upsertions) ++mentions_[upsertion.name];
        for (const auto& deletion : request_.deletions) answer(deletion.name, remove(deletion));
        for (const auto& upsertion : request_.upsertions) answer(upsertion.name, set(upsertion));
        return std::move(decision_);
    }

private:
    Status check(std::string_view user, std::int8_t mechanism) const {
        if (mentions_.at(user) > 1) {
            return fail(ErrorCode::duplicate_resource,
                        "A user credential cannot be altered twice in the same request");
        }
        if (!metadata::has_scram(context_.state.metadata_version)) {
            return fail(
                ErrorCode::unsupported_version,
                "The metadata.version of this cluster has no SCRAM credentials: raise it to 11 or more");
        }
        if (user.empty()) return fail(ErrorCode::unacceptable_credential, "Username must not be empty");
        if (mechanism != k_sha_256 && mechanism != k_sha_512)
            return fail(ErrorCode::unsupported_sasl_mechanism, "Unknown SCRAM mechanism");
        return {};
    }

    Status remove(const msg::AlterUserScramCredentialsRequest::ScramCredentialDeletion& deletion) {
        TRY_STATUS(check(deletion.name, deletion.mechanism));
        const metadata::ScramKey key{deletion.mechanism, std::string(deletion.name)};
        if (!context_.state.scram_credentials.contains(key)) {
            return fail(ErrorCode::resource_not_found,
                        "Attempt to delete a user credential that does not exist");
        }
        msg::RemoveUserScramCredentialRecord record;
        record.name = deletion.name;
        record.mechanism = deletion.mechanism;
        decision_.records.push_back(metadata::encode_record(record, 0));
        return {};
    }

    Status set(const msg::AlterUserScramCredentialsRequest::ScramCredentialUpsertion& upsertion) {
        TRY_STATUS(check(upsertion.name, upsertion.mechanism));
        if (upsertion.iterations < k_iterations_min)
            return fail(ErrorCode::unacceptable_credential, "Too few iterations");
        if (upsertion.iterations > k_iterations_max)
            return fail(ErrorCode::unacceptable_credential, "Too many iterations");
        if (upsertion.salted_password.empty())
            return fail(ErrorCode::unknown_server_error, "The salted password is empty");
        const auto mechanism =
            upsertion.mechanism == k_sha_256 ? ScramMechanism::sha_256 : ScramMechanism::sha_512;
        const auto keys = context_.passwords.derive(mechanism, upsertion.salted_password);
        msg::UserScramCredentialRecord record;
        record.name = upsertion.name;
        record.mechanism = upsertion.mechanism;
        record.salt = upsertion.salt;
        record.stored_key = keys.stored_key;
        record.server_key = keys.server_key;
        record.iterations = upsertion.iterations;
        decision_.records.push_back(metadata::encode_record(record, 0));
        return {};
    }

    // A user who was named twice is answered once.
    void answer(std::string_view user, const Status& status) {
        if (!answered_.insert(user).second) return;
        auto& row = decision_.response.results.emplace_back();
        row.user = user;
        row.error_message = std::nullopt;
        if (status) return;
        row.error_code = status.error().code;
        row.error_message = decision_.keep(status.error().detail);
    }

    const msg::AlterUserScramCredentialsRequest& request_;
    const DecisionContext& context_;
    std::map<std::string_view, int> mentions_;
    std::set<std::string_view> answered_;
    Decision<msg::AlterUserScramCredentialsResponse> decision_;
};

}  // namespace

Decision<msg::AlterUserScramCredentialsResponse> decide(const msg::AlterUserScramCredentialsRequest& request,
                                                        std::int16_t, const DecisionContext& context) {
    return ScramAlteration(request, context).decide();
}

}  // namespace gregor::controller
