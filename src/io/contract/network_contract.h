// The contract of Network and Stream. See contract_world.h.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/contract/contract_world.h"

namespace gregor::io::contract {

// One end of a stream that remembers all it was told. Its callbacks can be scripted.
class Peer : public StreamHandler {
public:
    MutableBytes read_target() override {
        ++targets_asked;
        return std::span(buffer).first(read_size);
    }
    void on_read(std::size_t size) override {
        ASSERT_LE(size, read_size);
        ASSERT_FALSE(closed);
        received.append(reinterpret_cast<const char*>(buffer.data()), size);
        ++reads;
        if (echo) stream->send(BufferChain(Slice::copy_of(std::span(buffer).first(size))));
        if (pause_after_read) stream->pause_reading();
        if (destroy_on_read) stream = nullptr;
    }
    void on_sent(std::size_t size) override { sent += size; }
    void on_closed(const Error& why) override {
        ASSERT_FALSE(closed) << "told twice";
        closed = true;
        close_reason = why.detail;
        if (destroy_on_close) stream = nullptr;
    }

    void own(std::unique_ptr<Stream> its_stream, bool start_reading = true) {
        stream = std::move(its_stream);
        stream->set_handler(*this);
        if (start_reading) stream->resume_reading();
    }
    void say(std::string_view text) { stream->send(BufferChain(Slice::copy_of(as_bytes(text)))); }

    std::unique_ptr<Stream> stream;
    std::array<std::byte, 65'536> buffer{};
    std::size_t read_size = 65'536;
    std::string received;
    std::size_t sent = 0;
    int reads = 0;
    int targets_asked = 0;
    bool closed = false;
    std::string close_reason;
    bool echo = false;
    bool pause_after_read = false;
    bool destroy_on_read = false;
    bool destroy_on_close = false;
};

// Accepts onto its shard; each accepted stream becomes a Peer.
class Host : public AcceptHandler {
public:
    void on_accept(std::uint32_t listener, std::unique_ptr<Stream> stream) override {
        listeners.push_back(listener);
        auto& peer = *peers.emplace_back(std::make_unique<Peer>());
        peer.echo = echo;
        peer.own(std::move(stream), start_reading);
    }

    bool echo = false;
    bool start_reading = true;
    std::vector<std::uint32_t> listeners;
    std::vector<std::unique_ptr<Peer>> peers;
};

class Caller : public ConnectHandler {
public:
    void on_connected(std::unique_ptr<Stream> stream) override {
        connected = true;
        peer.own(std::move(stream));
        for (const auto& text : say_first) peer.say(text);
    }
    void on_connect_failed(const Error& why) override { failure = why.detail; }

    bool connected = false;
    std::optional<std::string> failure;
    std::vector<std::string> say_first;
    Peer peer;
};

template <class World>
class NetworkContract : public testing::Test {
public:
    ShardPorts& ports() { return world.ports(ShardId{0}); }
    // Listens on a free port with `host` behind it.
    std::uint16_t listen() {
        ports().network.set_accept_handler(host);
        const auto port = ports().network.listen(7, {"localhost", 0});
        EXPECT_TRUE(port.has_value()) << port.error().detail;
        return port.value_or(0);
    }
    void connect(std::uint16_t port, Caller& by) { ports().network.connect({"localhost", port}, by); }
    Peer& accepted(std::size_t i = 0) { return *host.peers.at(i); }
    bool is_accepted(std::size_t count = 1) const { return host.peers.size() >= count; }

    World world{1};
    Host host;  // after the world: streams go before the ports they came from
    Caller caller;
};
TYPED_TEST_SUITE_P(NetworkContract);

TYPED_TEST_P(NetworkContract, BytesGoBothWaysInOrder) {
    this->host.echo = true;
    this->caller.say_first = {"hello ", "", "world"};
    this->connect(this->listen(), this->caller);
    this->world.run_until([&] { return this->caller.peer.received.size() == 11; });
    EXPECT_EQ(this->caller.peer.received, "hello world");
    EXPECT_EQ(this->accepted().received, "hello world");
    EXPECT_EQ(this->host.listeners, std::vector<std::uint32_t>{7});
}

TYPED_TEST_P(NetworkContract, EverySentByteIsReportedSent) {
    this->caller.say_first = {std::string(300'000, 'x'), std::string(300'000, 'y')};
    this->connect(this->listen(), this->caller);
    auto& peer = this->caller.peer;
    this->world.run_until([&] {
        return this->is_accepted() && this->accepted().received.size() == 600'000 && peer.sent == 600'000;
    });
    EXPECT_EQ(this->accepted().received, std::string(300'000, 'x') + std::string(300'000, 'y'));
}

TYPED_TEST_P(NetworkContract, StreamsStartPausedAndAskForNoBufferMeanwhile) {
    this->host.start_reading = false;
    this->caller.say_first = {"waiting"};
    this->connect(this->listen(), this->caller);
    int turns_after_send = 0;
    bool resumed = false;
    this->world.run_until([&] {
        if (!this->is_accepted() || this->caller.peer.sent == 0) return false;
        if (++turns_after_send < 20) return false;
        if (!resumed) {
            EXPECT_EQ(this->accepted().targets_asked, 0);
            this->accepted().stream->resume_reading();
            resumed = true;
        }
        return this->accepted().received == "waiting";
    });
}

TYPED_TEST_P(NetworkContract, AnIdleStreamAsksForNoBuffer) {
    this->connect(this->listen(), this->caller);
    int turns = 0;
    this->world.run_until([&] { return this->is_accepted() && this->caller.connected && ++turns > 20; });
    EXPECT_EQ(this->accepted().targets_asked, 0);
    EXPECT_EQ(this->caller.peer.targets_asked, 0);
}

TYPED_TEST_P(NetworkContract, PausingStopsCallbacksUntilResumed) {
    this->host.start_reading = false;
    this->caller.say_first = {std::string(100'000, 'z')};
    this->connect(this->listen(), this->caller);
    int pauses = 0;
    this->world.run_until([&] {
        if (!this->is_accepted()) return false;
        auto& peer = this->accepted();
        peer.read_size = 10'000;
        peer.pause_after_read = true;
        if (peer.reads != pauses) return peer.received.size() == 100'000;
        ++pauses;
        peer.stream->resume_reading();
        return false;
    });
    EXPECT_EQ(this->accepted().received, std::string(100'000, 'z'));
    EXPECT_LE(this->accepted().reads, pauses);
}

TYPED_TEST_P(NetworkContract, AReceiverThatDoesNotReadHoldsTheSenderBack) {
    this->host.start_reading = false;
    constexpr std::size_t k_size = 64U << 20U;  // more than any socket buffers
    this->connect(this->listen(), this->caller);
    bool said = false;
    bool resumed = false;
    std::size_t taken = 0;
    int quiet_turns = 0;
    this->world.run_until([&] {
        auto& peer = this->caller.peer;
        if (!this->is_accepted() || !this->caller.connected) return false;
        if (!said) peer.say(std::string(k_size, 'b'));
        said = true;
        quiet_turns = peer.sent == taken ? quiet_turns + 1 : 0;
        taken = peer.sent;
        if (!resumed && quiet_turns > 50) {
            EXPECT_LT(taken, k_size);
            this->accepted().stream->resume_reading();
            resumed = true;
        }
        return peer.sent == k_size && this->accepted().received.size() == k_size;
    });
}

TYPED_TEST_P(NetworkContract, CloseTellsThePeerAndNotTheCloser) {
    this->caller.say_first = {"x"};
    this->connect(this->listen(), this->caller);
    bool closed = false;
    this->world.run_until([&] {
        if (!closed && this->is_accepted() && this->accepted().received == "x") {
            this->accepted().stream->close();
            closed = true;
        }
        return this->caller.peer.closed;
    });
    EXPECT_FALSE(this->accepted().closed);
    EXPECT_FALSE(this->caller.peer.close_reason.empty());
}

TYPED_TEST_P(NetworkContract, BytesBeforeTheCloseArrive) {
    this->caller.say_first = {"last words"};
    this->connect(this->listen(), this->caller);
    bool closing = false;
    this->world.run_until([&] {
        if (!closing && this->caller.connected) {
            this->caller.peer.stream->close_after_sending();
            this->caller.peer.say("never sent");
            closing = true;
        }
        return this->is_accepted() && this->accepted().closed && this->caller.peer.closed;
    });
    EXPECT_EQ(this->accepted().received, "last words");
    EXPECT_EQ(this->caller.peer.sent, 10U);
}

TYPED_TEST_P(NetworkContract, AHandlerMayDestroyItsStreamInACallback) {
    this->caller.say_first = {"x"};
    this->caller.peer.destroy_on_close = true;
    this->host.start_reading = false;
    this->connect(this->listen(), this->caller);
    bool armed = false;
    this->world.run_until([&] {
        if (!armed && this->is_accepted()) {
            this->accepted().destroy_on_read = true;
            this->accepted().stream->resume_reading();
            armed = true;
        }
        return this->caller.peer.closed;
    });
    EXPECT_EQ(this->accepted().received, "x");
    EXPECT_EQ(this->accepted().stream, nullptr);
    EXPECT_FALSE(this->accepted().closed);
}

TYPED_TEST_P(NetworkContract, SendingToAGonePeerCloses) {
    this->connect(this->listen(), this->caller);
    this->caller.peer.read_size = 1;
    bool gone = false;
    this->world.run_until([&] {
        if (!this->is_accepted() || !this->caller.connected) return false;
        if (!gone) this->accepted().stream = nullptr;
        gone = true;
        if (!this->caller.peer.closed) this->caller.peer.say("anybody there?");
        return this->caller.peer.closed;
    });
}

TYPED_TEST_P(NetworkContract, FileRangesTravelBetweenSlices) {
    const auto directory = this->world.scratch();
    auto file = *this->world.files().open(directory + "/segment", OpenMode::create);
    std::string content;
    for (int i = 0; i < 100'000; ++i) content += std::to_string(i);
    ASSERT_TRUE(write_text(*file, 0, content).has_value());
    constexpr std::int64_t k_from = 1'000;
    constexpr std::size_t k_size = 400'000;
    BufferChain chain(Slice::copy_of(as_bytes("<")));
    chain.append(FileRange{file, k_from, k_size});
    chain.append(Slice::copy_of(as_bytes(">")));
    file = nullptr;  // the chain keeps it
    this->connect(this->listen(), this->caller);
    bool said = false;
    this->world.run_until([&] {
        if (this->caller.connected && !said) this->caller.peer.stream->send(std::move(chain));
        said = said || this->caller.connected;
        return this->is_accepted() && this->accepted().received.size() == k_size + 2;
    });
    EXPECT_EQ(this->accepted().received, "<" + content.substr(k_from, k_size) + ">");
}

TYPED_TEST_P(NetworkContract, PeersKnowEachOthersAddress) {
    const auto port = this->listen();
    this->connect(port, this->caller);
    this->world.run_until([&] { return this->is_accepted() && this->caller.connected; });
    EXPECT_EQ(this->caller.peer.stream->peer().port, port);
    EXPECT_FALSE(this->accepted().stream->peer().host.empty());
    EXPECT_NE(this->accepted().stream->peer().port, port);
}

TYPED_TEST_P(NetworkContract, ATakenPortIsASentenceThatNamesIt) {
    const auto port = this->listen();
    const auto again = this->ports().network.listen(8, {"localhost", port});
    ASSERT_FALSE(again.has_value());
    EXPECT_NE(again.error().detail.find(std::to_string(port)), std::string::npos) << again.error().detail;
}

TYPED_TEST_P(NetworkContract, ConnectingWhereNobodyListensFails) {
    const auto port = this->listen();
    this->ports().network.stop_listening(7);
    this->connect(port, this->caller);
    this->world.run_until([&] { return this->caller.failure.has_value(); });
    EXPECT_NE(this->caller.failure->find(std::to_string(port)), std::string::npos) << *this->caller.failure;
    EXPECT_FALSE(this->caller.connected);
    EXPECT_TRUE(this->host.peers.empty());
}

TYPED_TEST_P(NetworkContract, APortCanBeListenedOnAgainAfterStopping) {
    const auto port = this->listen();
    this->ports().network.stop_listening(7);
    EXPECT_EQ(this->ports().network.listen(9, {"localhost", port}).value_or(0), port);
    this->connect(port, this->caller);
    this->world.run_until([&] { return this->is_accepted(); });
    EXPECT_EQ(this->host.listeners, std::vector<std::uint32_t>{9});
}

TYPED_TEST_P(NetworkContract, AcceptedStreamsAreSpreadOverTheShards) {
    constexpr std::size_t k_connections = 6;
    TypeParam three(3);
    std::array<std::atomic<int>, 3> accepted{};
    struct CountingHost : Host {
        explicit CountingHost(std::atomic<int>& its_count) : count(its_count) {}
        void on_accept(std::uint32_t listener, std::unique_ptr<Stream> stream) override {
            Host::on_accept(listener, std::move(stream));
            ++count;
        }
        std::atomic<int>& count;
    };
    std::vector<std::unique_ptr<CountingHost>> counting;
    for (std::uint32_t i = 0; i < 3; ++i) {
        counting.push_back(std::make_unique<CountingHost>(accepted[i]));
        three.ports(ShardId{i}).network.set_accept_handler(*counting.back());
    }
    const auto port = three.ports(ShardId{0}).network.listen(1, {"localhost", 0}).value();
    std::vector<Caller> callers(k_connections);
    for (auto& each : callers) three.ports(ShardId{0}).network.connect({"localhost", port}, each);
    three.run_until([&] { return accepted[0] == 2 && accepted[1] == 2 && accepted[2] == 2; });
}

REGISTER_TYPED_TEST_SUITE_P(NetworkContract, BytesGoBothWaysInOrder, EverySentByteIsReportedSent,
                            StreamsStartPausedAndAskForNoBufferMeanwhile, AnIdleStreamAsksForNoBuffer,
                            PausingStopsCallbacksUntilResumed, AReceiverThatDoesNotReadHoldsTheSenderBack,
                            CloseTellsThePeerAndNotTheCloser, BytesBeforeTheCloseArrive,
                            AHandlerMayDestroyItsStreamInACallback, SendingToAGonePeerCloses,
                            FileRangesTravelBetweenSlices, PeersKnowEachOthersAddress,
                            ATakenPortIsASentenceThatNamesIt, ConnectingWhereNobodyListensFails,
                            APortCanBeListenedOnAgainAfterStopping, AcceptedStreamsAreSpreadOverTheShards);

}  // namespace gregor::io::contract
