#include "coordinator/producer_ids.h"

#include <gtest/gtest.h>

#include <set>

#include "coordinator/txn_test_world.h"

namespace gregor::coordinator {
namespace {

TEST(ProducerIds, WhileNoneIsAtHandTheClientTriesAgain) {
    TestLoop loop(1);
    TestImages images;
    TestController controller(loop);
    NoDisk disk;
    NoNetwork network;
    ProducerIds ids({.ports = {ShardId{0}, loop, loop, loop, loop, disk, network},
                     .broker_id = BrokerId{1},
                     .images = images,
                     .controller = controller});
    const auto first = ids.next();
    ASSERT_FALSE(first);
    EXPECT_EQ(first.error().code, ErrorCode::coordinator_load_in_progress);
    loop.run_ready();
    // From then on blocks are fetched ahead, and no id is given twice.
    std::set<std::int64_t> given;
    for (int i = 0; i < 2'500; ++i) {
        const auto id = ids.next();
        ASSERT_TRUE(id) << i;
        EXPECT_TRUE(given.insert(id->value()).second);
        loop.run_ready();
    }
}

}  // namespace
}  // namespace gregor::coordinator
