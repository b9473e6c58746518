// The sentences and levels are those of `kafka-storage format` of Kafka 4.3.1; tests/system/storage_tool.py
// compares more of them, and the files.
#include "node/format_request.h"

#include <gtest/gtest.h>

#include "base/prng.h"
#include "gen/meta/feature_level.h"
#include "gen/meta/user_scram_credential.h"
#include "metadata/record_codec.h"
#include "node/config.h"

namespace gregor::node {
namespace {

class TestRandom final : public io::Random {
public:
    std::uint64_t next() override { return prng_.next(); }

private:
    Prng prng_{7};
};

Settings settings_with(const std::vector<Property>& more) {
    auto properties = embedded_defaults();
    properties.insert(properties.end(), more.begin(), more.end());
    return *Settings::make("", properties);
}

Result<FormatPlan> plan_of(const FormatRequest& request, const std::vector<Property>& more = {}) {
    TestRandom random;
    return plan_format(settings_with(more), request, random);
}

std::string refusal(const FormatRequest& request, const std::vector<Property>& more = {}) {
    const auto plan = plan_of(request, more);
    return plan ? "accepted" : plan.error().detail;
}

// "metadata.version=30 group.version=1 ...", as written.
std::string features_of(const FormatPlan& plan) {
    std::string text;
    for (const auto& bytes : plan.bootstrap) {
        const auto record = metadata::decode_record<msg::FeatureLevelRecord>(bytes.bytes());
        if (!record) break;
        text += (text.empty() ? "" : " ") + std::string(record->name) + "=" +
                std::to_string(record->feature_level);
    }
    return text;
}

TEST(FormatRequest, StandaloneNamesThisNodeAsTheOnlyVoter) {
    const auto plan = plan_of({.cluster_id = "c", .standalone = true});
    ASSERT_TRUE(plan.has_value());
    EXPECT_EQ(features_of(*plan),
              "metadata.version=30 eligible.leader.replicas.version=1 group.version=1 share.version=1 "
              "streams.version=1 transaction.version=2");
    ASSERT_TRUE(plan->voters && plan->voters->size() == 1);
    EXPECT_EQ(plan->voters->front().endpoints,
              (std::vector<raft::VoterEndpoint>{{"CONTROLLER", "localhost", 9093}}));
    EXPECT_EQ(plan->metadata_directory_id(), plan->voters->front().directory_id);
    EXPECT_EQ(plan->kraft_version, 1);
    const auto advertised = plan_of({.standalone = true}, {{"advertised.listeners", "CONTROLLER://far:1"}});
    EXPECT_EQ(advertised->voters->front().endpoints.front().host, "far");
}

TEST(FormatRequest, ChoosesTheControllers) {
    const std::vector<Property> is_static{{"controller.quorum.voters", "1@localhost:9093"}};
    EXPECT_EQ(refusal({}).substr(0, 86),
              "Because controller.quorum.voters is not set on this controller, you must specify one o");
    EXPECT_EQ(refusal({.standalone = true}, is_static).substr(0, 50),
              "You cannot specify controller.quorum.voters and fo");
    EXPECT_EQ(refusal({.standalone = true}, {{"process.roles", "broker"}}),
              "You can only use --standalone on a controller.");
    EXPECT_FALSE(plan_of({.no_initial_controllers = true})->voters);
    EXPECT_FALSE(plan_of({}, {{"process.roles", "broker"}})->voters);
    EXPECT_EQ(plan_of({}, is_static)->kraft_version, 0);
    EXPECT_FALSE(plan_of({}, is_static)->voters);
    EXPECT_NE(refusal({}, {{"controller.quorum.voters", "2@localhost:9093"}}).find("does not name this node"),
              std::string::npos);
    EXPECT_NE(refusal({}, {{"controller.quorum.voters", "1@localhost:9093"}, {"process.roles", "broker"}})
                  .find("which is no controller"),
              std::string::npos);
    const auto others = plan_of({.initial_controllers = "2@[::1]:9094:MvDxzVmcRsaTz33bUuRU6A"});
    EXPECT_EQ(others->voters->front().endpoints.front().host, "0:0:0:0:0:0:0:1");
    for (const auto& [host, written] :
         std::vector<std::pair<std::string, std::string>>{{"::", "0:0:0:0:0:0:0:0"},
                                                          {"FE80::0a:1", "fe80:0:0:0:0:0:a:1"},
                                                          {"1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"},
                                                          {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
                                                          {"1:::2", "1:::2"},
                                                          {"::ffff:1.2.3.4", "::ffff:1.2.3.4"},
                                                          {"1:2", "1:2"},
                                                          {"host", "host"}}) {
        const auto plan = plan_of({.initial_controllers = "2@[" + host + "]:9094:MvDxzVmcRsaTz33bUuRU6A"});
        EXPECT_EQ(plan->voters->front().endpoints.front().host, written) << host;
    }
    EXPECT_EQ(others->metadata_directory_id(), std::nullopt);
    for (const auto* text :
         {"", "1", "@h:1:x", "1@", "1@[::1:9093", "1@h", "1@h:9093", "1@h:x:y", "1@h:99999:x",
          "1@h:9093:short", "-1@h:1:JEXY6aqzQY-32P5TStzaFg", "4294967297@h:1:JEXY6aqzQY-32P5TStzaFg"})
        EXPECT_NE(refusal({.initial_controllers = text}), "accepted") << text;
}

TEST(FormatRequest, ReleasesAndFeatures) {
    const auto features = [](std::vector<std::string> list) {
        return FormatRequest{.standalone = true, .features = std::move(list)};
    };
    EXPECT_EQ(features_of(*plan_of({.standalone = true, .release_version = "3.3"})), "metadata.version=7");
    EXPECT_EQ(features_of(*plan_of(features({"metadata.version=22"}))),
              "metadata.version=22 group.version=1");
    EXPECT_EQ(
        features_of(*plan_of(features({"group.version=0", "transaction.version=1", "kraft.version=1"}))),
        "metadata.version=30 eligible.leader.replicas.version=1 share.version=1 streams.version=1 "
        "transaction.version=1");
    EXPECT_EQ(refusal(features({"group.version=7"})), "No feature:group.version with feature level 7");
    EXPECT_EQ(refusal(features({"metadata.version=31"})), "metadata.version 4.4-IV0 is not yet stable.");
    EXPECT_EQ(plan_of(features({}), {{"unstable.feature.versions.enable", "true"}})->metadata_version, 31);
    EXPECT_EQ(refusal({.standalone = true,
                       .features = {"eligible.leader.replicas.version=1"},
                       .release_version = "3.9"}),
              "eligible.leader.replicas.version could not be set to 1 because it depends on metadata.version "
              "level 23");
    for (const auto* text :
         {"", "=", "=1", "group.version", "group.version=", "group.version=x", "nofeature=1",
          "kraft.version=0", "metadata.version=5", "group.version=99999", "group.version=-1"})
        EXPECT_NE(refusal(features({text})), "accepted") << text;
}

TEST(FormatRequest, ScramCredentials) {
    const auto scram = [](std::string argument) {
        return FormatRequest{.standalone = true, .scram = {std::move(argument)}};
    };
    const auto plan =
        plan_of(scram("SCRAM-SHA-512=[name=bob,iterations=8192,salt=\"N3E=\",saltedpassword=\"YCE=\"]"));
    ASSERT_TRUE(plan.has_value());
    const auto record =
        metadata::decode_record<msg::UserScramCredentialRecord>(plan->bootstrap.back().bytes());
    ASSERT_TRUE(record.has_value());
    EXPECT_EQ(record->name, "bob");
    EXPECT_EQ(record->mechanism, 2);
    EXPECT_EQ(record->iterations, 8192);
    EXPECT_EQ(as_text(record->salt), "7q");
    EXPECT_EQ(record->stored_key.size(), 64U);
    EXPECT_EQ(refusal(scram("SCRAM-SHA-256=[name=a,password=b]")), "accepted");
    auto old = scram("SCRAM-SHA-256=[name=a,password=b]");
    old.release_version = "3.4";
    EXPECT_EQ(refusal(old), "SCRAM is only supported in metadata.version 3.5-IV2 or later.");
    for (const auto* text :
         {"", "=", "SCRAM-SHA-256=[", "SCRAM-SHA-256=[]", "SCRAM-SHA-256=[,]", "SCRAM-SHA-1=[name=a]",
          "SCRAM-SHA-256=[name=a,password=]", "SCRAM-SHA-256=[name=a,salt=YCE=,saltedpassword=]",
          "SCRAM-SHA-256=[name=a,salt=A,password=b]", "SCRAM-SHA-256=[name=a,salt=A===,password=b]"})
        EXPECT_NE(refusal(scram(text)), "accepted") << text;
}

}  // namespace
}  // namespace gregor::node
