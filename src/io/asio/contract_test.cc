// The contract suites of the ports on the kernel.
#include <functional>

#include "io/asio/asio_world.h"
#include "io/contract/disk_contract.h"
#include "io/contract/executor_contract.h"
#include "io/contract/network_contract.h"

namespace gregor::io {

AsioWorld::~AsioWorld() {
    if (!scratch_.empty()) std::filesystem::remove_all(scratch_);
}

std::string AsioWorld::scratch() {
    std::string pattern = std::filesystem::temp_directory_path() / "gregor-io-XXXXXX";
    const auto* made = ::mkdtemp(pattern.data());
    EXPECT_NE(made, nullptr);
    scratch_ = pattern;
    return pattern;
}

void AsioWorld::run_until(std::function<bool()> done) {
    done_ = std::move(done);
    give_up_at_ = ports(ShardId{0}).clock.now() + Duration::seconds(20);
    ports(ShardId{0}).executor.post([this] { poll(); });
    runtime_.run();
}

void AsioWorld::poll() {
    auto& mine = ports(ShardId{0});
    const bool is_late = mine.clock.now() > give_up_at_;
    EXPECT_FALSE(is_late) << "the condition never came true";
    if (is_late || done_()) return runtime_.stop();
    mine.executor.call_at(mine.clock.now() + Duration::micros(200), [this] { poll(); });
}

using Kernel = testing::Types<AsioWorld>;

namespace contract {
INSTANTIATE_TYPED_TEST_SUITE_P(Asio, ExecutorContract, Kernel);
INSTANTIATE_TYPED_TEST_SUITE_P(Asio, DiskContract, Kernel);
INSTANTIATE_TYPED_TEST_SUITE_P(Asio, NetworkContract, Kernel);
}  // namespace contract

}  // namespace gregor::io
