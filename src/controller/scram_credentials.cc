// AlterUserScramCredentials v0 (KIP-554). A user succeeds or fails as a whole; passwords come salted and
// leave as the two keys that a server needs.
#include <map>
#include <optional>
#include <vector>

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
        for (const auto& deletion : request_.deletions) {
            auto& user = mention(deletion.name);
            if (user.status) user.status = remove(deletion, user);
        }
        for (const auto& upsertion : request_.upsertions) {
            auto& user = mention(upsertion.name);
            if (user.status) user.status = set(upsertion, user);
        }
        for (const auto name : order_) answer(name, users_.at(name));
        return std::move(decision_);
    }

private:
    // What becomes of one user. The first trouble with one stays, whatever else the request wants of them;
    // a password is looked at last.
    struct User {
        Status status;
        bool is_altered = false;
        std::optional<Slice> record;
    };

    User& mention(std::string_view name) {
        const auto [at, is_new] = users_.try_emplace(name);
        if (is_new) order_.push_back(name);
        return at->second;
    }

    Status check(std::string_view name, std::int8_t mechanism, const User& user) const {
        if (user.is_altered) {
            return fail(ErrorCode::duplicate_resource,
                        "A user credential cannot be altered twice in the same request");
        }
        if (!metadata::has_scram(context_.state.metadata_version)) {
            return fail(
                ErrorCode::unsupported_version,
                "The metadata.version of this cluster has no SCRAM credentials: raise it to 11 or more");
        }
        if (name.empty()) return fail(ErrorCode::unacceptable_credential, "Username must not be empty");
        if (mechanism != k_sha_256 && mechanism != k_sha_512)
            return fail(ErrorCode::unsupported_sasl_mechanism, "Unknown SCRAM mechanism");
        return {};
    }

    Status remove(const msg::AlterUserScramCredentialsRequest::ScramCredentialDeletion& deletion,
                  User& user) {
        TRY_STATUS(check(deletion.name, deletion.mechanism, user));
        const metadata::ScramKey key{deletion.mechanism, std::string(deletion.name)};
        if (!context_.state.scram_credentials.contains(key)) {
            return fail(ErrorCode::resource_not_found,
                        "Attempt to delete a user credential that does not exist");
        }
        msg::RemoveUserScramCredentialRecord record;
        record.name = deletion.name;
        record.mechanism = deletion.mechanism;
        user.is_altered = true;
        user.record = metadata::encode_record(record, 0);
        return {};
    }

    Status set(const msg::AlterUserScramCredentialsRequest::ScramCredentialUpsertion& upsertion, User& user) {
        TRY_STATUS(check(upsertion.name, upsertion.mechanism, user));
        if (upsertion.iterations < k_iterations_min)
            return fail(ErrorCode::unacceptable_credential, "Too few iterations");
        if (upsertion.iterations > k_iterations_max)
            return fail(ErrorCode::unacceptable_credential, "Too many iterations");
        user.is_altered = true;
        if (upsertion.salted_password.empty()) return {};  // of which no key can be made
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
        user.record = metadata::encode_record(record, 0);
        return {};
    }

    void answer(std::string_view name, User& user) {
        auto& row = decision_.response.results.emplace_back();
        row.user = name;
        row.error_message = std::nullopt;
        if (user.status && user.record) return decision_.records.push_back(std::move(*user.record));
        if (user.status) user.status = fail(ErrorCode::unknown_server_error, "The salted password is empty");
        row.error_code = user.status.error().code;
        row.error_message = decision_.keep(user.status.error().detail);
    }

    const msg::AlterUserScramCredentialsRequest& request_;
    const DecisionContext& context_;
    std::map<std::string_view, User> users_;
    std::vector<std::string_view> order_;
    Decision<msg::AlterUserScramCredentialsResponse> decision_;
};

}  // namespace

Decision<msg::AlterUserScramCredentialsResponse> decide(const msg::AlterUserScramCredentialsRequest& request,
                                                        std::int16_t, const DecisionContext& context) {
    return ScramAlteration(request, context).decide();
}

}  // namespace gregor::controller
