// Versions, forwarding, and ApiVersions as the peer answers it.
#include "server/dispatch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "gen/api/api_versions.h"
#include "protocol/frame.h"
#include "server/test_world.h"

namespace gregor::server {
namespace {

using test::Client;
using test::request;
using test::World;

constexpr std::int16_t k_api_versions = 18;
constexpr std::int16_t k_create_topics = 19;

std::string ask_api_versions(std::int16_t version, std::string_view software = "kafka-python") {
    return request({k_api_versions, version, 77}, [version, software](protocol::Writer& writer) {
        msg::ApiVersionsRequest body;
        body.client_software_name = software;
        body.client_software_version = "2.2.15";
        body.encode(writer, std::min(version, msg::ApiVersionsRequest::k_max_version));
    });
}

class DispatchTest : public testing::Test {
public:
    DispatchTest() { world.accept(client); }
    std::string only_answer() {
        world.settle({&client});
        const auto answers = client.answers();
        EXPECT_EQ(answers.size(), 1U);
        return answers.empty() ? std::string() : answers[0];
    }
    // The body of the only answer, whose header is the correlation id alone.
    msg::ApiVersionsResponse api_versions_answer(std::int16_t version) {
        bytes = only_answer();
        protocol::Reader reader(as_bytes(bytes));
        EXPECT_EQ(reader.i32(), 77);
        msg::ApiVersionsResponse response;
        response.decode(reader, version);
        EXPECT_TRUE(reader.finished());
        return response;
    }

    World world{ApiTable::standard()};
    Client client;
    std::string bytes;
};

// Ranges as in the golden api_versions.json of the peer, Produce with its advertised minimum.
TEST_F(DispatchTest, ApiVersionsListsWhatIsServedInThePeersVersions) {
    client.send(ask_api_versions(4));
    const auto response = api_versions_answer(4);
    EXPECT_EQ(response.error_code, ErrorCode::none);
    std::map<int, std::pair<int, int>> ranges;
    for (const auto& row : response.api_keys) ranges[row.api_key] = {row.min_version, row.max_version};
    const auto on_brokers = [](const ServedApi& row) { return ApiTable::is_on(row, false); };
    EXPECT_EQ(ranges.size(), std::ranges::count_if(ApiTable::standard().rows(), on_brokers));
    EXPECT_FALSE(ranges.contains(59)) << "FetchSnapshot on a broker";
    EXPECT_EQ(ranges[0], std::pair(0, 13));
    EXPECT_EQ(ranges[1], std::pair(4, 18));
    EXPECT_EQ(ranges[2], std::pair(1, 11));
    EXPECT_EQ(ranges[18], std::pair(0, 4));
    EXPECT_EQ(ranges[19], std::pair(2, 7));
    EXPECT_EQ(ranges[23], std::pair(2, 4));
    EXPECT_EQ(ranges[37], std::pair(0, 3));
}

TEST_F(DispatchTest, FeaturesWithMinimumZeroAreHiddenBeforeVersion4) {
    client.send(ask_api_versions(3));
    const auto response = api_versions_answer(3);
    ASSERT_EQ(response.supported_features.size(), 1U);
    EXPECT_EQ(response.supported_features[0].name, "metadata.version");
    EXPECT_EQ(response.supported_features[0].min_version, 7);
    EXPECT_EQ(response.supported_features[0].max_version, 30);
}

TEST_F(DispatchTest, FinalizedFeaturesAreTheImages) {
    metadata::ClusterState state;
    state.metadata_version = 30;
    state.features.set("group.version", 1);
    state.features.set("transaction.version", 2);
    world.images.image = make_ref<const metadata::Image>(
        std::move(state), metadata::Provenance{.last_contained_offset = Offset{41}}, "cluster");
    client.send(ask_api_versions(4));
    const auto response = api_versions_answer(4);
    EXPECT_EQ(response.supported_features.size(), 7U);
    EXPECT_EQ(response.finalized_features_epoch, 41);
    std::map<std::string_view, int> levels;
    for (const auto& feature : response.finalized_features) {
        EXPECT_EQ(feature.min_version_level, feature.max_version_level);
        levels[feature.name] = feature.max_version_level;
    }
    EXPECT_EQ(levels, (std::map<std::string_view, int>{{"group.version", 1},
                                                       {"kraft.version", 1},
                                                       {"metadata.version", 30},
                                                       {"transaction.version", 2}}));
}

// What a fresh node of the peer writes behind its API keys in v3: throttle time, supported features, epoch
// 64, finalised features.
TEST_F(DispatchTest, FeaturesAreThePeersBytes) {
    const std::string peer = std::string("\0\0\0\0", 4) + "\3" +  // three tagged fields
                             std::string("\0\x17\2\x11metadata.version\0\7\0\x1e\0", 25) +
                             std::string("\1\x08\0\0\0\0\0\0\0\x40", 10) + std::string("\2\xa4\1\x08", 4) +
                             std::string("\x0egroup.version\0\1\0\1\0", 19) +
                             std::string("\x0ekraft.version\0\1\0\1\0", 19) +
                             std::string("\x0eshare.version\0\1\0\1\0", 19) +
                             std::string("\x11metadata.version\0\x1e\0\x1e\0", 22) +
                             std::string("\x10streams.version\0\1\0\1\0", 21) +
                             std::string("\x14transaction.version\0\2\0\2\0", 25) +
                             std::string(
                                 "\x21"
                                 "eligible.leader.replicas.version\0\1\0\1\0",
                                 38);
    metadata::ClusterState state;
    state.metadata_version = 30;
    for (const auto* name :
         {"eligible.leader.replicas.version", "group.version", "share.version", "streams.version"}) {
        state.features.set(name, 1);
    }
    state.features.set("transaction.version", 2);
    world.images.image = make_ref<const metadata::Image>(
        std::move(state), metadata::Provenance{.last_contained_offset = Offset{64}}, "cluster");
    client.send(ask_api_versions(3));
    const auto answer = only_answer();
    ASSERT_GE(answer.size(), peer.size());
    EXPECT_EQ(testing::PrintToString(answer.substr(answer.size() - peer.size())),
              testing::PrintToString(peer));
}

// Header version 0, body version 0, error 35 and the one range, as the peer's class writes it.
TEST_F(DispatchTest, AnUnknownVersionOfApiVersionsIsAnsweredInVersion0) {
    for (const std::int16_t version : {std::int16_t{5}, std::int16_t{99}, std::int16_t{32767}}) {
        client.received.clear();
        client.send(ask_api_versions(version));
        EXPECT_EQ(only_answer(), std::string("\0\0\0\x4d\0\x23\0\0\0\1\0\x12\0\0\0\4", 16)) << version;
        EXPECT_FALSE(client.is_closed);
    }
}

TEST_F(DispatchTest, ABadSoftwareNameIsAnInvalidRequest) {
    for (const auto* name : {"", "-x", "x-", "a b", "\xc3\xa9"}) {
        client.received.clear();
        client.send(ask_api_versions(3, name));
        EXPECT_EQ(api_versions_answer(3).error_code, ErrorCode::invalid_request) << name;
    }
    EXPECT_FALSE(client.is_closed);
}

TEST_F(DispatchTest, ProduceBelowItsRealMinimumCloses) {
    client.send(request({0, 2, 1}, [](protocol::Writer&) {}));
    world.settle({&client});
    EXPECT_TRUE(client.is_closed);
}

TEST_F(DispatchTest, ABodyForTheControllerPassesUnread) {
    client.send(request({k_create_topics, 7, 5},
                        [](protocol::Writer& writer) { writer.raw(as_bytes("what it says")); }));
    ASSERT_EQ(world.controller.requests.size(), 1U);
    const auto& forwarded = world.controller.requests[0];
    EXPECT_EQ(forwarded.api_key, k_create_topics);
    EXPECT_EQ(forwarded.version, 7);
    EXPECT_EQ(as_text(forwarded.body.bytes()), "what it says");
    EXPECT_EQ(forwarded.principal, "User:ANONYMOUS");
    EXPECT_EQ(forwarded.client_id, "tester");
    EXPECT_EQ(forwarded.host, "192.0.2.7");
    world.controller.waiting[0](BufferChain(Slice::copy_of(as_bytes("what it answers"))));
    // A flexible answer: correlation id, no tags, body.
    EXPECT_EQ(only_answer(), std::string("\0\0\0\5\0", 5) + "what it answers");
}

// CreateTopics begins with its throttle time, here of 300 ms.
TEST_F(DispatchTest, WhatTheControllerHoldsBackIsHeldBackHere) {
    const auto ask = request({k_create_topics, 7, 5}, [](protocol::Writer&) {});
    client.send(ask);
    world.controller.waiting[0](BufferChain(Slice::copy_of(as_bytes(std::string("\0\0\1\x2c!", 5)))));
    EXPECT_EQ(only_answer(), std::string("\0\0\0\5\0\0\0\1\x2c!", 10));
    EXPECT_FALSE(client.is_reading);
    world.hand.advance(Duration::millis(299));
    EXPECT_FALSE(client.is_reading);
    world.hand.advance(Duration::millis(1));
    EXPECT_TRUE(client.is_reading);
}

TEST_F(DispatchTest, OurQuotaIsToldWhereItIsLonger) {
    metadata::ClusterState state;
    PersistentMap<std::string, double> quota;
    quota.set("request_percentage", 0.001);
    state.client_quotas.set({{"client-id", std::nullopt}}, quota);
    ClientQuotas quotas(world.services.ports, {});
    quotas.on_image(state);
    quotas.record(QuotaKind::request, {"ANONYMOUS", "tester"}, 100);
    world.server->set_client_quotas(quotas);
    client.send(request({k_create_topics, 7, 5}, [](protocol::Writer&) {}));
    world.controller.waiting[0](BufferChain(Slice::copy_of(as_bytes(std::string("\0\0\1\x2c!", 5)))));
    EXPECT_EQ(only_answer(), std::string("\0\0\0\5\0\0\0\3\xe8!", 10));  // a second at most
}

TEST_F(DispatchTest, WithoutAControllerTheConnectionCloses) {
    client.send(request({k_create_topics, 7, 5}, [](protocol::Writer&) {}));
    world.controller.waiting[0](fail(ErrorCode::not_controller, "no controller"));
    world.settle({&client});
    EXPECT_TRUE(client.is_closed);
    EXPECT_TRUE(client.received.empty());
}

TEST_F(DispatchTest, TheControllersListenerServesItsOwnApisOnly) {
    Client other;
    world.accept(other, 1);
    other.send(request({1, 18, 1}, [](protocol::Writer&) {}) + "");
    Client asking;
    world.accept(asking, 1);
    asking.send(ask_api_versions(0));
    world.settle({&other, &asking});
    protocol::Reader reader(as_bytes(asking.received));
    reader.raw(8);
    msg::ApiVersionsResponse response;
    response.decode(reader, 0);
    std::set<int> keys;
    for (const auto& row : response.api_keys) EXPECT_TRUE(keys.insert(row.api_key).second) << row.api_key;
    EXPECT_FALSE(keys.contains(0)) << "Produce on a controller";
    for (const auto key : {1, 18, 19, 55, 59, 60}) EXPECT_TRUE(keys.contains(key)) << key;
}

// A fetch on the controller's listener is one of the metadata log, which the quorum answers.
TEST_F(DispatchTest, TheControllersListenerForwardsFetches) {
    Client observer;
    world.accept(observer, 1);
    observer.send(request({1, 4, 1}, [](protocol::Writer& writer) { writer.raw(as_bytes("body")); }));
    world.settle({&observer});
    ASSERT_EQ(world.controller.requests.size(), 1U);
    EXPECT_EQ(world.controller.requests[0].api_key, 1);
    world.controller.waiting[0](BufferChain(Slice::copy_of(as_bytes("what it answers"))));
}

}  // namespace
}  // namespace gregor::server
