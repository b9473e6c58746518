#include "server/quota_rate.h"

#include <limits>

#include <gtest/gtest.h>

namespace gregor::server {
namespace {

Instant at_ms(std::int64_t ms) { return Instant::from_nanos(ms * 1'000'000); }

class QuotaRateTest : public testing::Test {
protected:
    std::int64_t record(double value, std::int64_t ms, double bound = 1'000) {
        rate.record(window, value, at_ms(ms));
        return rate.excess(window, bound, at_ms(ms)).to_millis();
    }
    QuotaWindow window;
    QuotaRate rate;
};

// Kafka's worked example: ten samples of a second are taken for passed, so 10,000 are just allowed, and 2,500
// more take two seconds and a half.
TEST_F(QuotaRateTest, AFirstBurstMayFillTheWindow) {
    EXPECT_EQ(record(10'000, 0), 0);
    EXPECT_EQ(record(2'500, 0), 2'500);
    EXPECT_EQ(rate.excess(window, 1'250, at_ms(0)).to_millis(), 0);  // a higher bound counts at once
    EXPECT_EQ(rate.excess(window, 500, at_ms(0)).to_millis(), 15'000);
}

// Ten seconds are taken for passed; from then on they are eleven samples within ten seconds.
TEST_F(QuotaRateTest, TheWindowGrowsWithTimeUpToItsSamples) {
    for (std::int64_t second = 0; second < 30; ++second)
        EXPECT_EQ(record(1'000, second * 1'000), second < 10 ? 0 : 1'000) << second;
}

TEST_F(QuotaRateTest, WhatIsTakenBackCountsNoMore) {
    EXPECT_EQ(record(20'000, 0), 10'000);
    EXPECT_EQ(record(-20'000, 1), 0);
}

TEST_F(QuotaRateTest, NothingIsLeftAfterTheWindow) {
    EXPECT_GT(record(100'000, 0), 0);
    EXPECT_GT(rate.excess(window, 1'000, at_ms(10'999)).to_millis(), 0);
    EXPECT_EQ(rate.excess(window, 1'000, at_ms(11'000)).to_millis(), 0);
}

TEST_F(QuotaRateTest, AWindowOfOneSampleDividesByNoZero) {
    window.samples = 1;
    EXPECT_GT(record(1, 0, 0.001), 0);
    EXPECT_EQ(record(1e300, 0, 1e-300), std::numeric_limits<std::int32_t>::max());
}

}  // namespace
}  // namespace gregor::server
