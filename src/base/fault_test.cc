#include "base/fault.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace gregor {
namespace {

class Recorder final : public FaultObserver {
public:
    explicit Recorder(std::string_view planted) : planted_(planted) {}
    void on_mark(const FaultSite& site) override { seen.emplace_back(site.name()); }
    bool is_planted(const FaultSite& site) override { return site.name() == planted_; }
    std::vector<std::string> seen;

private:
    std::string_view planted_;
};

bool is_registered(FaultMark mark, std::string_view name) {
    for (const auto* site = FaultSite::first(); site != nullptr; site = site->next()) {
        if (site->mark() == mark && site->name() == name) return true;
    }
    return false;
}

void pass_marks() {
    FAULT_POINT("fault_test_point");
    REACHED("fault_test_case");
}

TEST(Fault, AMarkIsSilentWithoutAnObserver) {
    pass_marks();
    EXPECT_FALSE(PLANTED_BUG("fault_test_bug"));
}

TEST(Fault, TheObserverOfTheThreadSeesMarksInOrder) {
    Recorder outer("");
    const FaultScope outer_scope(outer);
    {
        Recorder inner("");
        const FaultScope scope(inner);
        pass_marks();
        EXPECT_EQ(inner.seen, (std::vector<std::string>{"fault_test_point", "fault_test_case"}));
    }
    EXPECT_TRUE(outer.seen.empty());
    EXPECT_EQ(FaultScope::current(), &outer);
}

TEST(Fault, AMarkThatNeverRanIsListed) {
    if (FaultSite::first() == nullptr) REACHED("fault_test_never");
    EXPECT_TRUE(is_registered(FaultMark::reached, "fault_test_never"));
    EXPECT_FALSE(is_registered(FaultMark::fault_point, "fault_test_never"));
}

#ifdef GREGOR_PLANTED_BUGS
TEST(Fault, OnlyTheSelectedBugIsPlanted) {
    Recorder recorder("fault_test_bug");
    const FaultScope scope(recorder);
    EXPECT_TRUE(PLANTED_BUG("fault_test_bug"));
    EXPECT_FALSE(PLANTED_BUG("fault_test_other_bug"));
}
#endif

}  // namespace
}  // namespace gregor
