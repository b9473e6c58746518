// Handlers that reach partitions, over real ones on a file system in memory: ask, let time pass, look.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/txn_test_world.h"
#include "metadata/record_codec.h"
#include "replication/test_world.h"
#include "server/api_table.h"
#include "server/fetch_session.h"
#include "server/handlers/handlers.h"
#include "server/handlers/test_cluster.h"
#include "server/request_context.h"
#include "server/test_world.h"
#include "server/transaction_gate.h"
#include "server/waiting_fetches.h"

namespace gregor::server::test {

// One broker's partitions and what else its handlers ask for.
class ReplicaBroker {
public:
    explicit ReplicaBroker(replication::testing::World::Options options = {}) : world(std::move(options)) {}

    Uuid add_topic(const std::string& name, std::int32_t partitions = 1) {
        const auto id = world.add_topic(name, partitions);
        publish();
        return id;
    }
    void publish() {
        world.publish();
        fakes.images.image = world.image;
        world.settle();
    }

    World fakes{ApiTable::standard()};
    replication::testing::World world;
    ServerConfig config;
    FakeProperties properties;
    DenyList authorizer;
    security::Principal principal{.type = "User", .name = "alice"};
    metadata::AutoTopicCreation auto_topics{fakes.controller, {}};
    coordinator::TestWorld groups{{}};
    coordinator::TxnTestWorld transactions{{}};
    TransactionGate gate{{},
                         {ShardId{0}, transactions.loop, fakes.hand, transactions.loop, fakes.shards,
                          fakes.disk, fakes.network},
                         world.replicas(),
                         transactions.transactions()};
    FetchSessions sessions{{.slots_max = 3, .partitions_max = 50}};
    WaitingFetches waiting{world.replicas()};
    ShardServices services{
        .ports = {ShardId{0}, world.clock, fakes.hand, fakes.hand, fakes.shards, fakes.disk, fakes.network},
        .config = config,
        .images = fakes.images,
        .controller = fakes.controller,
        .configs = properties,
        .auto_topics = auto_topics,
        .replicas = world.replicas(),
        .groups = groups.groups(),
        .producer_ids = fakes.services.producer_ids,
        .transactions = transactions.transactions(),
        .gate = gate,
        .markers = transactions.markers,
        .authorizer = authorizer,
        .fetch_sessions = sessions,
        .waiting_fetches = waiting};
};

// One request under way, and its answer as the client sees it: encoded and decoded again.
template <class Request, class Response>
class Question {
public:
    using Handler = void (*)(const Request&, RequestContext&, Completion<Response>);
    Question(ReplicaBroker& broker, Handler handler, std::int16_t version, Request request,
             std::string_view client_id = "tester")
        : request_(std::move(request)),
          context({.api_key = Request::k_api_key,
                   .api_version = version,
                   .client_id = client_id,
                   .listener_name = "PLAINTEXT",
                   .peer_host = "192.0.2.7",
                   .principal = &broker.principal,
                   .received = broker.world.clock.at},
                  broker.services) {
        handler(request_, context, [this](Response response) { take(response); });
    }
    Question(const Question&) = delete;

    bool is_answered() const { return calls_ == 1; }
    int calls() const { return calls_; }
    const Response& operator*() const { return seen_; }
    const Response* operator->() const { return &seen_; }

private:
    void take(const Response& response) {
        ++calls_;
        protocol::Writer writer;
        response.encode(writer, context.api_version());
        EXPECT_FALSE(writer.failed()) << writer.why();
        bytes_ = metadata::to_slice(writer.take());
        protocol::Reader reader(bytes_);
        seen_.decode(reader, context.api_version());
        EXPECT_TRUE(reader.finished()) << reader.why();
    }

    Request request_;
    int calls_ = 0;
    Slice bytes_;
    Response seen_;

public:
    RequestContext context;
};

}  // namespace gregor::server::test
