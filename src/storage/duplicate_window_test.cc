// A start that forgets what producers sent before their last snapshot must not go unnoticed. The simulator's
// log workload hunts it too, but needs some 170 seeds.
#include <gtest/gtest.h>

#include "base/fault.h"
#include "storage/testing/log_world.h"

namespace gregor::storage {
namespace {

using testing::LogWorld;
using testing::make_batch;
using testing::TestBatch;

class Planter final : public FaultObserver {
public:
    explicit Planter(std::string_view bug) : bug_(bug) {}
    void on_mark(const FaultSite&) override {}
    bool is_planted(const FaultSite& site) override { return site.name() == bug_; }

private:
    std::string_view bug_;
};

// Five batches in a segment each, a clean stop, a start, and the first of them again.
bool is_known_after_a_start(std::string_view bug) {
    Planter planter(bug);
    const FaultScope scope(planter);
    const TestBatch first{.producer_id = ProducerId{7}, .producer_epoch = 0, .base_sequence = 0};
    LogWorld world({.segment_bytes = static_cast<std::int32_t>(make_batch(first).size())});
    world.open();
    for (auto batch = first; batch.base_sequence < 5; ++batch.base_sequence) EXPECT_TRUE(world.append(batch));
    world.settle();
    EXPECT_TRUE(world.close());
    auto request = world.request();
    request.clean = true;
    request.recovery_point = Offset{5};
    world.open(request);
    const auto again = world.append(first);
    return again && again->duplicate;
}

TEST(DuplicateWindow, ComesBackWithAStart) { EXPECT_TRUE(is_known_after_a_start("")); }

#ifdef GREGOR_PLANTED_BUGS
TEST(DuplicateWindow, IsMissedWhenItDoesNot) {
    EXPECT_FALSE(is_known_after_a_start("duplicate_window_not_restored"));
}
#endif

}  // namespace
}  // namespace gregor::storage
