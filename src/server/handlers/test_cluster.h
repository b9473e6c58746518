// A cluster for the tests of handlers that answer from the image: it is told by records, as the controller
// writes them, and asked with requests.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gen/meta/config.h"
#include "gen/meta/partition.h"
#include "gen/meta/register_broker.h"
#include "gen/meta/topic.h"
#include "metadata/auto_topic_creation.h"
#include "metadata/config_source.h"
#include "metadata/delta.h"
#include "metadata/record_codec.h"
#include "server/api_table.h"
#include "server/request_context.h"
#include "server/test_world.h"

namespace gregor::server::test {

struct FakeProperties final : metadata::ConfigSource {
    const std::string* static_value(std::string_view key) const override {
        const auto at = given.find(key);
        return at == given.end() ? nullptr : &at->second;
    }
    std::map<std::string, std::string, std::less<>> given;
};

// Denies what is listed as "operation name".
struct DenyList final : security::Authorizer {
    bool allows(const security::AccessQuestion& question) const override {
        return std::ranges::find(denied, std::pair(question.operation,
                                                   std::string(question.resource_name))) == denied.end();
    }
    bool allows_any_resource(const security::AccessQuestion&) const override { return allows_any; }
    std::vector<std::pair<security::Operation, std::string>> denied;
    bool allows_any = true;
};

class Cluster {
public:
    static constexpr Uuid k_directory{7, 7};

    struct Broker {
        std::int32_t id = 1;
        std::optional<std::string_view> rack = std::nullopt;
        bool fenced = false;
        std::string_view listener = "PLAINTEXT";
    };
    void add_broker(const Broker& broker) {
        msg::RegisterBrokerRecord record;
        record.broker_id = broker.id;
        record.rack = broker.rack;
        record.fenced = broker.fenced;
        const auto host = "host" + std::to_string(broker.id);
        auto& endpoint = record.end_points.emplace_back();
        endpoint.name = broker.listener;
        endpoint.host = host;
        endpoint.port = static_cast<std::uint16_t>(9000 + broker.id);
        record.log_dirs = {k_directory};
        replay(record, 3);
    }
    void add_topic(std::string_view name, Uuid id) {
        msg::TopicRecord record;
        record.name = name;
        record.topic_id = id;
        replay(record, 0);
    }
    struct Partition {
        std::int32_t index = 0;
        std::vector<std::int32_t> replicas = {1};
        std::vector<std::int32_t> isr = {1};
        std::int32_t leader = 1;
        std::optional<std::vector<std::int32_t>> elr = std::nullopt;
    };
    void add_partition(Uuid topic, const Partition& partition) {
        msg::PartitionRecord record;
        record.topic_id = topic;
        record.partition_id = partition.index;
        record.replicas = partition.replicas;
        record.isr = partition.isr;
        record.leader = partition.leader;
        record.leader_epoch = 5;
        record.partition_epoch = 0;
        record.directories = std::vector<Uuid>(partition.replicas.size(), k_directory);
        record.eligible_leader_replicas = partition.elr;
        replay(record, 2);
    }
    struct Config {
        metadata::ConfigResourceType type;
        std::string_view resource;
        std::string_view name;
        std::string_view value;
    };
    void set_config(const Config& row) {
        msg::ConfigRecord record;
        record.resource_type = static_cast<std::int8_t>(row.type);
        record.resource_name = row.resource;
        record.name = row.name;
        record.value = row.value;
        replay(record, 0);
    }

    template <class Record>
    void replay_record(const Record& record, std::int16_t version) {
        replay(record, version);
    }

    // Asks on the listener PLAINTEXT; the answer, encoded and decoded again as the client sees it, lives
    // until the next question.
    template <class Request, class Response>
    Response ask(void (*handler)(const Request&, RequestContext&, Completion<Response>), std::int16_t version,
                 const Request& request) {
        world.images.image = Ref<const metadata::Image>(new metadata::Image(delta_.state(), {}, "cluster"));
        RequestContext context({.api_key = Request::k_api_key,
                                .api_version = version,
                                .client_id = "tester",
                                .listener_name = "PLAINTEXT",
                                .peer_host = "192.0.2.7",
                                .principal = &principal},
                               services);
        bool is_answered = false;
        handler(request, context, [&](Response response) {
            protocol::Writer writer;
            response.encode(writer, version);
            EXPECT_FALSE(writer.failed()) << writer.why();
            answer_ = metadata::to_slice(writer.take());
            is_answered = true;
        });
        EXPECT_TRUE(is_answered);
        protocol::Reader reader(answer_);
        Response seen;
        seen.decode(reader, version);
        EXPECT_TRUE(reader.finished()) << reader.why();
        return seen;
    }

    World world{ApiTable::standard()};
    ServerConfig config;
    FakeProperties properties;
    DenyList authorizer;
    security::Principal principal{.type = "User", .name = "alice"};
    metadata::AutoTopicCreation auto_topics{world.controller, {}};
    ShardServices services{.ports = world.services.ports,
                           .config = config,
                           .images = world.images,
                           .controller = world.controller,
                           .configs = properties,
                           .auto_topics = auto_topics,
                           .replicas = world.services.replicas,
                           .groups = world.services.groups,
                           .producer_ids = world.services.producer_ids,
                           .transactions = world.services.transactions,
                           .gate = world.services.gate,
                           .markers = world.services.markers,
                           .authorizer = authorizer,
                           .fetch_sessions = world.services.fetch_sessions,
                           .waiting_fetches = world.waiting_fetches};

private:
    template <class Record>
    void replay(const Record& record, std::int16_t version) {
        const auto bytes = metadata::encode_record(record, version);
        const auto status = delta_.replay(bytes.bytes());
        ASSERT_TRUE(status) << status.error().detail;
    }

    metadata::Delta delta_{metadata::ClusterState{}};
    Slice answer_;
};

}  // namespace gregor::server::test
