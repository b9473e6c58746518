// The fakes held to the same contract as the kernel (io/contract).
#include <gtest/gtest.h>

#include <functional>

#include "io/contract/disk_contract.h"
#include "io/contract/executor_contract.h"
#include "io/contract/network_contract.h"
#include "sim/machine.h"

namespace gregor::sim {
namespace {

class Shell final : public Program {};

class ContractWorld {
public:
    explicit ContractWorld(std::uint32_t shards) {
        machine_ = &world_.add_machine(
            std::make_unique<Machine>(world_, MachineOptions{.host = "a", .shards = shards},
                                      [](Machine&) { return std::make_unique<Shell>(); }));
        machine_->start();
        ports_ = machine_->ports();
    }
    io::ShardPorts& ports(ShardId shard) { return ports_.at(shard.value()); }
    io::FileSystem& files() { return machine_->files(); }
    std::string scratch() {
        EXPECT_TRUE(files().make_directories("/scratch"));
        return "/scratch";
    }
    void run_until(const std::function<bool()>& done) {
        for (int steps = 0; steps < 2'000'000; ++steps) {
            if (done()) return;
            if (!world_.step()) world_.run_until(world_.now() + Duration::millis(1));
        }
        ADD_FAILURE() << "not done in time";
    }

private:
    World world_{WorldOptions{.seed = 11}};
    Machine* machine_ = nullptr;
    std::vector<io::ShardPorts> ports_;
};

}  // namespace
}  // namespace gregor::sim

namespace gregor::io::contract {

INSTANTIATE_TYPED_TEST_SUITE_P(Sim, ExecutorContract, sim::ContractWorld);
INSTANTIATE_TYPED_TEST_SUITE_P(Sim, DiskContract, sim::ContractWorld);
INSTANTIATE_TYPED_TEST_SUITE_P(Sim, NetworkContract, sim::ContractWorld);

}  // namespace gregor::io::contract
