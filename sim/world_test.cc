#include "sim/world.h"

#include <algorithm>
#include <functional>

#include <gtest/gtest.h>

#include "base/completion.h"
#include "sim/machine.h"

namespace gregor::sim {
namespace {

using Log = std::vector<std::string>;

// Runs `at_boot` when its process starts.
class Script final : public Program {
public:
    Script(Machine& machine, const std::function<void(Script&)>& at_boot) : ports(machine.ports()) {
        at_boot(*this);
    }
    std::vector<io::ShardPorts> ports;
};

Boot script(std::function<void(Script&)> at_boot) {
    return [at_boot](Machine& machine) { return std::make_unique<Script>(machine, at_boot); };
}

TEST(World, TimeJumpsFromEventToEventInOrder) {
    World world({.seed = 1});
    Log log;
    const auto start = world.now();
    world.schedule(start + Duration::seconds(2), k_world_process, "b", [&] { log.push_back("b"); });
    world.schedule(start + Duration::seconds(1), k_world_process, "a", [&] { log.push_back("a"); });
    const auto cancelled = world.schedule(start, k_world_process, "c", [&] { log.push_back("c"); });
    world.cancel(cancelled);
    world.run_until(start + Duration::seconds(10));
    EXPECT_EQ(log, (Log{"a", "b"}));
    EXPECT_EQ((world.now() - start).to_millis(), 10'000);
}

std::uint64_t hash_of(std::uint64_t seed, int tasks) {
    World world({.seed = seed});
    world
        .add_machine(std::make_unique<Machine>(world, MachineOptions{.host = "a"}, script([&](Script& self) {
                                                   for (int i = 0; i < tasks; ++i)
                                                       self.ports[0].executor.post([&, i] {
                                                           world.note("task", static_cast<std::uint64_t>(i));
                                                       });
                                               })))
        .start();
    world.run_until(world.now() + Duration::seconds(1));
    return world.trace_hash();
}

TEST(World, EqualSeedsGiveEqualTraces) {
    EXPECT_EQ(hash_of(7, 10), hash_of(7, 10));
    EXPECT_NE(hash_of(7, 10), hash_of(8, 10));
    EXPECT_NE(hash_of(7, 10), hash_of(7, 11));
}

TEST(Executor, RunsTasksInOrderInALaterTurn) {
    World world({.seed = 3});
    Log log;
    world
        .add_machine(std::make_unique<Machine>(world, MachineOptions{.host = "a"}, script([&](Script& self) {
                                                   auto& executor = self.ports[0].executor;
                                                   executor.post([&log, &executor] {
                                                       log.push_back("first");
                                                       executor.post([&log] { log.push_back("third"); });
                                                   });
                                                   executor.post([&log] { log.push_back("second"); });
                                                   log.push_back("boot");
                                               })))
        .start();
    world.run_until(world.now() + Duration::seconds(1));
    EXPECT_EQ(log, (Log{"boot", "first", "second", "third"}));
}

TEST(Executor, ACancelledTimerNeverFires) {
    World world({.seed = 3});
    Log log;
    world
        .add_machine(std::make_unique<Machine>(
            world, MachineOptions{.host = "a"}, script([&](Script& self) {
                auto& executor = self.ports[0].executor;
                const auto timer =
                    executor.call_at(world.now() + Duration::millis(5), [&log] { log.push_back("no"); });
                executor.call_at(world.now() + Duration::millis(9), [&log] { log.push_back("yes"); });
                executor.cancel(timer);
                executor.cancel(timer);
            })))
        .start();
    world.run_until(world.now() + Duration::seconds(1));
    EXPECT_EQ(log, (Log{"yes"}));
}

TEST(Shards, DeliverInOrderPerPair) {
    World world({.seed = 5});
    std::vector<int> seen;
    world
        .add_machine(std::make_unique<Machine>(
            world, MachineOptions{.host = "a", .shards = 3}, script([&](Script& self) {
                for (int i = 0; i < 100; ++i) {
                    self.ports[0].shards.submit(ShardId{2}, [&seen, i] { seen.push_back(i); });
                }
            })))
        .start();
    world.run_until(world.now() + Duration::seconds(1));
    ASSERT_EQ(seen.size(), 100U);
    EXPECT_TRUE(std::ranges::is_sorted(seen));
}

TEST(Machine, ACrashForgetsEverythingUnderWayAndNothingElse) {
    World world({.seed = 9});
    Log log;
    auto& machine = world.add_machine(
        std::make_unique<Machine>(world, MachineOptions{.host = "a"}, script([&](Script& self) {
                                      log.push_back("boot");
                                      auto& executor = self.ports[0].executor;
                                      Completion<int> never_called([](int) {});
                                      executor.call_at(world.now() + Duration::seconds(1),
                                                       [&log, held = std::move(never_called)]() mutable {
                                                           log.push_back("never");
                                                           held(1);
                                                       });
                                  })));
    machine.start();
    world.run_until(world.now() + Duration::millis(500));
    machine.crash(CrashKind::kill);
    EXPECT_FALSE(machine.is_running());
    machine.restart_after(Duration::millis(100));
    world.run_until(world.now() + Duration::millis(700));
    EXPECT_EQ(log, (Log{"boot", "boot"}));
    EXPECT_EQ(machine.boots(), 2U);
}

TEST(Machine, AnOrderlyExitMustHaveAnsweredEverything) {
    const auto exit_with_a_debt = [] {
        World world({.seed = 9});
        auto& machine = world.add_machine(std::make_unique<Machine>(
            world, MachineOptions{.host = "a"}, script([&](Script& self) {
                Completion<int> debt([](int) {});
                self.ports[0].executor.call_at(world.now() + Duration::seconds(9),
                                               [held = std::move(debt)]() mutable { held(1); });
            })));
        machine.start();
        world.run_until(world.now() + Duration::seconds(1));
        machine.exit();
        world.run_until(world.now() + Duration::seconds(1));
    };
    EXPECT_DEATH(exit_with_a_debt(), "function_ == nullptr");
}

TEST(FaultPoint, KillsTheMachineThatPassesIt) {
    World world({.seed = 9});
    Log log;
    auto& machine = world.add_machine(
        std::make_unique<Machine>(world, MachineOptions{.host = "a"}, script([&](Script& self) {
                                      for (int i = 0; i < 3; ++i) {
                                          self.ports[0].executor.post([&log] {
                                              log.push_back("before");
                                              FAULT_POINT("world_test_point");
                                          });
                                      }
                                  })));
    world.arm_fault_point("world_test_point", machine.number(), 2, false);
    machine.start();
    world.run_until(world.now() + Duration::seconds(1));
    EXPECT_EQ(log, (Log{"before", "before"}));
    EXPECT_FALSE(machine.is_running());
    EXPECT_EQ(world.hits().at("world_test_point"), 2U);
}

}  // namespace
}  // namespace gregor::sim
