// What only the kernel's world promises: no wake-ups when idle, no spinning without descriptors, signals,
// quiet ends.
#include "io/asio/runtime.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <fstream>
#include <string>
#include <thread>

#include "base/completion.h"
#include "io/contract/network_contract.h"

namespace gregor::io {
namespace {

using contract::Caller;
using contract::Host;

const ShardId k_first{0};

// Runs `test`, then the runtime until it stops or 20 s have passed.
void run_for_at_most_20s(AsioRuntime& runtime) {
    auto& ports = runtime.ports(k_first);
    bool gave_up = false;
    ports.executor.call_at(ports.clock.now() + Duration::seconds(20), [&] {
        gave_up = true;
        runtime.stop();
    });
    runtime.run();
    EXPECT_FALSE(gave_up);
}

double cpu_seconds() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto cpu = usage.ru_utime.tv_sec + usage.ru_stime.tv_sec;
    const auto micros = usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
    return static_cast<double>(cpu) + static_cast<double>(micros) / 1e6;
}

// How often a thread of this process has gone to sleep.
long sleeps_of(pid_t thread) {
    std::ifstream status("/proc/self/task/" + std::to_string(thread) + "/status");
    const std::string key = "voluntary_ctxt_switches:";
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with(key)) return std::stol(line.substr(key.size()));
    }
    ADD_FAILURE() << "no such thread";
    return 0;
}

TEST(AsioRuntime, AnIdleProcessNeverWakes) {
    AsioRuntime runtime({.shards = 2});
    Host host;
    runtime.ports(k_first).network.set_accept_handler(host);
    ASSERT_TRUE(runtime.ports(k_first).network.listen(0, {"localhost", 0}).has_value());
    std::atomic<pid_t> thread{0};
    runtime.ports(k_first).executor.post([&] { thread = ::gettid(); });
    std::thread server([&] { runtime.run(); });
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    const auto before = sleeps_of(thread);
    std::this_thread::sleep_for(std::chrono::seconds(1));
    const auto after = sleeps_of(thread);
    runtime.stop();
    server.join();
    EXPECT_EQ(after, before);
}

#if defined(__has_feature)
#if __has_feature(undefined_behavior_sanitizer)
#define GREGOR_CHECKS_NEED_DESCRIPTORS
#endif
#endif

TEST(AsioRuntime, WithoutDescriptorsItRestsAndRecovers) {
#ifdef GREGOR_CHECKS_NEED_DESCRIPTORS
    GTEST_SKIP() << "UBSan's check of virtual calls opens a pipe, and this test leaves it no descriptor";
#endif
    AsioRuntime runtime;
    auto& ports = runtime.ports(k_first);
    Host host;
    host.echo = true;
    ports.network.set_accept_handler(host);
    const auto port = ports.network.listen(0, {"127.0.0.1", 0}).value();
    Caller caller;
    caller.say_first = {"hello"};
    ports.network.connect({"127.0.0.1", port}, caller);
    // Room for the caller's own socket alone.
    rlimit limit{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
    const int next_fd = ::open("/dev/null", O_RDONLY);
    ::close(next_fd);
    const rlimit tight{static_cast<rlim_t>(next_fd) + 1, limit.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &tight), 0);
    ports.executor.call_at(ports.clock.now() + Duration::millis(500), [&] {
        EXPECT_TRUE(caller.connected);
        EXPECT_TRUE(host.peers.empty());
        ::setrlimit(RLIMIT_NOFILE, &limit);
    });
    ports.executor.call_at(ports.clock.now() + Duration::millis(800), [&] { runtime.stop(); });
    const auto cpu_before = cpu_seconds();
    run_for_at_most_20s(runtime);
    EXPECT_LT(cpu_seconds() - cpu_before, 0.2);
    EXPECT_EQ(caller.peer.received, "hello");
}

TEST(AsioRuntime, StopSignalsReachTheHook) {
    AsioRuntime runtime;
    std::vector<int> signals;
    runtime.on_stop_signal([&](int signal) {
        signals.push_back(signal);
        if (signals.size() == 2) return runtime.stop();
        std::raise(SIGINT);
    });
    runtime.ports(k_first).executor.post([] { std::raise(SIGTERM); });
    run_for_at_most_20s(runtime);
    EXPECT_EQ(signals, (std::vector{SIGTERM, SIGINT}));
}

// Stands still until `release` comes, for 10 s at most.
struct StandingJob final : DiskJob {
    StandingJob(std::atomic<bool>& release, int& left, AsioRuntime& its_runtime)
        : released(release), jobs_left(left), runtime(its_runtime) {}
    void run(FileSystem&) override {
        for (int waited_ms = 0; !released && waited_ms < 10'000; ++waited_ms)
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        EXPECT_TRUE(released);
    }
    void complete() override {
        if (--jobs_left == 0) runtime.stop();
    }

    std::atomic<bool>& released;
    int& jobs_left;
    AsioRuntime& runtime;
};

struct ReleasingJob final : DiskJob {
    explicit ReleasingJob(std::atomic<bool>& release) : released(release) {}
    void run(FileSystem&) override { released = true; }
    void complete() override {}

    std::atomic<bool>& released;
};

TEST(AsioRuntime, WhatIsWaitedForFindsAWorkerBesideAnyNumberOfReadsAndBulkLanes) {
    AsioRuntime runtime;
    auto& ports = runtime.ports(k_first);
    std::atomic<bool> release = false;
    int left = 100;
    ports.executor.post([&] {
        for (int i = left / 2; i > 0; --i) {
            ports.disk.submit({}, std::make_unique<StandingJob>(release, left, runtime));
            ports.disk.submit(ports.disk.new_lane(LaneUse::bulk),
                              std::make_unique<StandingJob>(release, left, runtime));
        }
        ports.disk.submit(ports.disk.new_lane(LaneUse::waited_for), std::make_unique<ReleasingJob>(release));
    });
    run_for_at_most_20s(runtime);
    EXPECT_EQ(left, 0);
}

TEST(AsioRuntime, WhatWaitsAtTheEndIsDroppedUncalled) {
    bool called = false;
    {
        AsioRuntime runtime;
        auto& ports = runtime.ports(k_first);
        Completion<int> never_answered([&](int) { called = true; });
        ports.executor.call_at(ports.clock.now() + Duration::seconds(60),
                               [done = std::move(never_answered)]() mutable { done(1); });
        ports.executor.post([&] { runtime.stop(); });
        runtime.run();
        ports.shards.submit(k_first, [&] { called = true; });
    }
    EXPECT_FALSE(called);
}

TEST(AsioRuntime, ANameThatDoesNotExistIsASentence) {
    AsioRuntime runtime;
    auto& network = runtime.ports(k_first).network;
    const auto bound = network.listen(0, {"no-such-host.invalid", 9092});
    ASSERT_FALSE(bound.has_value());
    EXPECT_NE(bound.error().detail.find("no-such-host.invalid"), std::string::npos);
    const auto foreign = network.listen(0, {"192.0.2.1", 9092});  // an address for documentation, never ours
    ASSERT_FALSE(foreign.has_value());
    EXPECT_NE(foreign.error().detail.find("192.0.2.1:9092"), std::string::npos) << foreign.error().detail;
}

TEST(AsioRuntime, LocalhostIsBothLoopbacks) {
    AsioRuntime runtime;
    auto& ports = runtime.ports(k_first);
    Host host;
    ports.network.set_accept_handler(host);
    const auto port = ports.network.listen(0, {"localhost", 0}).value();
    Caller v4;
    Caller v6;
    ports.network.connect({"127.0.0.1", port}, v4);
    ports.network.connect({"::1", port}, v6);
    ports.executor.call_at(ports.clock.now() + Duration::millis(200), [&] { runtime.stop(); });
    run_for_at_most_20s(runtime);
    EXPECT_TRUE(v4.connected);
    EXPECT_TRUE(v6.connected || v6.failure->find("not supported") != std::string::npos);
}

}  // namespace
}  // namespace gregor::io
