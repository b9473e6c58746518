#include "client/client.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "client/requests.h"
#include "client/sync_client.h"
#include "gen/api/api_versions.h"
#include "gen/misc/request_header.h"

namespace gregor::client {
namespace {

// The broker's end: reads what the client sent, and feeds answers back byte by byte or whole.
class Broker {
public:
    explicit Broker(Client& client) : client_(client) {}

    // The header and body of the next request.
    struct Request {
        std::vector<std::byte> bytes;
        msg::RequestHeader header;
        std::size_t body_at = 0;
        Bytes body() const { return Bytes(bytes).subspan(body_at); }
    };
    Request next() {
        const auto more = client_.take_output().flatten();
        received_.insert(received_.end(), more.begin(), more.end());
        Request request;
        protocol::Reader prefix{Bytes(received_)};
        const auto size = static_cast<std::ptrdiff_t>(prefix.i32());
        EXPECT_FALSE(prefix.failed());
        request.bytes.assign(received_.begin() + 4, received_.begin() + 4 + size);
        received_.erase(received_.begin(), received_.begin() + 4 + size);
        protocol::Reader reader{Bytes(request.bytes)};
        const auto* row = protocol::find_api(protocol::Reader{Bytes(request.bytes)}.i16());
        protocol::Reader version{Bytes(request.bytes).subspan(2)};
        request.header.decode(reader, protocol::request_header_version(*row, version.i16()));
        EXPECT_FALSE(reader.failed());
        request.body_at = reader.position();
        return request;
    }

    Status feed(Bytes bytes) {
        while (!bytes.empty()) {
            const auto target = client_.read_target();
            const auto size = std::min(target.size(), bytes.size());
            std::memcpy(target.data(), bytes.data(), size);
            bytes = bytes.subspan(size);
            if (auto status = client_.received(size); !status) return status;
        }
        return {};
    }

    template <class Response>
    Status answer(std::int32_t correlation_id, const Response& response, std::int16_t version) {
        protocol::Writer writer;
        writer.i32(correlation_id);
        const auto* row = protocol::find_api(Response::k_api_key);
        if (protocol::response_header_version(*row, version) == 1) writer.varint(0);
        response.encode(writer, version);
        return feed(writer.take_framed().flatten());
    }

    void accept_versions(std::int16_t metadata_max) {
        const auto request = next();
        msg::ApiVersionsResponse response;
        response.api_keys.push_back({.api_key = 3, .min_version = 0, .max_version = metadata_max});
        response.api_keys.push_back({.api_key = 22, .min_version = 0, .max_version = 9});
        ASSERT_TRUE(answer(request.header.correlation_id, response, request.header.request_api_version));
    }

private:
    Client& client_;
    std::vector<std::byte> received_;
};

using MetadataResult = Result<Answer<msg::MetadataResponse>>;

Completion<MetadataResult> keep(std::vector<MetadataResult>& into) {
    return [&into](MetadataResult result) { into.push_back(std::move(result)); };
}

TEST(Client, NegotiatesAndChoosesTheHighestCommonVersion) {
    Client client({.client_id = "tester"});
    Broker broker(client);
    bool ready = false;
    EXPECT_EQ(client.version_of(ApiKey::metadata), std::nullopt);
    client.negotiate([&ready](Status status) { ready = status.has_value(); });
    broker.accept_versions(7);
    EXPECT_TRUE(ready);
    EXPECT_EQ(client.version_of(ApiKey::metadata), 7);
    EXPECT_EQ(client.version_of(ApiKey::metadata, 4), 4);
    EXPECT_EQ(client.version_of(ApiKey::init_producer_id), 5);  // 6 is ours too, but not stable
    EXPECT_EQ(client.version_of(ApiKey::fetch), std::nullopt);
}

TEST(Client, FallsBackToVersionZero) {
    Client client;
    Broker broker(client);
    bool ready = false;
    client.negotiate([&ready](Status status) { ready = status.has_value(); });
    const auto first = broker.next();
    EXPECT_EQ(first.header.request_api_version, msg::ApiVersionsRequest::k_max_version);
    msg::ApiVersionsResponse refusal;
    refusal.error_code = ErrorCode::unsupported_version;
    ASSERT_TRUE(broker.answer(first.header.correlation_id, refusal, 0));  // its own header is v0 always
    EXPECT_FALSE(ready);
    broker.accept_versions(1);
    EXPECT_TRUE(ready);
}

TEST(Client, AnswersComeBackInOrderWithTheirFrames) {
    Client client({.client_id = "tester"});
    Broker broker(client);
    std::vector<MetadataResult> results;
    const std::vector<std::string_view> topics{"a"};
    client.call<msg::MetadataResponse>(metadata_request(topics, true), 9, keep(results));
    client.call<msg::MetadataResponse>(metadata_request({}, true), 9, keep(results));
    EXPECT_EQ(client.in_flight(), 2U);
    const auto one = broker.next();
    EXPECT_EQ(one.header.client_id, "tester");
    msg::MetadataRequest seen;
    protocol::Reader reader(one.body());
    seen.decode(reader, 9);
    ASSERT_TRUE(reader.finished());
    EXPECT_EQ(seen.topics->front().name, "a");
    const auto two = broker.next();
    EXPECT_NE(one.header.correlation_id, two.header.correlation_id);
    msg::MetadataResponse response;
    response.cluster_id = "first";
    ASSERT_TRUE(broker.answer(one.header.correlation_id, response, 9));
    response.cluster_id = "second";
    ASSERT_TRUE(broker.answer(two.header.correlation_id, response, 9));
    ASSERT_EQ(results.size(), 2U);
    EXPECT_EQ(results[0]->message.cluster_id, "first");
    EXPECT_EQ(results[1]->message.cluster_id, "second");
}

TEST(Client, AnswersOfAnotherRequestAndOverlongOnesEndTheConnection) {
    Client client({.frame_bytes_max = 1000});
    Broker broker(client);
    std::vector<MetadataResult> results;
    EXPECT_FALSE(broker.feed(std::vector<std::byte>{std::byte{0}, std::byte{0}, std::byte{4}, std::byte{0}}));
    Client second;
    Broker other(second);
    second.call<msg::MetadataResponse>(msg::MetadataRequest{}, 9, keep(results));
    EXPECT_FALSE(other.answer(12345, msg::MetadataResponse{}, 9));
    ASSERT_EQ(results.size(), 1U);
    EXPECT_FALSE(results[0].has_value());
    Client third;
    Broker unasked(third);
    EXPECT_FALSE(unasked.answer(0, msg::MetadataResponse{}, 9));
}

TEST(Client, ATruncatedAnswerIsAnErrorOfTheCall) {
    Client client;
    Broker broker(client);
    std::vector<MetadataResult> results;
    client.call<msg::MetadataResponse>(msg::MetadataRequest{}, 9, keep(results));
    const auto request = broker.next();
    protocol::Writer writer;
    writer.i32(request.header.correlation_id);
    writer.varint(0);
    writer.i32(0);  // throttle time, and nothing after it
    ASSERT_TRUE(broker.feed(writer.take_framed().flatten()));
    ASSERT_EQ(results.size(), 1U);
    EXPECT_FALSE(results[0].has_value());
}

TEST(Client, LosingTheConnectionAnswersEveryCall) {
    std::vector<MetadataResult> results;
    Client client;
    client.call<msg::MetadataResponse>(msg::MetadataRequest{}, 9, keep(results));
    client.disconnected(Error{ErrorCode::network_exception, "reset"});
    client.call<msg::MetadataResponse>(msg::MetadataRequest{}, 9, keep(results));
    ASSERT_EQ(results.size(), 2U);
    EXPECT_EQ(results[0].error().detail, "reset");
    EXPECT_EQ(results[1].error().code, ErrorCode::network_exception);
    EXPECT_FALSE(client.is_connected());
}

TEST(Client, ARequestThatItsVersionCannotCarryIsNotSent) {
    std::vector<MetadataResult> results;
    Client client;
    msg::MetadataRequest all;
    all.topics.reset();
    client.call<msg::MetadataResponse>(all, 0, keep(results));
    ASSERT_EQ(results.size(), 1U);
    EXPECT_EQ(results[0].error().code, ErrorCode::invalid_request);
    EXPECT_FALSE(client.has_output());
}

}  // namespace
}  // namespace gregor::client
