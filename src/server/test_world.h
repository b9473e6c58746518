// Fakes at the ports for the server's tests: a hand-wound clock and a client that is a string of bytes.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "gen/misc/request_header.h"
#include "io/ports.h"
#include "metadata/controller_channel.h"
#include "metadata/image_source.h"
#include "protocol/api_registry.h"
#include "protocol/writer.h"
#include "security/authorizer.h"
#include "server/config.h"
#include "server/server.h"
#include "server/services.h"
#include "server/waiting_fetches.h"

namespace gregor::server::test {

// Clock and executor of one shard: nothing happens until it is told to.
class Hand final : public io::Clock, public io::Random, public io::Executor {
public:
    Instant now() const override { return now_; }
    std::int64_t wall_clock_ms() const override { return 0; }
    std::uint64_t next() override { return 4; }
    void post(io::Task task) override { ready_.push_back(std::move(task)); }
    io::TimerId call_at(Instant when, io::Task task) override {
        const io::TimerId timer{++last_timer_};
        timers_.emplace(std::pair(when, timer), std::move(task));
        return timer;
    }
    void cancel(io::TimerId timer) override {
        std::erase_if(timers_, [timer](const auto& entry) { return entry.first.second == timer; });
    }

    void settle() {
        while (!ready_.empty()) {
            auto task = std::move(ready_.front());
            ready_.pop_front();
            task();
        }
    }
    void advance(Duration span) {
        const auto end = now_ + span;
        while (!timers_.empty() && timers_.begin()->first.first <= end) {
            auto timer = timers_.extract(timers_.begin());
            now_ = std::max(now_, timer.key().first);
            timer.mapped()();
            settle();
        }
        now_ = end;
    }
    std::size_t timers() const { return timers_.size(); }

private:
    Instant now_ = Instant::from_nanos(1'000'000'000);
    std::deque<io::Task> ready_;
    std::map<std::pair<Instant, io::TimerId>, io::Task> timers_;
    std::uint64_t last_timer_ = 0;
};

struct NoShards final : io::Shards {
    std::uint32_t count() const override { return 1; }
    void submit(ShardId, io::Task) override { UNREACHABLE(); }
};
struct NoDisk final : io::Disk {
    io::DiskLane new_lane(io::LaneUse) override { UNREACHABLE(); }
    void submit(io::DiskLane, std::unique_ptr<io::DiskJob>) override { UNREACHABLE(); }
};
struct NoNetwork final : io::Network {
    Result<std::uint16_t> listen(std::uint32_t, const io::Endpoint&) override { UNREACHABLE(); }
    void stop_listening(std::uint32_t) override { UNREACHABLE(); }
    void set_accept_handler(io::AcceptHandler&) override { UNREACHABLE(); }
    void connect(const io::Endpoint&, io::ConnectHandler&) override { UNREACHABLE(); }
};

class FakeStream;

// What the client at the other end of a stream sees.
struct Client {
    Client() = default;
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;
    ~Client();  // before its stream, if a test wants so

    FakeStream* stream = nullptr;
    io::StreamHandler* handler = nullptr;
    std::string received;  // what the server sent and the client took
    std::string queued;    // what it has not taken
    bool takes_answers = true;
    bool is_reading = false;
    bool is_closed = false;  // by the server
    bool closes_after_sending = false;
    std::size_t biggest_target = 0;

    // Sends as much of `bytes` as the server reads now; gives the rest.
    std::string send(std::string bytes) {
        while (!bytes.empty() && is_reading && !is_closed) {
            const auto target = handler->read_target();
            biggest_target = std::max(biggest_target, target.size());
            const auto size = std::min(target.size(), bytes.size());
            std::copy_n(std::as_bytes(std::span(bytes)).begin(), size, target.begin());
            bytes.erase(0, size);
            handler->on_read(size);
        }
        return bytes;
    }
    // On the next connection, which has the handler already.
    void start_anew() {
        received.clear();
        queued.clear();
        is_reading = true;
        is_closed = closes_after_sending = false;
    }
    void take_answers() {
        const auto size = queued.size();
        received += std::exchange(queued, {});
        if (size > 0 && !is_closed) handler->on_sent(size);
        if (closes_after_sending && !is_closed) {
            is_closed = true;
            handler->on_closed({});
        }
    }
    // The frames received, without their lengths.
    std::vector<std::string> answers() const {
        std::vector<std::string> frames;
        for (std::size_t at = 0; at + 4 <= received.size();) {
            const auto frame = protocol::inspect_frame(as_bytes(received).subspan(at), 1U << 30U);
            EXPECT_EQ(frame.status, protocol::FrameStatus::complete);
            frames.push_back(received.substr(at + 4, frame.body_bytes()));
            at += frame.frame_bytes;
        }
        return frames;
    }
    std::vector<std::int32_t> correlation_ids() const {
        std::vector<std::int32_t> ids;
        for (const auto& answer : answers()) ids.push_back(protocol::Reader(as_bytes(answer)).i32());
        return ids;
    }
};

class FakeStream final : public io::Stream {
public:
    explicit FakeStream(Client& client) : client_(&client) { client.stream = this; }
    ~FakeStream() override {
        if (client_ == nullptr) return;
        close();
        client_->stream = nullptr;
    }
    void forget_client() { client_ = nullptr; }
    void set_handler(io::StreamHandler& handler) override { client_->handler = &handler; }
    void send(BufferChain chain) override {
        const auto bytes = chain.flatten();
        client_->queued += as_text(bytes);
    }
    void pause_reading() override { client_->is_reading = false; }
    void resume_reading() override { client_->is_reading = true; }
    void close_after_sending() override { client_->closes_after_sending = true; }
    void close() override { client_->is_closed = true; }
    io::Endpoint peer() const override { return {"192.0.2.7", 54321}; }

private:
    Client* client_;
};

inline Client::~Client() {
    if (stream != nullptr) stream->forget_client();
}

struct FakeImages final : metadata::ImageSource {
    Ref<const metadata::Image> image = metadata::Image::empty("cluster");
    Ref<const metadata::Image> current() const override { return image; }
};

struct FakeController final : metadata::ControllerChannel {
    void request(metadata::ForwardedRequest request, Completion<Result<BufferChain>> done) override {
        requests.push_back(std::move(request));
        waiting.push_back(std::move(done));
    }
    std::vector<metadata::ForwardedRequest> requests;
    std::vector<Completion<Result<BufferChain>>> waiting;
};

// A shard with a server and no cluster behind it.
class World {
public:
    explicit World(const ApiTable& apis, ConnectionLimits limits = {}) : config_(config(limits)) {
        server = std::make_unique<ShardServer>(services, apis);
    }
    ~World() {
        const AbandonScope tearing_down;
        controller.waiting.clear();
    }
    void accept(Client& client, std::uint32_t listener = 0) {
        server->on_accept(listener, std::make_unique<FakeStream>(client));
    }
    // Lets everything happen that needs no time.
    void settle(std::initializer_list<Client*> clients) {
        for (int round = 0; round < 3; ++round) {
            hand.settle();
            for (auto* client : clients) {
                if (client->takes_answers) client->take_answers();
            }
        }
    }

    Hand hand;
    NoShards shards;
    NoDisk disk;
    NoNetwork network;
    FakeImages images;
    FakeController controller;
    security::AllowAll authorizer;

private:
    static ServerConfig config(ConnectionLimits limits) {
        ServerConfig config;
        config.limits = limits;
        config.listeners = {{.name = "PLAINTEXT"}, {.name = "CONTROLLER", .is_controller = true}};
        return config;
    }
    // Stands for services that these tests never reach.
    template <class T>
    T& unreachable() {
        return *reinterpret_cast<T*>(&nothing_);
    }

    alignas(64) std::byte nothing_[64]{};
    const ServerConfig config_;

public:
    WaitingFetches waiting_fetches{unreachable<replication::Replicas>()};
    ShardServices services{.ports = {ShardId{0}, hand, hand, hand, shards, disk, network},
                           .config = config_,
                           .images = images,
                           .controller = controller,
                           .configs = unreachable<const metadata::ConfigSource>(),
                           .auto_topics = unreachable<metadata::AutoTopicCreation>(),
                           .replicas = unreachable<replication::Replicas>(),
                           .groups = unreachable<coordinator::GroupCoordinator>(),
                           .producer_ids = unreachable<coordinator::ProducerIds>(),
                           .transactions = unreachable<coordinator::TxnCoordinator>(),
                           .gate = unreachable<TransactionGate>(),
                           .markers = unreachable<coordinator::MarkerWriter>(),
                           .authorizer = authorizer,
                           .fetch_sessions = unreachable<FetchSessions>(),
                           .waiting_fetches = waiting_fetches};
    std::unique_ptr<ShardServer> server;
};

// A framed request with a header as clients write it.
struct RequestHead {
    std::int16_t key = 0;
    std::int16_t version = 0;
    std::int32_t correlation_id = 0;
};
inline std::string framed(std::string_view body) {
    protocol::Writer writer;
    writer.raw(as_bytes(body));
    auto bytes = writer.take_framed().flatten();
    return std::string(as_text(bytes));
}
inline std::string request(RequestHead head, const std::function<void(protocol::Writer&)>& write_body) {
    protocol::Writer writer;
    msg::RequestHeader header;
    header.request_api_key = head.key;
    header.request_api_version = head.version;
    header.correlation_id = head.correlation_id;
    header.client_id = "tester";
    const auto* api = protocol::find_api(head.key);
    header.encode(writer,
                  api == nullptr ? std::int16_t{1} : protocol::request_header_version(*api, head.version));
    write_body(writer);
    auto bytes = writer.take_framed().flatten();
    return std::string(as_text(bytes));
}

}  // namespace gregor::server::test
