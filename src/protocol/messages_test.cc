// What generated messages do beyond the golden data: fields that a version lacks, hostile lists, secrets.
#include <cstring>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "gen/api/create_topics.h"
#include "gen/api/fetch.h"
#include "gen/api/find_coordinator.h"
#include "gen/api/metadata.h"
#include "gen/api/offset_commit.h"
#include "gen/api/produce.h"
#include "gen/api/sasl_authenticate.h"
#include "protocol/api_registry.h"
#include "protocol/describe.h"
#include "protocol/reader.h"
#include "protocol/writer.h"

namespace gregor::protocol {
namespace {

TEST(Messages, AValueThatTheVersionCannotCarryFailsUnlessIgnorable) {
    msg::FindCoordinatorRequest group;
    group.key = "g";
    group.key_type = 1;  // not in v0, not ignorable
    Writer v0;
    group.encode(v0, 0);
    EXPECT_TRUE(v0.failed());
    EXPECT_EQ(std::string(v0.why()), "FindCoordinatorRequest.key_type");
    Writer v1;
    group.encode(v1, 1);
    EXPECT_FALSE(v1.failed());

    msg::FetchRequest fetch;
    fetch.rack_id = "r";  // not in v4, ignorable
    Writer old;
    fetch.encode(old, 4);
    EXPECT_FALSE(old.failed());
}

TEST(Messages, MetadataRequestOfEveryTopic) {
    // v0 has no null: an empty list asks for every topic; from v1 on null does.
    msg::MetadataRequest request;
    request.topics.reset();
    Writer v0;
    request.encode(v0, 0);
    EXPECT_TRUE(v0.failed());
    Writer v1;
    request.encode(v1, 1);
    EXPECT_FALSE(v1.failed());
}

TEST(Messages, TwoBillionTopicsInTenBytes) {
    // Metadata v1: one list of topics.
    std::vector<std::byte> frame(14);
    const std::uint32_t count = __builtin_bswap32(2000000000U);
    std::memcpy(frame.data(), &count, 4);
    Reader reader{Bytes(frame)};
    msg::MetadataRequest request;
    request.decode(reader, 1);
    EXPECT_TRUE(reader.failed());
    ASSERT_TRUE(request.topics.has_value());
    EXPECT_EQ(request.topics->capacity(), 0U);
}

TEST(Messages, SecretsStayOutOfLogs) {
    msg::SaslAuthenticateRequest request;
    request.auth_bytes = as_bytes("password");
    EXPECT_EQ(describe(request, 2), R"({"authBytes":"***"})");
    EXPECT_EQ(describe(request, 2, {.exact = true}), R"({"authBytes":"cGFzc3dvcmQ="})");
}

TEST(Messages, DescribeNamesErrorsAndSizesPayloads) {
    msg::ProduceResponse response;
    auto& topic = response.responses.emplace_back();
    topic.name = "t";
    topic.partition_responses.emplace_back().error_code = ErrorCode::not_leader_or_follower;
    EXPECT_EQ(
        describe(response, 3),
        R"({"responses":[{"name":"t","partitionResponses":[{"index":0,"errorCode":"NOT_LEADER_OR_FOLLOWER",)"
        R"("baseOffset":0,"logAppendTimeMs":-1}]}],"throttleTimeMs":0})");
}

TEST(Registry, HeaderVersions) {
    const auto* api_versions = find_api(18);
    ASSERT_NE(api_versions, nullptr);
    EXPECT_EQ(request_header_version(*api_versions, 2), 1);
    EXPECT_EQ(request_header_version(*api_versions, 3), 2);
    EXPECT_EQ(response_header_version(*api_versions, 3), 0);  // KIP-511
    const auto* metadata = find_api(3);
    EXPECT_EQ(response_header_version(*metadata, 8), 0);
    EXPECT_EQ(response_header_version(*metadata, 9), 1);
    EXPECT_EQ(find_api(4), nullptr);  // LeaderAndIsr went with ZooKeeper
    EXPECT_EQ(find_api(-1), nullptr);
    EXPECT_EQ(find_api(32767), nullptr);
}

}  // namespace
}  // namespace gregor::protocol
