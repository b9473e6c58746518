// Quotas, SCRAM users, ACLs and tokens as Kafka 4.3.1 describes them without an authorizer.
#include "gen/api/create_acls.h"
#include "gen/api/create_delegation_token.h"
#include "gen/api/describe_acls.h"
#include "gen/api/describe_client_quotas.h"
#include "gen/api/describe_user_scram_credentials.h"
#include "gen/meta/client_quota.h"
#include "gen/meta/user_scram_credential.h"
#include "server/handlers/admin_handlers.h"
#include "server/handlers/test_cluster.h"

namespace gregor::server {
namespace {

using Component = msg::DescribeClientQuotasRequest::ComponentData;

class DescribeSecurityTest : public testing::Test {
protected:
    using Part = std::pair<std::string_view, std::optional<std::string_view>>;
    void set_quota(const std::vector<Part>& entity, std::string_view key, double value) {
        msg::ClientQuotaRecord record;
        for (const auto& [type, name] : entity) record.entity.push_back({type, name, {}});
        record.key = key;
        record.value = value;
        cluster.replay_record(record, 0);
    }
    // The code, then "[type=name ... key:value ...]" of each entity.
    std::string quotas(const std::vector<Component>& components, bool strict = false) {
        msg::DescribeClientQuotasRequest request;
        for (const auto& component : components) request.components.push_back(component);
        request.strict = strict;
        const auto response = cluster.ask(&handle_describe_client_quotas, 1, request);
        auto text = std::to_string(static_cast<int>(response.error_code));
        if (!response.entries) return text + " null";
        for (const auto& entry : *response.entries) {
            text += " [";
            for (const auto& part : entry.entity)
                text +=
                    std::string(part.entity_type) + "=" + std::string(part.entity_name.value_or("*")) + " ";
            for (const auto& value : entry.values)
                text += std::string(value.key) + ":" + std::to_string(static_cast<int>(value.value)) + " ";
            text.back() = ']';
        }
        return text;
    }
    static Component part(std::string_view type, std::int8_t match,
                          std::optional<std::string_view> name = {}) {
        return {.entity_type = type, .match_type = match, .match = name, .unknown_tags = {}};
    }
    test::Cluster cluster;
};

TEST_F(DescribeSecurityTest, QuotasByFilter) {
    set_quota({{"user", "bob"}}, "producer_byte_rate", 5);
    set_quota({{"user", "bob"}, {"client-id", std::nullopt}}, "consumer_byte_rate", 7);
    set_quota({{"user", std::nullopt}}, "producer_byte_rate", 20);
    set_quota({{"ip", "127.0.0.1"}}, "connection_creation_rate", 10);
    const std::string bob = "[user=bob producer_byte_rate:5]";
    const std::string bob_any = "[client-id=* user=bob consumer_byte_rate:7]";
    const std::string all = "[user=* producer_byte_rate:20]";
    const std::string ip = "[ip=127.0.0.1 connection_creation_rate:10]";
    EXPECT_EQ(quotas({part("user", 0, "bob")}), "0 " + bob_any + " " + bob);
    EXPECT_EQ(quotas({part("user", 0, "bob")}, true), "0 " + bob);
    EXPECT_EQ(quotas({part("user", 1)}), "0 " + all);
    EXPECT_EQ(quotas({part("user", 2)}, true), "0 " + all + " " + bob);
    EXPECT_EQ(quotas({part("client-id", 2), part("user", 2)}), "0 " + bob_any);
    EXPECT_EQ(quotas({part("ip", 2)}), "0 " + ip);
    EXPECT_EQ(quotas({}), "0 " + bob_any + " " + ip + " " + all + " " + bob);
    EXPECT_EQ(quotas({}, true), "0");
}

TEST_F(DescribeSecurityTest, FiltersThatMakeNoSense) {
    EXPECT_EQ(quotas({part("user", 0)}), "42 null");
    EXPECT_EQ(quotas({part("user", 1, "x")}), "42 null");
    EXPECT_EQ(quotas({part("user", 2, "x")}), "42 null");
    EXPECT_EQ(quotas({part("user", 3)}), "42 null");
    EXPECT_EQ(quotas({part("user", 0, "a"), part("user", 0, "b")}), "42 null");
    EXPECT_EQ(quotas({part("", 0, "a")}), "42 null");
    EXPECT_EQ(quotas({part("weird", 0, "a")}), "35 null");
    EXPECT_EQ(quotas({part("ip", 2), part("user", 2)}), "42 null");
}

TEST_F(DescribeSecurityTest, ScramUsersWithoutTheirKeys) {
    const auto set = [this](std::string_view user, std::int8_t mechanism, std::int32_t iterations) {
        msg::UserScramCredentialRecord record;
        record.name = user;
        record.mechanism = mechanism;
        record.iterations = iterations;
        cluster.replay_record(record, 0);
    };
    set("bob", 1, 4096);
    set("eve", 2, 8192);
    const auto ask = [this](std::optional<std::vector<std::string_view>> users) {
        msg::DescribeUserScramCredentialsRequest request;
        request.users = std::nullopt;
        if (users) {
            request.users.emplace();
            for (const auto user : *users) request.users->emplace_back().name = user;
        }
        const auto response = cluster.ask(&handle_describe_user_scram_credentials, 0, request);
        std::string text;
        for (const auto& row : response.results) {
            text += std::string(row.user) + ":" + std::to_string(static_cast<int>(row.error_code));
            for (const auto& info : row.credential_infos)
                text += " " + std::to_string(info.mechanism) + "/" + std::to_string(info.iterations);
            text += ";";
        }
        return text;
    };
    EXPECT_EQ(ask(std::nullopt), "bob:0 1/4096;eve:0 2/8192;");
    EXPECT_EQ(ask(std::vector<std::string_view>{}), "bob:0 1/4096;eve:0 2/8192;");
    EXPECT_EQ(ask(std::vector<std::string_view>{"bob", "nob", "eve", "eve"}), "bob:0 1/4096;eve:92;nob:91;");
}

TEST_F(DescribeSecurityTest, NoAuthorizerNoAcls) {
    msg::DescribeAclsRequest request;
    request.resource_type_filter = 99;
    request.pattern_type_filter = 1;
    request.operation = 1;
    request.permission_type = 1;
    EXPECT_EQ(cluster.ask(&handle_describe_acls, 3, request).error_code, ErrorCode::security_disabled);
    msg::CreateAclsRequest creation;
    for (int i = 0; i < 2; ++i) {
        auto& acl = creation.creations.emplace_back();
        acl.resource_type = 2;
        acl.operation = 3;
        acl.permission_type = 3;
    }
    const auto created = cluster.ask(&handle_create_acls, 3, creation);
    ASSERT_EQ(created.results.size(), 2U);
    EXPECT_EQ(created.results[1].error_code, ErrorCode::security_disabled);
}

TEST_F(DescribeSecurityTest, TokensNeedAuthentication) {
    for (std::int16_t version = 1; version <= 3; ++version) {
        const auto response =
            cluster.ask(&handle_create_delegation_token, version, msg::CreateDelegationTokenRequest{});
        EXPECT_EQ(response.error_code, ErrorCode::delegation_token_request_not_allowed);
        EXPECT_EQ(response.principal_name, "alice");
        EXPECT_EQ(response.expiry_timestamp_ms, -1);
    }
    msg::CreateDelegationTokenRequest request;
    request.owner_principal_type = "User";
    request.owner_principal_name = "bob";
    const auto for_bob = cluster.ask(&handle_create_delegation_token, 3, request);
    EXPECT_EQ(for_bob.error_code, ErrorCode::delegation_token_request_not_allowed);
    EXPECT_EQ(for_bob.principal_name, "bob");
    EXPECT_EQ(for_bob.token_requester_principal_name, "alice");
    request.owner_principal_type = std::nullopt;
    const auto for_nobody = cluster.ask(&handle_create_delegation_token, 3, request);
    EXPECT_EQ(for_nobody.error_code, ErrorCode::unknown_server_error);
    EXPECT_EQ(for_nobody.principal_name, "alice");
}

}  // namespace
}  // namespace gregor::server
