// The milliseconds are those of `date -u -d TIME +%s%3N`.
#include "cli/time_text.h"

#include <gtest/gtest.h>

namespace gregor::cli {
namespace {

TEST(TimeText, ReadsWhatPeopleWrite) {
    EXPECT_EQ(parse_time_ms("2026-11-23T10:00:05.250Z"), 1'795'428'005'250);
    EXPECT_EQ(parse_time_ms("2026-11-23T10:00"), 1'795'428'000'000);
    EXPECT_EQ(parse_time_ms("2026-11-23 10:00:05"), 1'795'428'005'000);
    EXPECT_EQ(parse_time_ms("1970-01-01"), 0);
    EXPECT_EQ(parse_time_ms("2024-02-29"), 1'709'164'800'000);
    EXPECT_EQ(parse_time_ms("1700000000000"), 1'700'000'000'000);
}

TEST(TimeText, RefusesTheRest) {
    for (const auto* text :
         {"", "-1", "yesterday", "2026-02-29", "2026-13-01", "2026-11-23T24:00", "2026-11-23T1:00",
          "2026-11-23T10:00:05.25", "2026-11-23T10:00Zulu", "2026-11-23T", "2026-11-2x"})
        EXPECT_FALSE(parse_time_ms(text).has_value()) << text;
}

TEST(TimeText, WritesUtc) {
    EXPECT_EQ(time_text(1'795'428'005'250), "2026-11-23T10:00:05.250Z");
    EXPECT_EQ(time_text(0), "1970-01-01T00:00:00.000Z");
    EXPECT_EQ(time_text(-1), "-");
}

}  // namespace
}  // namespace gregor::cli
